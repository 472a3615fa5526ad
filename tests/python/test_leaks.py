# SPDX-License-Identifier: Apache-2.0
"""Nothing is left behind: cycles are collected, references are given back, memory does not grow."""

import gc
import sys
import weakref

import pytest
from wires import Collector, End, Server, link, pump, ssh_pair, tls_pair

import sessile
from sessile import _sessile


def survivors(make, count=50):
    """How many of the sessions that make() returns outlive the collector."""
    seen = []
    for _ in range(count):
        seen += [weakref.ref(owner) for owner in make()]
    gc.collect()
    return sum(reference() is not None for reference in seen)


def test_sessions_in_cycles_are_collected(identity):
    def make():
        client, server, mine, theirs = tls_pair(identity)
        client.on_closed = lambda error: (client, mine)
        theirs.stream.on_data = lambda data: (server, theirs)
        client.peer, server.peer = server, client
        return client, server, mine.stream, theirs.stream

    assert survivors(make) == 0


def test_ssh_sessions_with_channels_and_questions_are_collected(host_key, user_key):
    def make():
        held = []
        client, server = ssh_pair(host_key, user_key, Server(SSH_REQUEST=held.append))
        channel = Collector(client.ssh.open_session())
        pump(client, server)
        channel.stream.request_shell()
        pump(client, server)
        server.held = held
        return client, server, channel.stream, held[0], server.channels[0].stream

    assert survivors(make, 20) == 0


def test_sessions_inside_streams_are_collected(identity):
    def make():
        client, server, mine, theirs = tls_pair(identity)
        inner = mine.stream.over_this()
        inner.tls_connect(sessile.TLSConfig.client(trust=identity.certificate), "server.test")
        return client, server, inner

    assert survivors(make, 20) == 0


def test_failed_sessions_and_their_errors_are_collected(identity):
    def make():
        client, server, mine, theirs = tls_pair(identity)

        def fail(data):
            raise ValueError(server)

        theirs.stream.on_data = fail
        mine.stream.write(b"x")
        with pytest.raises(ValueError):
            server.take()
        return client, server

    assert survivors(make, 20) == 0


def test_an_inner_session_lives_as_long_as_its_wire(identity):
    client, server, mine, theirs = tls_pair(identity)
    inner = weakref.ref(mine.stream.over_this())
    gc.collect()
    assert inner() is not None
    inner().abort()
    gc.collect()
    assert inner() is None


def test_a_session_that_nobody_holds_closes_no_wire_of_the_dead():
    closed = []
    session = sessile.Session(lambda data: None, lambda: closed.append(1))
    del session
    gc.collect()
    assert closed == []
    session = sessile.Session(lambda data: None, lambda: closed.append(1))
    session.free()
    assert closed == [1]


def objects_after(action, rounds):
    for _ in range(3):
        action()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(rounds):
        action()
    gc.collect()
    return sys.getallocatedblocks() - before


def test_blocks_do_not_add_up(identity, host_key, user_key):
    def tls():
        client, server, mine, theirs = tls_pair(identity)
        mine.stream.write(b"x" * 1000)
        pump(client, server)
        client.end()
        pump(client, server)

    def ssh():
        client, server = ssh_pair(host_key, user_key)
        channel = Collector(client.ssh.open_session())
        pump(client, server)
        channel.stream.request_shell()
        pump(client, server)
        client.wire_closed()

    def errors():
        with pytest.raises(sessile.Error):
            sessile.Key.read(b"rubbish")
        with pytest.raises(BufferError):
            _sessile.key_sign(host_key._handle, None, b"x", b"not writable")
        with pytest.raises(sessile.ArgumentError):
            sessile.TLSConfig.server("rubbish")

    assert objects_after(tls, 30) < 60
    assert objects_after(ssh, 15) < 60
    assert objects_after(errors, 200) < 60


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def test_memory_does_not_grow(identity):
    config = sessile.TLSConfig.client(trust=identity.certificate)
    server_config = sessile.TLSConfig.server(identity.certificate, identity.key)

    def once():
        one, other = link()
        stream = other.tls_accept(server_config)
        stream.on_data = lambda data: None
        one.tls_connect(config, "server.test")
        pump(one, other)

    for _ in range(100):
        once()
    gc.collect()
    before = resident()
    for _ in range(400):
        once()
    gc.collect()
    assert resident() - before < 8 << 20


def test_references_of_arguments_and_callables_are_given_back(identity):
    client, server, mine, theirs = tls_pair(identity)
    payload, sink = bytes(1000), []
    client.on_send = sink.append
    gc.collect()
    before = sys.getrefcount(payload), sys.getrefcount(client.on_send), sys.getrefcount(client), sys.getrefcount(None)
    for _ in range(1000):
        mine.stream.write(payload)
        client.receive(b"")
        try:
            client.receive("wrong")
        except TypeError:
            pass
    after = sys.getrefcount(payload), sys.getrefcount(client.on_send), sys.getrefcount(client), sys.getrefcount(None)
    assert after[:3] == before[:3] and abs(after[3] - before[3]) < 50


def test_a_stream_keeps_its_session_and_a_question_too(identity):
    client, server, mine, theirs = tls_pair(identity)
    stream = mine.stream
    reference = weakref.ref(client)
    server.peer = None
    del client, mine
    gc.collect()
    assert reference() is stream.session and stream.write(b"x") == 1


def test_slots_of_the_dead_are_used_again():
    for _ in range(3):
        sessions = [End() for _ in range(200)]
        del sessions
    gc.collect()
    assert End().receive(b"x") == 0
