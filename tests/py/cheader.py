# SPDX-License-Identifier: Apache-2.0
"""Where the tree is, and just enough of C to read its headers: comments, directives, declarations."""

import re
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<][^">]+[">])', re.M)
MACRO = re.compile(r"^#define (SESSILE_[A-Z0-9_]+) (.+)$", re.M)


def without_comments(text):
    """C source with each comment replaced by a blank; string literals stay."""
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|("(?:\\.|[^"\\])*")', re.S)
    return pattern.sub(lambda match: match.group(1) or " ", text)


def includes(text):
    """What a file includes, with its quotes or angle brackets."""
    return INCLUDE.findall(without_comments(text))


def constants(text):
    """The object-like SESSILE_ macros of a header with an integer value, by name."""
    return {name: int(value.strip(), 0) for name, value in MACRO.findall(without_comments(text))
            if re.fullmatch(r"-?(0x[0-9a-fA-F]+|\d+)", value.strip())}


def declarations(text):
    """The declarations of a header, each on one line, without directives and extern "C"."""
    text = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", "", without_comments(text), flags=re.M)
    text = re.sub(r'extern "C" \{', "", text)
    return [" ".join(part.split()) for part in text.split(";") if part.strip(" \n\t}")]


def functions(text):
    """(name, declaration) of each exported function."""
    found = []
    for line in declarations(text):
        if line.startswith("SESSILE_API "):
            found.append((re.search(r"(\w+)\(", line).group(1), line[len("SESSILE_API "):]))
    return found
