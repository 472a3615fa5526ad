# SPDX-License-Identifier: Apache-2.0
"""A terminal's modes as SSH carries them (RFC 4254, section 8, and RFC 8160), so that keys and letters mean the same on
the far terminal as on the near one. What a system does not have is left out."""

from __future__ import annotations

import struct
import sys
import termios

_END = 0
_DISABLED = 255
_CHARACTERS = {
    1: "VINTR", 2: "VQUIT", 3: "VERASE", 4: "VKILL", 5: "VEOF", 6: "VEOL", 7: "VEOL2", 8: "VSTART", 9: "VSTOP",
    10: "VSUSP", 12: "VREPRINT", 13: "VWERASE", 14: "VLNEXT", 18: "VDISCARD",
}
# By their places in what tcgetattr() returns: of the input, the output, and of lines.
_FLAGS = (
    (0, {30: "IGNPAR", 31: "PARMRK", 32: "INPCK", 33: "ISTRIP", 34: "INLCR", 35: "IGNCR", 36: "ICRNL", 38: "IXON",
         39: "IXANY", 40: "IXOFF", 41: "IMAXBEL", 42: "IUTF8"}),
    (1, {70: "OPOST", 72: "ONLCR", 73: "OCRNL", 74: "ONOCR", 75: "ONLRET"}),
    (3, {50: "ISIG", 51: "ICANON", 53: "ECHO", 54: "ECHOE", 55: "ECHOK", 56: "ECHONL", 57: "NOFLSH", 58: "TOSTOP",
         59: "IEXTEN", 60: "ECHOCTL", 61: "ECHOKE"}),
)
# The module has none before Python 3.14.
_IUTF8 = 0x4000 if sys.platform in ("linux", "darwin") else 0


def _bit(name: str) -> int:
    return int(getattr(termios, name, _IUTF8 if name == "IUTF8" else 0))


def modes_of(fd: int) -> bytes | None:
    """The modes of a terminal; None for what is none."""
    try:
        attributes = termios.tcgetattr(fd)
    except termios.error:
        return None
    characters = attributes[6]
    values: dict[int, int] = {}
    for code, name in _CHARACTERS.items():
        if hasattr(termios, name):
            values[code] = characters[getattr(termios, name)][0] or _DISABLED
    for place, flags in _FLAGS:
        values.update({code: int(attributes[place] & _bit(name) != 0) for code, name in flags.items() if _bit(name)})
    return b"".join(struct.pack(">BI", *pair) for pair in values.items()) + bytes([_END])
