/* SPDX-License-Identifier: Apache-2.0
 *
 * One table for both directions. Every argument is a number of 32 bits; opcode 0 ends the list, and from 160 on the
 * arguments' length is not known.
 */
#include "common/tty_modes.h"

#include <unistd.h>

#define OPCODE_END 0
#define OPCODE_ISPEED 128
#define OPCODE_OSPEED 129
#define OPCODE_UNKNOWN 160
#define CHARACTER_NONE 255

enum mode_kind { MODE_CHARACTER, MODE_INPUT, MODE_LOCAL, MODE_OUTPUT, MODE_CONTROL };

struct mode {
    uint8_t opcode;
    uint8_t kind;
    tcflag_t value; /* an index into c_cc, or a flag */
    tcflag_t mask;  /* 0: the flag itself */
};

static const struct mode modes_table[] = {
    {1, MODE_CHARACTER, VINTR, 0},   {2, MODE_CHARACTER, VQUIT, 0},     {3, MODE_CHARACTER, VERASE, 0},
    {4, MODE_CHARACTER, VKILL, 0},   {5, MODE_CHARACTER, VEOF, 0},      {6, MODE_CHARACTER, VEOL, 0},
    {7, MODE_CHARACTER, VEOL2, 0},   {8, MODE_CHARACTER, VSTART, 0},    {9, MODE_CHARACTER, VSTOP, 0},
    {10, MODE_CHARACTER, VSUSP, 0},  {12, MODE_CHARACTER, VREPRINT, 0}, {13, MODE_CHARACTER, VWERASE, 0},
    {14, MODE_CHARACTER, VLNEXT, 0}, {18, MODE_CHARACTER, VDISCARD, 0}, {30, MODE_INPUT, IGNPAR, 0},
    {31, MODE_INPUT, PARMRK, 0},     {32, MODE_INPUT, INPCK, 0},        {33, MODE_INPUT, ISTRIP, 0},
    {34, MODE_INPUT, INLCR, 0},      {35, MODE_INPUT, IGNCR, 0},        {36, MODE_INPUT, ICRNL, 0},
    {37, MODE_INPUT, IUCLC, 0},      {38, MODE_INPUT, IXON, 0},         {39, MODE_INPUT, IXANY, 0},
    {40, MODE_INPUT, IXOFF, 0},      {41, MODE_INPUT, IMAXBEL, 0},      {42, MODE_INPUT, IUTF8, 0},
    {50, MODE_LOCAL, ISIG, 0},       {51, MODE_LOCAL, ICANON, 0},       {53, MODE_LOCAL, ECHO, 0},
    {54, MODE_LOCAL, ECHOE, 0},      {55, MODE_LOCAL, ECHOK, 0},        {56, MODE_LOCAL, ECHONL, 0},
    {57, MODE_LOCAL, NOFLSH, 0},     {58, MODE_LOCAL, TOSTOP, 0},       {59, MODE_LOCAL, IEXTEN, 0},
    {60, MODE_LOCAL, ECHOCTL, 0},    {61, MODE_LOCAL, ECHOKE, 0},       {62, MODE_LOCAL, PENDIN, 0},
    {70, MODE_OUTPUT, OPOST, 0},     {71, MODE_OUTPUT, OLCUC, 0},       {72, MODE_OUTPUT, ONLCR, 0},
    {73, MODE_OUTPUT, OCRNL, 0},     {74, MODE_OUTPUT, ONOCR, 0},       {75, MODE_OUTPUT, ONLRET, 0},
    {90, MODE_CONTROL, CS7, CSIZE},  {91, MODE_CONTROL, CS8, CSIZE},    {92, MODE_CONTROL, PARENB, 0},
    {93, MODE_CONTROL, PARODD, 0},
};

#define MODE_COUNT (sizeof modes_table / sizeof modes_table[0])

