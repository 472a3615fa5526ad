#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write sessile/_sessile.pyi, the types of the flat layer, from the public headers: what lang.i makes of them.

Usage: bindings/python/stubs.py > bindings/python/sessile/_sessile.pyi"""

import re
import sys
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
HEADERS = ("error", "comm", "session", "stream", "question", "key", "trust", "tls", "ssh", "agent",
           "over_stream", "pair", "sftp", "sftp_transfer", "sftp_server")

IGNORED = re.compile(r"_(keep|free)$|^set_allocator$|^(stream|question)_session$|^(session|stream)_set_release$"
                     r"|^sftp_answer_(room|filled)$|^sftp_job_sftp$")

# What stands for several parameters at once; None: nothing is passed for it.
GROUPS = [
    (r"void \*handle, sessile_comm_send send, sessile_comm_close close", "owner: Slot | None"),
    (r"size_t \*file, size_t \*line, char \*error, size_t error_size", None),
    (r"char \*error, size_t error_size", None),
    (r"const void \*\*data, size_t \*size", None),
    (r"sessile_session \*\*first, sessile_session \*\*second", None),
    (r"const char \*const \*principals, size_t principal_count", "principals: Sequence[str]"),
    (r"const void \*(context|passphrase|modes|critical|extensions|longname), size_t \w+", r"\1: Buffer | None"),
    (r"const void \*(\w+), size_t \w+", r"\1: Buffer"),
    (r"void \*data, size_t size", "data: Writable"),
    (r"sessile_\w+ \*\*\w+", None),
]
OPTIONAL = ("callbacks", "before")
TEXT_OPTIONAL = ("host", "comment", "algorithm", "cipher", "hash", "address", "principal", "words")
RETURNS = {
    "grant_command": "str | None",
    "grant_environment": "str | None",
    "certificate_principal": "str | None",
    "known_hosts_bad_reason": "str | None",
    "authorized_keys_bad_reason": "str | None",
    "principals_bad_reason": "str | None",
    "question_get": "bytes",
    "known_hosts_check": "tuple[int, int, int, str]",
    "pair": "tuple[Handle, Handle]",
    "sftp_extension_name": "bytes",
    "sftp_extension_value": "bytes",
    "sftp_request_handle": "bytes",
    "sftp_request_data": "bytes",
    "sftp_request_name": "bytes",
    "sftp_request_longname": "bytes",
    "sftp_job_path": "bytes",
    "sftp_job_data": "bytes",
}

HEAD = '''# SPDX-License-Identifier: Apache-2.0
# Written by stubs.py from the public headers, which say what each function does.
from collections.abc import Sequence
from os import PathLike
from typing import TypeVar

Class = TypeVar("Class")
Buffer = bytes | bytearray | memoryview
Writable = bytearray | memoryview

class Handle:
    @property
    def address(self) -> int: ...
    @property
    def kind(self) -> str: ...

class Slot:
    def __new__(cls, owner: object) -> Slot: ...

class Intake:
    deaf: bool
    @property
    def waiting(self) -> int: ...
    def attach(self, session: Handle, /) -> None: ...
    def get_buffer(self, sizehint: int, /) -> memoryview: ...
    def buffer_updated(self, nbytes: int, /) -> None: ...
    def data_received(self, data: Buffer, /) -> None: ...
    def preload(self, data: Buffer, /) -> None: ...
    def offer(self) -> None: ...
    def forget(self) -> None: ...
    def release(self) -> None: ...

class Flow:
    protocol: object
    reading: bool
    writing: bool
    again: bool
    def __new__(cls, transport: object, stream: Handle, /) -> Flow: ...
    @property
    def busy(self) -> bool: ...
    def arrived(self, data: bytes, /) -> None: ...
    def write(self, data: Buffer, /) -> None: ...
    def put(self, data: Buffer, /) -> int: ...

class FilesGuest: ...

class Files:
    def __new__(cls, root: str | bytes | PathLike[str], read_only: bool, /) -> Files: ...
    def serve(self, slot: Slot, stream: Handle, /) -> FilesGuest: ...

class Error(Exception):
    def __init__(self, code: int, text: str) -> None: ...

error_classes: dict[int, type[Error]]

def free(handle: Handle, /) -> None: ...
def quicken(cls: type[Class], /) -> type[Class]: ...
'''


def without_comments(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S)


def constants(text):
    return re.findall(r"^#define SESSILE_([A-Z0-9_]+) -?(?:0x)?[0-9a-fA-F]+$", text, re.M)


def functions(text):
    for match in re.finditer(r"^SESSILE_API ([^;]+?)\bsessile_(\w+)\(([^;]*)\);", text, re.M):
        yield match.group(1).strip(), match.group(2), " ".join(match.group(3).split())


def parameter(text):
    kind, name = re.match(r"(.*?)(\w+)$", text).groups()
    kind = kind.strip()
    if name == "app":
        return "app: Slot | None"
    if kind == "const char *":
        return f"{name}: str | bytes" + (" | None" if name in TEXT_OPTIONAL else "")
    if kind in ("int", "size_t", "int64_t", "uint64_t"):
        return f"{name}: int"
    if kind == "const sessile_sftp_attrs *":
        return f"{name}: Handle | None"
    if re.fullmatch(r"sessile_\w+ \*", kind):
        optional = name in OPTIONAL or (kind, name) == ("sessile_principals *", "principals")
        return f"{name}: Handle" + (" | None" if optional else "")
    if re.fullmatch(r"sessile_\w+", kind):
        return f"{name}: bool"
    raise ValueError(f"no type for {text!r}")


def parameters(text):
    """The parameters, and whether an object comes out among them."""
    made = bool(re.search(r"sessile_\w+ \*\*\w+", text))
    if text == "void":
        return [], made
    found = []
    text = text.replace("const void *from,", "const void *from_,")
    for pattern, becomes in GROUPS:
        text = re.sub(pattern, lambda m: "" if becomes is None else "@" + m.expand(becomes), text)
    for part in (part.strip() for part in text.split(",")):
        if part:
            found.append(part[1:] if part.startswith("@") else parameter(part))
    return found, made


def result(kind, name, made):
    if name in RETURNS:
        return RETURNS[name]
    if made:
        return "Handle"
    if kind.endswith("char *"):
        return "str"
    if kind == "void":
        return "None"
    if "*" in kind:
        always = name in ("session_create", "callbacks_new") or name.endswith(("config_new", "tickets_new"))
        return "Handle" if always else "Handle | None"
    return "int"


def main():
    out = [HEAD]
    texts = [without_comments((TREE / f"libcore/include/sessile/{name}.h").read_text()) for name in HEADERS]
    out += [f"{name}: int" for text in texts for name in constants(text)]
    out.append("")
    for text in texts:
        for kind, name, arguments in functions(text):
            if not IGNORED.search(name):
                listed, made = parameters(arguments)
                slash = ", /" if listed else ""
                out.append(f"def {name}({', '.join(listed)}{slash}) -> {result(kind, name, made)}: ...")
    sys.stdout.write("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
