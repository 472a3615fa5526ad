/* SPDX-License-Identifier: Apache-2.0
 *
 * The question is kept, the loop goes on, and the answer comes when a line has been typed. Only "yes" means yes.
 */
#include "common/tofu.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "common/util.h"

static const char *item_text(sessile_question *question, int item)
{
    const void *data;
    size_t size;
    return sessile_question_get(question, item, 0, &data, &size) == 0 ? data : "?";
}

static void print_fingerprint(sessile_question *question)
{
    const void *data;
    size_t size;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int digest_size = 0;
    if (sessile_question_get(question, SESSILE_ITEM_CERTIFICATE, 0, &data, &size) != 0 ||
        EVP_Digest(data, size, digest, &digest_size, EVP_sha256(), NULL) != 1) {
        return;
    }
    fprintf(stderr, "SHA-256 ");
    for (unsigned int i = 0; i < digest_size; i++) {
        fprintf(stderr, "%s%02X", i > 0 ? ":" : "", digest[i]);
    }
    fputc('\n', stderr);
}

static void tofu_answer(struct tofu *tofu)
{
    sessile_question *question = tofu->question;
    int yes = tofu->size == 4 && memcmp(tofu->answer, "yes\n", 4) == 0;
    tofu->question = NULL;
    tofu_drop(tofu);
    if (yes) {
        sessile_question_accept(question);
    } else {
        sessile_question_refuse(question, 0);
    }
    sessile_question_free(question);
}

/* One byte at a time: what follows the line is not for us where the terminal is stdin. */
static void on_terminal(struct watch *watch, uint32_t events, void *owner)
{
    struct tofu *tofu = owner;
    char c;
    (void)events;
    ssize_t n = read(watch->fd, &c, 1);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
        return;
    }
    if (n == 1) {
        tofu->answer[tofu->size++] = c;
    }
    if (n <= 0 || c == '\n' || tofu->size == sizeof tofu->answer) {
        tofu_answer(tofu);
    }
}

void tofu_ask(struct tofu *tofu, struct loop *loop, sessile_question *question)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        fd = dup(STDIN_FILENO);
    }
    tofu->question = fd < 0 ? NULL : sessile_question_keep(question);
    if (tofu->question == NULL) {
        return; /* which refuses it */
    }
    tofu->size = 0;
    watch_open(&tofu->terminal, loop, fd, on_terminal, tofu);
    watch_want(&tofu->terminal, EPOLLIN);
    fprintf(stderr, "The certificate of %s is not trusted: %s.\n", item_text(question, SESSILE_ITEM_HOST),
            item_text(question, SESSILE_ITEM_VERIFY_TEXT));
    print_fingerprint(question);
    fprintf(stderr, "Trust it this once? (yes/no) ");
    fflush(stderr);
}

void tofu_drop(struct tofu *tofu)
{
    if (tofu->terminal.loop != NULL) {
        watch_close(&tofu->terminal);
        close(tofu->terminal.fd);
    }
    sessile_question_free(tofu->question);
    tofu->question = NULL;
}
