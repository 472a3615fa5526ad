/* SPDX-License-Identifier: Apache-2.0
 *
 * Options of authorized_keys (sshd(8)). They are read in order, so that "restrict,pty" allows a terminal and
 * "pty,restrict" does not. One that is not known makes the line useless: it might have been a restriction. */
#include "ssh/trust/options.h"

#include <string.h>

#include <sessile/error.h>
#include <sessile/trust.h>

#include "session/error.h"
#include "session/memory.h"
#include "ssh/trust/pattern.h"

#define OPTION_VALUE_MAX 65536

struct option_reading {
    struct options *options;
    int zone;
    struct line_error *why;
};

/* ---- flags ---- */

#define FLAG_PERMIT 0 /* what: SESSILE_GRANT_* */
#define FLAG_RESTRICT 1
#define FLAG_AUTHORITY 2
#define FLAG_TOUCH 3
#define FLAG_VERIFY 4

static const struct option_flag {
    const char *name;
    int negatable; /* with "no-" in front */
    int kind;
    int what;
} option_flags[] = {
    {"restrict", 0, FLAG_RESTRICT, 0},
    {"cert-authority", 0, FLAG_AUTHORITY, 0},
    {"pty", 1, FLAG_PERMIT, SESSILE_GRANT_PTY},
    {"port-forwarding", 1, FLAG_PERMIT, SESSILE_GRANT_PORT_FORWARDING},
    {"agent-forwarding", 1, FLAG_PERMIT, SESSILE_GRANT_AGENT_FORWARDING},
    {"x11-forwarding", 1, FLAG_PERMIT, SESSILE_GRANT_X11_FORWARDING},
    {"user-rc", 1, FLAG_PERMIT, SESSILE_GRANT_USER_RC},
    {"touch-required", 1, FLAG_TOUCH, 0},
    {"verify-required", 1, FLAG_VERIFY, 0},
};

static void flag_set(struct options *options, const struct option_flag *flag, int on)
{
    switch (flag->kind) {
    case FLAG_PERMIT:
        options->allows = on ? options->allows | OPTIONS_BIT(flag->what) : options->allows & ~OPTIONS_BIT(flag->what);
        break;
    case FLAG_RESTRICT:
        options->allows = 0;
        break;
    case FLAG_AUTHORITY:
        options->authority = 1;
        break;
    case FLAG_TOUCH:
        options->no_touch = !on;
        break;
    default:
        options->verify = on != 0;
        break;
    }
}

/* 1 where the name is a flag's. */
static int option_flag_read(struct options *options, struct span name)
{
    struct span positive = name;
    int negated = span_skip_nocase(&positive, "no-");

    for (size_t i = 0; i < sizeof option_flags / sizeof option_flags[0]; i++)
        if (span_is_nocase(name, option_flags[i].name) ||
            (negated && option_flags[i].negatable && span_is_nocase(positive, option_flags[i].name))) {
            flag_set(options, &option_flags[i], !negated);
            return 1;
        }
    return 0;
}

/* ---- options with a value: a reader takes its value, which is its own ---- */

static int once(const struct option_reading *r, char **at, char *value, const char *name)
{
    if (!*at) {
        *at = value;
        return SESSILE_OK;
    }
    mem_free(value);
    return line_fail(r->why, "the option %s= is there twice", name);
}

static int read_command(const struct option_reading *r, char *value)
{
    return once(r, &r->options->command, value, "command");
}

static int read_from(const struct option_reading *r, char *value)
{
    if (value[0])
        return once(r, &r->options->from, value, "from");
    mem_free(value);
    return line_fail(r->why, "the option from= is empty");
}

static int read_principals(const struct option_reading *r, char *value)
{
    return once(r, &r->options->principals, value, "principals");
}

static int read_expires(const struct option_reading *r, char *value)
{
    struct options *options = r->options;
    char shown[64];
    int64_t seconds;
    int result = SESSILE_OK;

    if (options_time(span_of(value), r->zone, &seconds) < 0)
        result =
            line_fail(r->why, "expiry-time='%s' is no time", text_escape(shown, sizeof shown, value, strlen(value)));
    else if (!options->expires || seconds < options->expires)
        options->expires = seconds;
    mem_free(value);
    return result;
}

static int environment_name_is_good(struct span name)
{
    for (size_t i = 0; i < name.size; i++) {
        char c = ascii_lower(name.at[i]);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_')
            return 0;
    }
    return name.size > 0;
}

static int environment_has(const struct options *options, struct span name)
{
    struct span entry;

    for (size_t i = 0; i < options->environment_count; i++) {
        entry = span_of(options->environment[i]);
        if (span_equal(span_take(&entry, '='), name))
            return 1;
    }
    return 0;
}

static int environment_add(struct options *options, char *value)
{
    char **list = mem_realloc(options->environment, (options->environment_count + 1) * sizeof(char *));

    if (!list)
        return SESSILE_ERR_MEMORY;
    options->environment = list;
    list[options->environment_count++] = value;
    return SESSILE_OK;
}

