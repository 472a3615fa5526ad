/* SPDX-License-Identifier: Apache-2.0
 *
 * Trust on first use: a question about a certificate, put to the person at the terminal and answered whenever they do.
 */
#ifndef COMMON_TOFU_H
#define COMMON_TOFU_H

#include <sessile/question.h>

#include "common/loop.h"

struct tofu {
    sessile_question *question; /* kept; NULL: none */
    struct watch terminal;
    char answer[64];
    size_t size;
};

/* Called inside the question's callback. The terminal is /dev/tty, or stdin where there is none. */
void tofu_ask(struct tofu *tofu, struct loop *loop, sessile_question *question);
/* Forget the question, if there is one. */
void tofu_drop(struct tofu *tofu);

#endif
