# SPDX-License-Identifier: Apache-2.0
"""Who may know whom inside libcore: each layer's includes, and what it may name."""

import re

import pytest
from cheader import includes, without_comments

# What a file of each folder may include, beside the C library and what is in its own folder. session/memory.h is under
# everything: the allocator hook.
PUBLIC_CORE = [f"<sessile/{name}.h>" for name in ("comm", "error", "export", "question", "session", "stream")]
PUBLIC = r"<sessile/\w+\.h>"
CODEC = r'"codec/\w+\.h"'
MEMORY = r'"session/memory\.h"'
LIBC = r"<(assert|errno|limits|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|string|ctype)\.h>"
LIBCRYPTO = r"<openssl/(?!ssl|bio|tls1|dtls1|quic)\w+\.h>"
BIO = r"<openssl/bio\.h>"
ZLIB = r"<zlib\.h>"
ALLOWED = {
    "session": [re.escape(name) for name in PUBLIC_CORE] + [CODEC, LIBCRYPTO],
    "codec": [MEMORY],
    "tls": [PUBLIC, r'"session/\w+\.h"', CODEC, r"<openssl/\w+\.h>"],
    "ssh": [PUBLIC, r'"session/\w+\.h"', CODEC, LIBCRYPTO, BIO, ZLIB],
    "comm": [PUBLIC, CODEC, MEMORY],
    "sftp": [PUBLIC, CODEC, MEMORY, r'"session/error\.h"'],
}
# One folder's insides are its own: the engine sees these of session/.
ENGINE_SEES = {f'"session/{name}.h"' for name in ("engine", "error", "guard", "memory")}


def files(tree, folder):
    return sorted(path for path in (tree / "libcore" / folder).rglob("*.[ch]"))


@pytest.mark.parametrize("layer", sorted(ALLOWED))
def test_layer_includes_only_what_it_may_know(tree, layer):
    allowed = re.compile("|".join([LIBC, rf'"{layer}/(\w+/)*\w+\.h"'] + ALLOWED[layer]))
    sources = files(tree, layer)
    assert sources, f"libcore/{layer} is empty"
    wrong = [f"{path.relative_to(tree)}: {name}" for path in sources
             for name in includes(path.read_text()) if not allowed.fullmatch(name)]
    assert not wrong


def test_every_folder_of_libcore_has_a_rule(tree):
    folders = {path.name for path in (tree / "libcore").iterdir() if path.is_dir()}
    assert folders == set(ALLOWED) | {"include"}


def test_what_stands_above_the_layers_sees_public_headers_only(tree):
    """libcore/library.c: the version and the list of all constants."""
    allowed = re.compile("|".join([LIBC, PUBLIC]))
    wrong = [f"{path.name}: {name}" for path in (tree / "libcore").glob("*.[ch]")
             for name in includes(path.read_text()) if not allowed.fullmatch(name)]
    assert not wrong


@pytest.mark.parametrize("layer", ["tls", "ssh"])
def test_engines_see_only_their_side_of_session(tree, layer):
    wrong = [f"{path.name}: {name}" for path in files(tree, layer) for name in includes(path.read_text())
             if name.startswith('"session/') and name not in ENGINE_SEES]
    assert not wrong


# A BIO in memory is how libcrypto takes and gives PEM; compression is the transport's.
@pytest.mark.parametrize(("name", "folder"), [(BIO, "key"), (ZLIB, "transport")])
def test_inside_ssh_a_library_is_used_in_one_folder(tree, name, folder):
    users = {path.parent.name for path in files(tree, "ssh")
             if any(re.fullmatch(name, include) for include in includes(path.read_text()))}
    assert users <= {folder}


def test_only_tls_includes_libssl(tree):
    with_libssl = {path.parent.name for folder in ("libcore", "examples") for path in (tree / folder).rglob("*.[ch]")
                   if "<openssl/ssl.h>" in includes(path.read_text())}
    assert with_libssl == {"tls"}


# The kinds of question and their items are one table for all protocols, made of public constants.
TABLE = "question.c"
# Words that look like a protocol's name: thread-local storage's access model, and OpenSSL's own prefix.
NOT_A_PROTOCOL = re.compile(r"tls_model|openssl\w*", re.I)


def test_session_names_no_protocol(tree):
    protocol = re.compile(r"\b\w*(?:tls|ssl|ssh)\w*\b", re.I)
    wrong = []
    for path in files(tree, "session"):
        code = re.sub(r"#[ \t]*include[^\n]*", "", without_comments(path.read_text()))
        for name in protocol.findall(code):
            if NOT_A_PROTOCOL.fullmatch(name):
                continue
            if path.name == TABLE and name.startswith("SESSILE_"):
                continue
            wrong.append(f"{path.name}: {name}")
    assert not wrong
