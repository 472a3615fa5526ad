# SPDX-License-Identifier: Apache-2.0
"""The words, patterns and tokens of OpenSSH's configuration files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

_BLANK = " \t"
_VARIABLE = re.compile(r"\$\{([^}]*)\}")


class ConfigError(ValueError):
    """A configuration file says what it must not, or cannot be used. The text begins with the file and the line."""


def split_words(text: str) -> list[str]:
    """The words of a line: blanks part them, quotes of both kinds keep blanks, a backslash keeps a quote or itself, and
    a word that begins with "#" ends the line. ValueError for a quote that is not closed."""
    words: list[str] = []
    at = 0
    while True:
        while at < len(text) and text[at] in _BLANK:
            at += 1
        if at == len(text) or text[at] == "#":
            return words
        word, at = _word(text, at)
        words.append(word)


def _word(text: str, at: int) -> tuple[str, int]:
    quote, word = "", ""
    while at < len(text) and (quote or text[at] not in _BLANK):
        letter, following = text[at], text[at + 1 : at + 2]
        if letter == "\\" and following and (following in "'\"\\" or (following == " " and not quote)):
            word += following
            at += 1
        elif letter == quote:
            quote = ""
        elif letter in "'\"" and not quote:
            quote = letter
        else:
            word += letter
        at += 1
    if quote:
        raise ValueError(f"a {quote} is not closed")
    return word, at


def matches(text: str, pattern: str) -> bool:
    """Whether a pattern with "*" and "?" fits all of the text; in linear memory, and at most quadratic time."""
    at = place = 0
    star = resume = -1
    while at < len(text):
        if place < len(pattern) and pattern[place] == "*":
            star, resume = place, at
            place += 1
        elif place < len(pattern) and pattern[place] in ("?", text[at]):
            at, place = at + 1, place + 1
        elif star >= 0:
            resume += 1
            at, place = resume, star + 1
        else:
            return False
    return all(letter == "*" for letter in pattern[place:])


def any_matches(text: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns fits, and none that begins with "!" does."""
    found = False
    for pattern in patterns:
        if pattern.startswith("!"):
            if matches(text, pattern[1:]):
                return False
        elif matches(text, pattern):
            found = True
    return found


def expand_tokens(text: str, tokens: Mapping[str, str]) -> str:
    """Replace %x by the token x. ValueError for one that is not there."""

    def replace(found: re.Match[str]) -> str:
        name = found.group(1)
        if name == "%":
            return "%"
        if name not in tokens:
            raise ValueError(f"%{name} is not known here" if name else "a % stands at the end")
        return tokens[name]

    return re.sub(r"%(.?)", replace, text)


def expand_variables(text: str) -> str:
    """Replace ${NAME} by an environment variable. ValueError for one that is not set."""

    def replace(found: re.Match[str]) -> str:
        value = os.environ.get(found.group(1))
        if value is None:
            raise ValueError(f"the environment variable {found.group(1)} is not set")
        return value

    return _VARIABLE.sub(replace, text)


def expand_home(text: str, home: str) -> str:
    """Replace a leading "~" by the user's home folder, "~name" by that of another user."""
    if text == "~" or text.startswith("~/"):
        return home + text[1:]
    return os.path.expanduser(text)
