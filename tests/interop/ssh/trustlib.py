# SPDX-License-Identifier: Apache-2.0
"""The functions of trust.h by ctypes."""

from ctypes import POINTER, byref, c_char_p, c_int, c_int64, c_size_t, c_uint64, c_void_p, create_string_buffer

from keylib import OUT, TEXT_ROOM, Key, check, filled, library, span

KNOWN, UNKNOWN, OTHER, CHANGED, REVOKED = range(5)
PTY, PORT_FORWARDING, AGENT_FORWARDING, X11_FORWARDING, USER_RC = range(1, 6)

SIGNATURES = {
    "known_hosts_read": (c_int, *OUT, c_void_p, POINTER(c_void_p), *OUT),
    "known_hosts_free": (None, c_void_p),
    "known_hosts_bad_count": (c_size_t, c_void_p),
    "known_hosts_check": (c_int, c_void_p, c_char_p, c_int, c_void_p, c_int64, POINTER(c_size_t), POINTER(c_size_t),
                          *OUT),
    "known_hosts_line": (c_int, c_char_p, c_int, c_void_p, c_int, *OUT),
    "krl_read": (c_int, *OUT, POINTER(c_void_p), *OUT),
    "krl_free": (None, c_void_p),
    "krl_version": (c_uint64, c_void_p),
    "krl_comment": (c_char_p, c_void_p),
    "krl_revokes": (c_int, c_void_p, c_void_p),
    "authorized_keys_read": (c_int, *OUT, c_int, POINTER(c_void_p), *OUT),
    "authorized_keys_free": (None, c_void_p),
    "authorized_keys_bad_count": (c_size_t, c_void_p),
    "authorized_keys_match": (c_int, c_void_p, c_void_p, c_char_p, c_char_p, c_char_p, c_int64, POINTER(c_void_p),
                              *OUT),
    "grant_free": (None, c_void_p),
    "grant_command": (c_char_p, c_void_p),
    "grant_allows": (c_int, c_void_p, c_int),
}

for name, (result, *arguments) in SIGNATURES.items():
    function = getattr(library, f"sessile_{name}")
    function.restype, function.argtypes = result, arguments


def told(function, *arguments):
    """What a function makes, or tells why not."""
    handle, text = c_void_p(), create_string_buffer(TEXT_ROOM)
    check(function(*arguments, byref(handle), text, TEXT_ROOM), text)
    return handle


class KnownHosts:
    def __init__(self, text):
        self.handle = told(library.sessile_known_hosts_read, *span(text), None)

    def __del__(self):
        library.sessile_known_hosts_free(self.handle)

    @property
    def bad_count(self):
        return library.sessile_known_hosts_bad_count(self.handle)

    def check(self, host, key, port=22, now=0):
        """The status, and the line that decided."""
        line, text = c_size_t(), create_string_buffer(TEXT_ROOM)
        status = library.sessile_known_hosts_check(self.handle, host.encode(), port, key.handle, now, None, byref(line),
                                                   text, TEXT_ROOM)
        return check(status, text), line.value


def known_hosts_line(host, key, port=22, hashed=False):
    return filled(library.sessile_known_hosts_line, host.encode(), port, key.handle, int(hashed))


class Krl:
    def __init__(self, data):
        self.handle = told(library.sessile_krl_read, *span(data))

    def __del__(self):
        if hasattr(self, "handle"):
            library.sessile_krl_free(self.handle)

    @property
    def version(self):
        return library.sessile_krl_version(self.handle)

    @property
    def comment(self):
        return library.sessile_krl_comment(self.handle).decode()

    def revokes(self, key):
        return bool(check(library.sessile_krl_revokes(self.handle, key.handle)))


class Grant:
    def __init__(self, handle):
        self.handle = handle

    def __del__(self):
        library.sessile_grant_free(self.handle)

    @property
    def command(self):
        return library.sessile_grant_command(self.handle)

    def allows(self, what):
        return bool(library.sessile_grant_allows(self.handle, what))


class AuthorizedKeys:
    def __init__(self, text):
        self.handle = told(library.sessile_authorized_keys_read, *span(text), 0)

    def __del__(self):
        library.sessile_authorized_keys_free(self.handle)

    @property
    def bad_count(self):
        return library.sessile_authorized_keys_bad_count(self.handle)

    def match(self, key, user, address="192.0.2.1", now=0):
        return Grant(told(library.sessile_authorized_keys_match, self.handle, key.handle, user.encode(),
                          address.encode(), None, now))


def public_key(path):
    return Key.read_public(path.read_bytes())
