# SPDX-License-Identifier: Apache-2.0
"""The functions of key.h by ctypes, from the shared library in SESSILE_BUILD (build/release by default)."""

import ctypes
import os
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_void_p
from pathlib import Path

TREE = Path(__file__).parents[3]
BUILD = Path(os.environ.get("SESSILE_BUILD", TREE / "build" / "release")).absolute()

OPENSSH, PKCS8, PEM = 1, 2, 3
LINE, RFC4716, PUBLIC_PEM = 1, 2, 3
ARGUMENT, VERIFY, UNSUPPORTED, PASSPHRASE = -3, -14, -20, -21

TEXT_ROOM = 512
OUT = (c_char_p, c_size_t)
SIGNATURES = {
    "key_read": (c_int, *OUT, *OUT, POINTER(c_void_p), *OUT),
    "key_read_public": (c_int, *OUT, POINTER(c_void_p), *OUT),
    "key_write": (c_int, c_void_p, c_int, *OUT, c_char_p, c_int, *OUT),
    "key_write_public": (c_int, c_void_p, c_int, *OUT),
    "key_generate": (c_int, c_char_p, c_int, c_char_p, POINTER(c_void_p)),
    "key_with_certificate": (c_int, c_void_p, c_void_p, POINTER(c_void_p)),
    "key_free": (None, c_void_p),
    "key_type": (c_char_p, c_void_p),
    "key_comment": (c_char_p, c_void_p),
    "key_equal": (c_int, c_void_p, c_void_p),
    "key_is_private": (c_int, c_void_p),
    "key_has_certificate": (c_int, c_void_p),
    "key_fingerprint": (c_int, c_void_p, c_int, *OUT),
    "key_sshsig": (c_int, c_void_p, c_char_p, c_char_p, *OUT, *OUT),
    "sshsig_verify": (c_int, *OUT, c_char_p, *OUT, POINTER(c_void_p), *OUT),
}


def load():
    path = BUILD / "libsessile.so"
    assert path.exists(), f"{path} is not there: ./run build makes it"
    library = ctypes.CDLL(str(path))
    for name, (result, *arguments) in SIGNATURES.items():
        function = getattr(library, f"sessile_{name}")
        function.restype, function.argtypes = result, arguments
    return library


library = load()


class Failure(Exception):
    """An error code, and the sentence that came with it."""

    def __init__(self, code, text=""):
        super().__init__(code, text)
        self.code, self.text = code, text


def span(data):
    return (None, 0) if data is None else (data, len(data))


def check(code, text=None):
    if code < 0:
        raise Failure(code, text.value.decode() if text else "")
    return code


def filled(function, *arguments):
    """What a function writes into a buffer, of the size that it asks for."""
    room = ctypes.create_string_buffer(check(function(*arguments, None, 0)))
    size = check(function(*arguments, room, len(room)))
    return room.raw[:size]


class Key:
    def __init__(self, handle):
        self.handle = handle

    def __del__(self):
        library.sessile_key_free(self.handle)

    @classmethod
    def made(cls, function, *arguments):
        handle = c_void_p()
        check(function(*arguments, byref(handle)))
        return cls(handle)

    @classmethod
    def told(cls, function, *arguments):
        """A key from a function that tells what was wrong."""
        handle, text = c_void_p(), ctypes.create_string_buffer(TEXT_ROOM)
        check(function(*arguments, byref(handle), text, TEXT_ROOM), text)
        return cls(handle)

    @classmethod
    def read(cls, data, passphrase=None):
        return cls.told(library.sessile_key_read, *span(data), *span(passphrase))

    @classmethod
    def read_public(cls, data):
        return cls.told(library.sessile_key_read_public, *span(data))

    @classmethod
    def generate(cls, kind, bits=0, comment=None):
        return cls.made(library.sessile_key_generate, kind.encode(), bits, comment and comment.encode())

    def with_certificate(self, certificate):
        return Key.made(library.sessile_key_with_certificate, self.handle, certificate.handle)

    def write(self, form=OPENSSH, passphrase=None, cipher=None, rounds=0):
        return filled(library.sessile_key_write, self.handle, form, *span(passphrase), cipher and cipher.encode(),
                      rounds)

    def write_public(self, form=LINE):
        return filled(library.sessile_key_write_public, self.handle, form)

    def fingerprint(self):
        return filled(library.sessile_key_fingerprint, self.handle, 1).decode()

    def sshsig(self, name_space, message, hash_name=None):
        return filled(library.sessile_key_sshsig, self.handle, name_space.encode(), hash_name and hash_name.encode(),
                      *span(message))

    @property
    def type(self):
        return library.sessile_key_type(self.handle).decode()

    @property
    def comment(self):
        return library.sessile_key_comment(self.handle).decode()

    @property
    def has_certificate(self):
        return bool(library.sessile_key_has_certificate(self.handle))

    def __eq__(self, other):
        return bool(library.sessile_key_equal(self.handle, other.handle))


def verify(text, name_space, message):
    """The signer."""
    return Key.told(library.sessile_sshsig_verify, *span(text), name_space.encode(), *span(message))
