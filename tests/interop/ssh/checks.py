# SPDX-License-Identifier: Apache-2.0
"""What the tests ask of a client's outcome, and data that they send."""

import functools
import hashlib
import random
import re

import clients

COMMAND = "cat; echo to stderr >&2; exit 7"
DATA = bytes(range(256)) * 1024
TERMINAL = "test -t 0 && test -t 1 && echo a terminal; exit 3"


def check_talk(client, outcome, data=DATA):
    """What COMMAND does with the data."""
    assert outcome.status == 7, outcome.log
    assert outcome.out == data, outcome.log
    assert outcome.err == b"to stderr\n" if client.stderr_is_exact else b"to stderr\n" in outcome.err, outcome.log


def check_refused(client, outcome, says):
    assert outcome.status in client.failure, outcome.log
    assert outcome.out == b"", outcome.log
    assert re.search(says.encode(), outcome.err), outcome.log


def check_terminal(outcome):
    """What TERMINAL does, with a terminal. One that a test lends a client echoes the end of its input, sooner or later."""
    assert outcome.status == 3, outcome.log
    assert outcome.out.replace(b"^@", b"") == b"a terminal\r\n", outcome.log


def check_answer(client, child, data=DATA):
    """All of it comes back, and then the client ends, where it does."""
    if client.ends:
        outcome = clients.finish(child, data)
        assert outcome.out == data, outcome.log
    else:
        clients.give(child, data)
        assert child.out.wait(lambda out: len(out) >= len(data)) and child.out.data == data, child.log()


@functools.cache
def noise(size):
    """The same in each run, and nothing that compresses."""
    return random.Random(size).randbytes(size)


def digest(data):
    return hashlib.sha256(data).hexdigest()
