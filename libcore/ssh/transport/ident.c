/* SPDX-License-Identifier: Apache-2.0
 *
 * The identification lines (RFC 4253, section 4.2). A unit is a line. A server may send others first, which are
 * nobody's business and bounded; a client sends its own at once. */
#include <string.h>

#include "ssh/ssh.h"

#include "session/error.h"
#include "session/memory.h"

#define PREFIX "SSH-"
#define OURS "SSH-2.0-"
/* A line that comes before a server's own. */
#define EARLY_LINE_MAX 8192

void ident_own(const struct ssh *ssh, struct writer *w)
{
    put_bytes(w, OURS, strlen(OURS));
    put_bytes(w, ssh->config->software, strlen(ssh->config->software));
}

int ident_send(struct ssh *ssh)
{
    uint8_t room[IDENT_MAX];
    struct writer w = writer_in(room, sizeof room);
    uint8_t *out;

    ident_own(ssh, &w);
    put_bytes(&w, "\r\n", 2);
    out = w.failed ? NULL : outbox_extend(ssh->session, w.size);
    if (out)
        memcpy(out, w.data, w.size);
    if (session_traced(ssh->session))
        session_trace(ssh->session, 1, "identification", w.size, phase_name(ssh->phase));
    writer_free(&w);
    if (!out)
        return ssh_no_memory(ssh, "the identification line");
    ssh->transport.ident_sent = 1;
    return SESSILE_OK;
}

static int starts_with(const uint8_t *line, size_t size, const char *prefix)
{
    return size >= strlen(prefix) && memcmp(line, prefix, strlen(prefix)) == 0;
}

static int fail_line(struct ssh *ssh, const uint8_t *line, size_t size, int code, const char *what)
{
    char escaped[ESCAPED_ROOM];

    return session_fail(ssh->session, code, "the peer's identification line %s: \"%s\"", what,
                        text_escape(escaped, sizeof escaped, line, size));
}

/* The line is that of a peer: version 2.0, or 1.99 for it and an older one (section 5.1). */
static int take_ident(struct ssh *ssh, const uint8_t *line, size_t size)
{
    struct transport *t = &ssh->transport;
    int result;

    if (!starts_with(line, size, OURS) && !(ssh->role == SESSILE_CLIENT && starts_with(line, size, "SSH-1.99-")))
        return fail_line(ssh, line, size, SESSILE_ERR_NEGOTIATION, "is not of version 2.0");
    for (size_t i = 0; i < size; i++)
        if (line[i] < 0x20 || line[i] == 0x7f)
            return fail_line(ssh, line, size, SESSILE_ERR_PROTOCOL, "has a control character");
    if (!(t->peer_ident = mem_copy(line, size)))
        return ssh_no_memory(ssh, "the peer's identification line");
    if ((result = ssh_enter(ssh, SSH_KEX)) < 0 || (result = kex_begin(ssh)) < 0)
        return result;
    packet_need(ssh);
    return SESSILE_OK;
}

/* Some line that a server sends before its own. */
static int take_early(struct ssh *ssh, const uint8_t *line, size_t size)
{
    struct transport *t = &ssh->transport;

    if (ssh->role == SESSILE_SERVER)
        return fail_line(ssh, line, size, SESSILE_ERR_PROTOCOL, "does not begin with SSH-");
    if (memchr(line, 0, size))
        return fail_line(ssh, line, size, SESSILE_ERR_PROTOCOL, "does not come: a line before it has a NUL byte");
    t->ident_bytes += (uint32_t)size;
    if (++t->ident_lines <= IDENT_LINES_MAX && t->ident_bytes <= IDENT_BYTES_MAX)
        return SESSILE_OK;
    return session_fail(ssh->session, SESSILE_ERR_LIMIT,
                        "the peer sent %u lines of %u bytes and no identification (limits: %d lines, %d bytes)",
                        t->ident_lines, t->ident_bytes, IDENT_LINES_MAX, IDENT_BYTES_MAX);
}

/* Whether what is there of a line can become one: what is not SSH is told so early. */
static int check_part(struct ssh *ssh, const uint8_t *data, size_t size)
{
    size_t prefix = size < strlen(PREFIX) ? size : strlen(PREFIX);
    int may_be_ident = memcmp(data, PREFIX, prefix) == 0;
    size_t most = may_be_ident ? IDENT_MAX : EARLY_LINE_MAX;

    if (!may_be_ident && ssh->role == SESSILE_SERVER)
        return fail_line(ssh, data, size, SESSILE_ERR_PROTOCOL, "does not begin with SSH-");
    if (size >= most)
        return session_fail(ssh->session, SESSILE_ERR_PROTOCOL, "the peer's %s has more than %zu bytes",
                            may_be_ident ? "identification line" : "first line", most);
    session_need(ssh->session, size + 1);
    return 0;
}

int ident_unit(struct ssh *ssh, const uint8_t *data, size_t size)
{
    size_t searched = size < EARLY_LINE_MAX ? size : EARLY_LINE_MAX;
    const uint8_t *end = memchr(data, '\n', searched);
    size_t line;
    int result;

    if (!end)
        return check_part(ssh, data, searched);
    line = (size_t)(end - data);
    if (session_traced(ssh->session))
        session_trace(ssh->session, 0, "identification", line + 1, phase_name(ssh->phase));
    if (starts_with(data, line, PREFIX) && line + 1 > IDENT_MAX)
        return check_part(ssh, data, line);
    if (line && data[line - 1] == '\r')
        line--;
    result = starts_with(data, line, PREFIX) ? take_ident(ssh, data, line) : take_early(ssh, data, line);
    return result < 0 ? result : (int)(end - data + 1);
}
