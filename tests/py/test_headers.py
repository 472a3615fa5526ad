# SPDX-License-Identifier: Apache-2.0
"""The public headers: each compiles alone as C11 and C++11, and signatures hold nothing that differs among hosts."""

import re
import subprocess

import pytest
from cheader import TREE, declarations, functions, includes

HEADERS = sorted((TREE / "libcore/include/sessile").glob("*.h"))
NAMES = [path.name for path in HEADERS]
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]
LANGUAGES = {
    "gcc-c11": ["gcc", "-std=c11", "-Wstrict-prototypes", "-x", "c"],
    "gcc-c++11": ["g++", "-std=c++11", "-x", "c++"],
    "clang-c11": ["clang", "-std=c11", "-Wstrict-prototypes", "-x", "c"],
    "clang-c++11": ["clang", "-std=c++11", "-x", "c++"],
}
SCALARS = {"void", "int", "size_t", "int64_t", "uint64_t"}
POINTED = {"void", "char", "uint8_t", "size_t"}


@pytest.mark.parametrize("language", sorted(LANGUAGES))
@pytest.mark.parametrize("header", NAMES)
def test_header_compiles_alone(header, language):
    result = subprocess.run([*LANGUAGES[language], *WARNINGS, f"-I{TREE}/libcore/include", "-"], capture_output=True,
                            text=True, input=f"#include <sessile/{header}>\n#include <sessile/{header}>\n")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("path", HEADERS, ids=NAMES)
def test_header_includes_only_public_headers(path):
    allowed = {"<stddef.h>", "<stdint.h>"} | {f'"{name}"' for name in NAMES}
    assert set(includes(path.read_text())) <= allowed


def test_sessile_h_includes_every_header_but_proposal_h():
    listed = includes((TREE / "libcore/include/sessile/sessile.h").read_text())
    assert sorted(listed) == sorted(f'"{name}"' for name in NAMES if name not in ("sessile.h", "proposal.h"))


def all_declarations():
    return [(path.name, line) for path in HEADERS if path.name != "proposal.h"
            for line in declarations(path.read_text())]


def handles():
    """The opaque types: typedef struct x x, with no body anywhere."""
    return {match.group(1) for _, line in all_declarations()
            if (match := re.fullmatch(r"typedef struct (sessile_\w+) \1", line))}


def callback_types():
    return {match.group(1): line for _, line in all_declarations()
            if (match := re.match(r"typedef [^(]+\(\*(sessile_\w+)\)\(", line))}


def split(declaration):
    """The return type and the parameter types of a function or of a pointer to one."""
    match = re.fullmatch(r"(.+?[ *])(?:\(\*\w+\)|(?:\w+))\((.*)\)", declaration)
    assert match, declaration
    result, parameters = match.group(1).strip(), match.group(2)
    types = [] if parameters == "void" else [re.sub(r"\w+$", "", part.strip()).strip() for part in
                                             parameters.split(",")]
    return [result] + types


def portable(kind, opaque, callbacks):
    if kind in SCALARS or kind in callbacks:
        return True
    if kind == "const char *const *":  # names, and how many
        return True
    match = re.fullmatch(r"(?:const )?(\w+) \*{1,2}", kind)
    return bool(match) and (match.group(1) in POINTED or match.group(1) in opaque)


def test_signatures_use_portable_types_only():
    opaque, callbacks = handles(), callback_types()
    assert {"sessile_session", "sessile_stream"} <= opaque and "sessile_comm_send" in callbacks
    signatures = [line for path in HEADERS for _, line in functions(path.read_text())]
    signatures += [line[len("typedef "):] for line in callbacks.values()]
    assert len(signatures) > 100
    wrong = [f"{kind!r} in: {line}" for line in signatures for kind in split(line)
             if not portable(kind, opaque, callbacks)]
    assert not wrong


def test_headers_declare_functions_handles_and_callbacks_only():
    known = (r"SESSILE_API .*", r"typedef struct (sessile_\w+) \1", r"typedef [^(]+\(\*sessile_\w+\)\(.*\)")
    wrong = [f"{name}: {line}" for name, line in all_declarations()
             if not any(re.fullmatch(pattern, line) for pattern in known)]
    assert not wrong


def test_signature_check_refuses_what_it_should():
    opaque, callbacks = {"sessile_session"}, {"sessile_comm_send"}
    for kind in ("long", "unsigned long", "ptrdiff_t", "enum sessile_kind", "struct sessile_pair", "sessile_session",
                 "...", "FILE *", "bool"):
        assert not portable(kind, opaque, callbacks)
    for kind in ("int", "size_t", "const char *", "const char *const *", "const void **", "sessile_session *", "sessile_session **",
                 "sessile_comm_send"):
        assert portable(kind, opaque, callbacks)
