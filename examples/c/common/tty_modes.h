/* SPDX-License-Identifier: Apache-2.0
 *
 * Terminal modes between termios and the wire (RFC 4254, section 8).
 */
#ifndef COMMON_TTY_MODES_H
#define COMMON_TTY_MODES_H

#include <stddef.h>
#include <stdint.h>
#include <termios.h>

#define TTY_MODES_SIZE 512

/* Writes at most TTY_MODES_SIZE bytes, and returns how many. */
size_t tty_modes_put(const struct termios *modes, uint8_t *data);
/* What is not known is left as it is; what is cut short ends it. */
void tty_modes_get(struct termios *modes, const uint8_t *data, size_t size);

#endif