static const struct {
    speed_t code;
    uint32_t bits;
} speeds[] = {
    {B50, 50},     {B75, 75},       {B110, 110},     {B134, 134},     {B150, 150},       {B200, 200},
    {B300, 300},   {B600, 600},     {B1200, 1200},   {B1800, 1800},   {B2400, 2400},     {B4800, 4800},
    {B9600, 9600}, {B19200, 19200}, {B38400, 38400}, {B57600, 57600}, {B115200, 115200}, {B230400, 230400},
};

#define SPEED_COUNT (sizeof speeds / sizeof speeds[0])

static tcflag_t *mode_flags(struct termios *modes, uint8_t kind)
{
    return kind == MODE_INPUT    ? &modes->c_iflag
           : kind == MODE_LOCAL  ? &modes->c_lflag
           : kind == MODE_OUTPUT ? &modes->c_oflag
                                 : &modes->c_cflag;
}

/* ---- out ---- */

static size_t put_mode(uint8_t *data, uint8_t opcode, uint32_t argument)
{
    data[0] = opcode;
    data[1] = (uint8_t)(argument >> 24);
    data[2] = (uint8_t)(argument >> 16);
    data[3] = (uint8_t)(argument >> 8);
    data[4] = (uint8_t)argument;
    return 5;
}

static uint32_t mode_value(struct termios *modes, const struct mode *mode)
{
    if (mode->kind == MODE_CHARACTER) {
        cc_t value = modes->c_cc[mode->value];
        return value == _POSIX_VDISABLE ? CHARACTER_NONE : value;
    }
    tcflag_t mask = mode->mask != 0 ? mode->mask : mode->value;
    return (*mode_flags(modes, mode->kind) & mask) == mode->value;
}

static uint32_t speed_bits(speed_t code)
{
    for (size_t i = 0; i < SPEED_COUNT; i++) {
        if (speeds[i].code == code) {
            return speeds[i].bits;
        }
    }
    return 38400;
}

size_t tty_modes_put(const struct termios *modes, uint8_t *data)
{
    struct termios copy = *modes;
    size_t size = put_mode(data, OPCODE_OSPEED, speed_bits(cfgetospeed(modes)));
    size += put_mode(data + size, OPCODE_ISPEED, speed_bits(cfgetispeed(modes)));
    for (size_t i = 0; i < MODE_COUNT; i++) {
        size += put_mode(data + size, modes_table[i].opcode, mode_value(&copy, &modes_table[i]));
    }
    data[size++] = OPCODE_END;
    return size;
}

/* ---- in ---- */

static void set_speed(struct termios *modes, uint8_t opcode, uint32_t bits)
{
    for (size_t i = 0; i < SPEED_COUNT; i++) {
        if (speeds[i].bits == bits) {
            (void)(opcode == OPCODE_ISPEED ? cfsetispeed(modes, speeds[i].code) : cfsetospeed(modes, speeds[i].code));
        }
    }
}

static void set_mode(struct termios *modes, const struct mode *mode, uint32_t argument)
{
    if (mode->kind == MODE_CHARACTER) {
        modes->c_cc[mode->value] = argument == CHARACTER_NONE ? _POSIX_VDISABLE : (cc_t)argument;
        return;
    }
    tcflag_t *flags = mode_flags(modes, mode->kind);
    if (argument != 0) {
        *flags = (*flags & ~mode->mask) | mode->value;
    } else if (mode->mask == 0) {
        *flags &= ~mode->value;
    }
}

void tty_modes_get(struct termios *modes, const uint8_t *data, size_t size)
{
    while (size >= 5 && data[0] != OPCODE_END && data[0] < OPCODE_UNKNOWN) {
        uint32_t argument =
            (uint32_t)data[1] << 24 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 8 | (uint32_t)data[4];
        if (data[0] == OPCODE_ISPEED || data[0] == OPCODE_OSPEED) {
            set_speed(modes, data[0], argument);
        }
        for (size_t i = 0; i < MODE_COUNT; i++) {
            if (modes_table[i].opcode == data[0]) {
                set_mode(modes, &modes_table[i], argument);
            }
        }
        data += 5;
        size -= 5;
    }
}