/* The first of a name counts. */
static int read_environment(const struct option_reading *r, char *value)
{
    struct span rest = span_of(value);
    struct span name = span_take(&rest, '=');
    int result = SESSILE_OK;

    if (!value[name.size] || !environment_name_is_good(name))
        result = line_fail(r->why, "environment= is not NAME=value");
    else if (r->options->environment_count >= OPTIONS_ENVIRONMENT_MAX)
        result = line_fail(r->why, "there are more than %d environment=", OPTIONS_ENVIRONMENT_MAX);
    else if (!environment_has(r->options, name)) {
        result = environment_add(r->options, value);
        if (result == SESSILE_OK)
            return result;
    }
    mem_free(value);
    return result;
}

static int permits_add(struct permits *permits, char *host, int port)
{
    size_t capacity = permits->capacity ? permits->capacity * 2 : 4;
    struct permit *list = permits->list;

    if (permits->count == permits->capacity) {
        if (!(list = mem_realloc(list, capacity * sizeof *list)))
            return SESSILE_ERR_MEMORY;
        permits->list = list;
        permits->capacity = capacity;
    }
    list[permits->count++] = (struct permit){host, port};
    return SESSILE_OK;
}

/* "host:port", "[host]:port", or, where that will do, "port". host has size 0 for the last. */
static int permit_split(struct span text, int bare_port, struct span *host, int *port)
{
    size_t colon = text.size;
    struct span digits;
    long number;

    while (colon && text.at[colon - 1] != ':')
        colon--;
    *host = (struct span){text.at, colon ? colon - 1 : 0};
    digits = (struct span){text.at + colon, text.size - colon};
    if (host->size >= 2 && host->at[0] == '[' && host->at[host->size - 1] == ']')
        *host = (struct span){host->at + 1, host->size - 2};
    else if (memchr(host->at, ':', host->size))
        return -1;
    if ((!host->size && (colon || !bare_port)) || host->size > PATTERN_HOST_MAX)
        return -1;
    number = span_is(digits, "*") ? 0 : span_number(digits, 65535);
    if (number < 0 || (number == 0 && !span_is(digits, "*")))
        return -1;
    *port = (int)number;
    return 0;
}

static int read_permit(const struct option_reading *r, struct permits *permits, char *value, int bare_port)
{
    struct span host;
    char shown[64];
    char *copy = NULL;
    int port;
    int result;

    if (permit_split(span_of(value), bare_port, &host, &port) < 0)
        result =
            line_fail(r->why, "'%s' is not a host and a port", text_escape(shown, sizeof shown, value, strlen(value)));
    else if (permits->count >= OPTIONS_PERMITS_MAX)
        result = line_fail(r->why, "there are more than %d places permitted", OPTIONS_PERMITS_MAX);
    else if (!(copy = host.size ? span_copy(host) : mem_string("*")))
        result = SESSILE_ERR_MEMORY;
    else
        result = permits_add(permits, copy, port);
    if (result < 0)
        mem_free(copy);
    mem_free(value);
    return result;
}

static int read_permit_open(const struct option_reading *r, char *value)
{
    return read_permit(r, &r->options->open, value, 0);
}

static int read_permit_listen(const struct option_reading *r, char *value)
{
    return read_permit(r, &r->options->listen, value, 1);
}

/* Tunnel devices are not forwarded at all: any number will do. */
static int read_tunnel(const struct option_reading *r, char *value)
{
    int good = span_is(span_of(value), "any") || span_number(span_of(value), 0x7ffffffd) >= 0;

    mem_free(value);
    return good ? SESSILE_OK : line_fail(r->why, "tunnel= is neither a number nor 'any'");
}

static const struct {
    const char *name;
    int (*read)(const struct option_reading *r, char *value);
} option_values[] = {
    {"command", read_command},
    {"from", read_from},
    {"principals", read_principals},
    {"expiry-time", read_expires},
    {"environment", read_environment},
    {"permitopen", read_permit_open},
    {"permitlisten", read_permit_listen},
    {"tunnel", read_tunnel},
};

/* ---- reading them ---- */

/* Where the value in double quotes ends, or 0. */
static size_t value_end(struct span text)
{
    size_t i = 1;

    if (!text.size || text.at[0] != '"')
        return 0;
    while (i < text.size && text.at[i] != '"')
        i += text.at[i] == '\\' && i + 1 < text.size && text.at[i + 1] == '"' ? 2 : 1;
    return i < text.size ? i : 0;
}

