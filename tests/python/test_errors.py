# SPDX-License-Identifier: Apache-2.0
"""Errors: whose fault, out of which call, with which traceback, and what they leave alone."""

import sys
import traceback

import pytest
from wires import Collector, End, Server, link, pump, ssh_pair, tls_pair

import sessile


def boom(*_):
    raise ZeroDivisionError("in a callback")


def frames(error):
    return [frame.name for frame in traceback.extract_tb(error.__traceback__)]


def test_an_error_in_send_comes_out_of_the_call_that_led_to_it(identity):
    client, server, mine, _ = tls_pair(identity)
    client.on_send = boom
    with pytest.raises(ZeroDivisionError) as caught:
        mine.stream.write(b"x")
    assert "boom" in frames(caught.value)
    assert isinstance(client.error_seen, sessile.CommError) and client.closed


def test_send_may_say_no_as_the_proposal_has_it(identity):
    client, server, mine, _ = tls_pair(identity)
    client.on_send = lambda data: -1
    mine.stream.write(b"x")
    assert isinstance(client.error_seen, sessile.CommError)
    with pytest.raises(sessile.ClosedError):
        mine.stream.write(b"x")


@pytest.mark.parametrize("result", [0, None, True, 10**6, 2**80])
def test_send_may_say_yes_in_many_ways(identity, result):
    client, server, mine, _ = tls_pair(identity)
    client.on_send = lambda data: result
    assert mine.stream.write(b"x") == 1 and client.error is None


def test_a_send_that_takes_part_is_an_error(identity):
    client, server, mine, _ = tls_pair(identity)
    client.on_send = lambda data: 3
    with pytest.raises(ValueError, match="3 of"):
        mine.stream.write(b"x")
    assert isinstance(client.error, sessile.CommError)


@pytest.mark.parametrize("name", ["on_ready", "on_closed", "on_notice"])
def test_an_error_in_a_sessions_callback_comes_out_of_receive(identity, name):
    with pytest.raises(ZeroDivisionError) as caught:
        client, server, mine, _ = tls_pair(identity, client_end=End(**{name: boom}))
        server.end()
        pump(client, server)
    assert "boom" in frames(caught.value) and "take" in frames(caught.value)


def test_an_error_in_data_fails_the_session_and_has_its_traceback(identity):
    client, server, mine, theirs = tls_pair(identity)
    theirs.stream.on_data = boom
    mine.stream.write(b"x")
    with pytest.raises(ZeroDivisionError) as caught:
        server.take()
    assert frames(caught.value)[-1] == "boom"
    assert isinstance(server.error_seen, sessile.CallbackError) and server.closed
    assert server.receive(b"x") == -1


def test_data_without_anybody_to_take_it_raises(identity):
    client, server, mine, theirs = tls_pair(identity)
    theirs.stream.on_data = None
    mine.stream.write(b"12345")
    with pytest.raises(sessile.MisuseError, match="5 bytes"):
        server.take()


def test_another_sessions_error_does_not_fail_this_one(identity):
    """client's send leads into server's receive, whose callback raises: client goes on."""
    client, server, mine, theirs = tls_pair(identity)
    theirs.stream.on_data = boom
    returned = []
    client.on_send = lambda data: returned.append(server.receive(data))
    with pytest.raises(ZeroDivisionError):
        mine.stream.write(b"x")
    assert returned == [-1]
    assert isinstance(server.error, sessile.CallbackError)
    assert client.error is None and not client.over


def test_receive_tells_what_was_taken_where_another_session_failed(identity):
    client, server, mine, theirs = tls_pair(identity)
    other_client, other_server, other_mine, other_theirs = tls_pair(identity)
    other_theirs.stream.on_data = boom
    other_client.on_send = other_server.receive
    theirs.stream.on_data = other_mine.stream.write
    mine.stream.write(b"relay this")
    record = bytes(server.queue)
    with pytest.raises(ZeroDivisionError) as caught:
        server.receive(record + b"\x17")
    assert caught.value.taken == len(record) and server.error is None


