# SPDX-License-Identifier: Apache-2.0
"""agent.h by ctypes, over a socket: a comms layer in a few lines."""

import socket
from ctypes import CFUNCTYPE, POINTER, byref, c_char_p, c_int, c_size_t, c_void_p, string_at

from keylib import OUT, Key, check, filled, library, span

SEND = CFUNCTYPE(c_int, c_void_p, c_void_p, c_size_t)
CLOSE = CFUNCTYPE(None, c_void_p)
NOTICE = CFUNCTYPE(c_int, c_void_p, c_int, c_void_p, c_size_t, c_void_p)
REPLY, REFUSED = 16, -15

SIGNATURES = {
    "session_create": (c_void_p, c_void_p, SEND, CLOSE),
    "session_receive": (c_int, c_void_p, *OUT),
    "session_close": (None, c_void_p),
    "session_free": (None, c_void_p),
    "session_error": (c_int, c_void_p),
    "session_error_text": (c_char_p, c_void_p),
    "callbacks_new": (c_void_p,),
    "callbacks_set_notice": (c_int, c_void_p, NOTICE),
    "callbacks_free": (None, c_void_p),
    "agent_connect": (c_int, c_void_p, c_void_p, c_void_p),
    "agent_list": (c_int, c_void_p),
    "agent_sign": (c_int, c_void_p, c_void_p, c_int, c_char_p, *OUT),
    "agent_bind": (c_int, c_void_p, c_void_p, *OUT, *OUT, c_int),
    "agent_remove": (c_int, c_void_p, c_void_p, c_int),
    "agent_remove_all": (c_int, c_void_p),
    "agent_request": (c_int, c_void_p),
    "agent_result": (c_int, c_void_p),
    "agent_key_count": (c_size_t, c_void_p),
    "agent_key": (c_int, c_void_p, c_size_t, POINTER(c_void_p)),
    "agent_key_comment": (c_int, c_void_p, c_size_t, *OUT),
    "key_sign": (c_int, c_void_p, c_char_p, *OUT, *OUT),
    "key_verify": (c_int, c_void_p, c_char_p, *OUT, *OUT),
}

for name, (result, *arguments) in SIGNATURES.items():
    function = getattr(library, f"sessile_{name}")
    function.restype, function.argtypes = result, arguments


class Ended(Exception):
    """The session with the agent is over: its error."""


class Agent:
    """A connection to an agent. Each request waits for its answer: the result, and what came with it."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(str(path))
        self.kept = b""
        self.answers = {}
        self.callbacks = (SEND(self.send), CLOSE(self.close), NOTICE(self.notice))
        self.session = library.sessile_session_create(None, *self.callbacks[:2])
        table = library.sessile_callbacks_new()
        library.sessile_callbacks_set_notice(table, self.callbacks[2])
        check(library.sessile_agent_connect(self.session, table, None))
        library.sessile_callbacks_free(table)

    def send(self, _handle, data, size):
        try:
            self.socket.sendall(string_at(data, size))
        except OSError:
            return -1
        return 0

    def close(self, _handle):
        self.socket.close()

    def notice(self, session, kind, data, size, _app):
        assert kind == REPLY
        number = library.sessile_agent_request(session)
        self.answers[number] = (library.sessile_agent_result(session), string_at(data, size) if size else b"",
                                [self.key(index) for index in range(library.sessile_agent_key_count(session))])
        return 0

    def key(self, index):
        handle = c_void_p()
        check(library.sessile_agent_key(self.session, index, byref(handle)))
        return Key(handle), filled(library.sessile_agent_key_comment, self.session, index).decode()

    def wait(self, number):
        check(number)
        while number not in self.answers:
            self.kept += self.read()
            taken = library.sessile_session_receive(self.session, *span(self.kept))
            self.check_alive()
            self.kept = self.kept[taken:]
        return self.answers.pop(number)

    def read(self):
        data = b"" if library.sessile_session_error(self.session) else self.socket.recv(65536)
        if not data:
            library.sessile_session_close(self.session)
            self.check_alive()
        return data

    def check_alive(self):
        if error := library.sessile_session_error(self.session):
            raise Ended(error, library.sessile_session_error_text(self.session).decode())

    def list(self):
        result, _, keys = self.wait(library.sessile_agent_list(self.session))
        assert result == 0
        return keys

    def sign(self, key, message, algorithm=None, certificate=False):
        """The signature, or None where the agent refused."""
        number = library.sessile_agent_sign(self.session, key.handle, int(certificate),
                                            algorithm and algorithm.encode(), *span(message))
        result, signature, _ = self.wait(number)
        assert (result == REFUSED) == (signature == b"")
        return signature or None

    def bind(self, key, session_id, signature, forwarding=False):
        return self.wait(library.sessile_agent_bind(self.session, key.handle, *span(session_id), *span(signature),
                                                    int(forwarding)))[0]

    def remove(self, key, certificate=False):
        return self.wait(library.sessile_agent_remove(self.session, key.handle, int(certificate)))[0]

    def remove_all(self):
        return self.wait(library.sessile_agent_remove_all(self.session))[0]

    def free(self):
        library.sessile_session_free(self.session)


def sign(key, message, algorithm=None):
    return filled(library.sessile_key_sign, key.handle, algorithm and algorithm.encode(), *span(message))


def verifies(key, message, signature, algorithm=None):
    return library.sessile_key_verify(key.handle, algorithm and algorithm.encode(), *span(message),
                                      *span(signature)) == 0