/* What stands between double quotes, in which \" is one, taken off the front. NULL: see result. */
static char *value_take(struct span *rest, struct line_error *why, int *result)
{
    size_t end = value_end(*rest);
    size_t size = 0;
    char *value;

    *result = SESSILE_ERR_MEMORY;
    if (!end)
        *result = line_fail(why, "a value does not stand in double quotes");
    else if (end > OPTION_VALUE_MAX)
        *result = line_fail(why, "a value has more than %d bytes", OPTION_VALUE_MAX);
    if (*result != SESSILE_ERR_MEMORY || !(value = mem_alloc(end)))
        return NULL;
    for (size_t i = 1; i < end; i++) {
        if (rest->at[i] == '\\' && rest->at[i + 1] == '"')
            i++;
        value[size++] = rest->at[i];
    }
    value[size] = 0;
    *rest = (struct span){rest->at + end + 1, rest->size - end - 1};
    *result = SESSILE_OK;
    return value;
}

static struct span option_name_take(struct span *rest)
{
    struct span name = {rest->at, 0};

    while (name.size < rest->size && rest->at[name.size] != '=' && rest->at[name.size] != ',')
        name.size++;
    *rest = (struct span){rest->at + name.size, rest->size - name.size};
    return name;
}

static int option_unknown(struct span name, struct line_error *why)
{
    char shown[64];

    return line_fail(why, "the option '%s' is not known", text_escape(shown, sizeof shown, name.at, name.size));
}

static int option_value_read(const struct option_reading *r, struct span name, struct span *rest)
{
    char *value;
    int result;

    for (size_t i = 0; i < sizeof option_values / sizeof option_values[0]; i++)
        if (span_is_nocase(name, option_values[i].name)) {
            value = value_take(rest, r->why, &result);
            return value ? option_values[i].read(r, value) : result;
        }
    return option_unknown(name, r->why);
}

static int option_read(const struct option_reading *r, struct span *rest)
{
    struct span name = option_name_take(rest);

    if (span_skip(rest, "="))
        return option_value_read(r, name, rest);
    return option_flag_read(r->options, name) ? SESSILE_OK : option_unknown(name, r->why);
}

void options_init(struct options *options)
{
    memset(options, 0, sizeof *options);
    options->allows = OPTIONS_ALL;
}

int options_read(struct options *options, struct span text, int zone, struct line_error *why)
{
    const struct option_reading r = {options, zone, why};
    int result;

    while (text.size) {
        if ((result = option_read(&r, &text)) < 0)
            return result;
        if (text.size && (!span_skip(&text, ",") || !text.size))
            return line_fail(why, "the options are not separated by single commas");
    }
    return SESSILE_OK;
}

static void permits_free(struct permits *permits)
{
    for (size_t i = 0; i < permits->count; i++)
        mem_free(permits->list[i].host);
    mem_free(permits->list);
}

void options_free(struct options *options)
{
    mem_free(options->command);
    mem_free(options->from);
    mem_free(options->principals);
    for (size_t i = 0; i < options->environment_count; i++)
        mem_free(options->environment[i]);
    mem_free(options->environment);
    permits_free(&options->open);
    permits_free(&options->listen);
}

/* ---- places ---- */

int permits_open(const struct permits *permits, const char *host, int port)
{
    for (size_t i = 0; i < permits->count; i++)
        if ((permits->list[i].port == 0 || permits->list[i].port == port) &&
            (strcmp(permits->list[i].host, "*") == 0 || strcmp(permits->list[i].host, host) == 0))
            return 1;
    return permits->count == 0;
}

int permits_listen(const struct permits *permits, const char *host, int port)
{
    for (size_t i = 0; i < permits->count; i++)
        if ((permits->list[i].port == 0 || permits->list[i].port == port) &&
            pattern_match(span_of(permits->list[i].host), span_of(host), 1))
            return 1;
    return permits->count == 0;
}

/* ---- times ---- */

/* Days since 1970-01-01 in the Gregorian calendar; years begin in March, so that a leap day is the last. */
static int64_t days_since_1970(long year, long month, long day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t m = month > 2 ? month - 3 : month + 9;

    return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719468;
}

static long days_of_month(long year, long month)
{
    static const unsigned char days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

static long time_field(struct span text, size_t at, size_t size, long max)
{
    return at < text.size ? span_number((struct span){text.at + at, size}, max) : 0;
}

int options_time(struct span text, int zone, int64_t *seconds)
{
    long year, month, day, hour, minute, second;

    if (text.size > 3 && span_is_nocase((struct span){text.at + text.size - 3, 3}, "utc")) {
        text.size -= 3;
        zone = 0;
    } else if (text.size && ascii_lower(text.at[text.size - 1]) == 'z') {
        text.size--;
        zone = 0;
    }
    if (text.size != 8 && text.size != 12 && text.size != 14)
        return -1;
    year = time_field(text, 0, 4, 9999);
    month = time_field(text, 4, 2, 12);
    day = time_field(text, 6, 2, 31);
    hour = time_field(text, 8, 2, 23);
    minute = time_field(text, 10, 2, 59);
    second = time_field(text, 12, 2, 60);
    if (year < 1970 || month < 1 || day < 1 || hour < 0 || minute < 0 || second < 0 || day > days_of_month(year, month))
        return -1;
    *seconds = ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second - zone;
    if (*seconds < 1)
        *seconds = 1; /* 0 is never */
    return 0;
}