def test_of_two_errors_the_first_comes_out_and_the_second_is_reported(identity, monkeypatch):
    reported = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: reported.append(what.exc_value))
    client, server, mine, theirs = tls_pair(identity)
    theirs.stream.on_data = boom
    server.on_closed = lambda error: {}["second"]
    mine.stream.write(b"x")
    with pytest.raises(ZeroDivisionError):
        server.take()
    assert [type(error) for error in reported] == [KeyError]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_no_exception_comes_out_too(identity, kind):
    def stop(data):
        raise kind

    client, server, mine, theirs = tls_pair(identity)
    theirs.stream.on_data = stop
    mine.stream.write(b"x")
    with pytest.raises(kind):
        server.take()


def test_an_error_in_a_question_refuses_it(host_key):
    with pytest.raises(ZeroDivisionError):
        ssh_pair(host_key, client=End(on_question=boom), config=sessile.SSHConfig.client())


def test_an_error_in_a_channels_callback(host_key, user_key):
    client, server = ssh_pair(host_key, user_key)
    channel = client.ssh.open_session()
    channel.on_open = boom
    with pytest.raises(ZeroDivisionError):
        pump(client, server)
    assert isinstance(client.error, sessile.CallbackError)


def test_the_peers_faults_the_callers_and_ours_are_branches(identity):
    assert issubclass(sessile.ProtocolError, sessile.PeerFaultError)
    assert issubclass(sessile.BusyError, sessile.CallerError)
    assert issubclass(sessile.CryptoError, sessile.LocalError)
    numbers = {value for name, value in vars(sessile._sessile).items() if name.startswith("ERR_")}
    for number in numbers:
        error = sessile.error_for(number)
        assert type(error) is not sessile.Error and error.code == number and error.text
        assert sessile._sessile.error_name(number) in str(error)
    assert type(sessile.error_for(-999)) is sessile.Error


def test_the_peers_bytes_are_escaped_in_texts(identity):
    one, _ = link()
    one.tls_connect(sessile.TLSConfig.client(trust=identity.certificate), "server.test")
    assert one.receive(b"HTTP/1.1 400 \x1b[31m\r\n") == -1
    assert isinstance(one.error, sessile.ProtocolError) and "\x1b" not in one.error.text


def test_callbacks_may_do_anything(identity):
    """End, write, free and receive from inside callbacks."""
    client, server, mine, theirs = tls_pair(identity)
    theirs.stream.on_data = lambda data: theirs.stream.write(data) and theirs.stream.end()
    mine.stream.write(b"echo")
    pump(client, server)
    assert mine.data == b"echo"

    client, server, mine, theirs = tls_pair(identity)
    nested = []
    theirs.stream.on_data = lambda data: nested.append(server.receive(b"\x17\x03\x03"))
    mine.stream.write(b"x")
    server.take()
    assert nested == [0]

    client, server, mine, theirs = tls_pair(identity)
    theirs.stream.on_data = lambda data: server.free()
    mine.stream.write(b"x")
    server.take()
    assert server.closed and server.freed and "closed" not in server.log
    with pytest.raises(sessile.GoneError):
        theirs.stream.write(b"x")


def test_sessions_whose_sends_receive_nest_and_unwind(identity):
    one, other = End(), End()
    inboxes = {one: bytearray(), other: bytearray()}

    def feed(end, data):
        inboxes[end] += data
        taken = end.receive(bytes(inboxes[end]))
        del inboxes[end][:max(taken, 0)]

    one.on_send, other.on_send = (lambda data: feed(other, data)), (lambda data: feed(one, data))
    one.on_resume = other.on_resume = None
    theirs = Collector(other.tls_accept(sessile.TLSConfig.server(identity.certificate, identity.key)))
    mine = Collector(one.tls_connect(sessile.TLSConfig.client(trust=identity.certificate), "server.test"))
    for _ in range(5):
        feed(one, b"")
        feed(other, b"")
    assert one.log == other.log == ["ready"]
    count = [0]

    def ping(data):
        count[0] += 1
        if count[0] < 5000:
            theirs.stream.write(data)

    theirs.stream.on_data, mine.stream.on_data = ping, mine.stream.write
    mine.stream.write(b"ball")
    for _ in range(5000):
        feed(one, b"")
        feed(other, b"")
    assert count[0] == 5000


def test_a_servers_rule_that_raises_refuses(host_key, user_key):
    client, server = link(None, Server(SSH_CHANNEL=boom))
    with pytest.raises(ZeroDivisionError):
        ssh_pair(host_key, user_key, server, client)
        Collector(client.ssh.open_session())
        pump(client, server)
    assert isinstance(server.error, sessile.CallbackError)
