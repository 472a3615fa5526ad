# SPDX-License-Identifier: Apache-2.0
"""TLS sessions through the Python API, in memory."""

import pytest
from wires import Collector, End, link, pump, tls_pair

import sessile


def test_a_client_and_a_server_shake_hands_and_talk(identity):
    client, server, mine, theirs = tls_pair(identity)
    assert client.log == server.log == ["ready"]
    assert client.tls.version == server.tls.version == "TLSv1.3"
    assert client.tls.verify_code == 0 and server.tls.sni == "server.test"
    assert mine.stream.write(b"hello") == 5
    assert theirs.stream.write(memoryview(b"welcome")) == 7
    pump(client, server)
    assert theirs.data == b"hello" and mine.data == b"welcome"


def test_one_byte_at_a_time_is_the_same(identity):
    one, other = link()
    mine = Collector(one.tls_connect(sessile.TLSConfig.client(trust=identity.certificate), "server.test"))
    theirs = Collector(other.tls_accept(sessile.TLSConfig.server(identity.certificate, identity.key)))

    def trickle(end):
        waiting, end.queue = bytes(end.queue), bytearray()
        for byte in waiting:
            end.queue.append(byte)
            end.take()
        return bool(waiting)

    sent = False
    while trickle(one) | trickle(other):
        if one.log == ["ready"] and not sent:
            sent = mine.stream.write(b"x" * 40000) == 40000
    assert theirs.data == b"x" * 40000


def test_what_was_not_taken_is_offered_again(identity):
    client, server, mine, theirs = tls_pair(identity)
    mine.stream.write(b"hello")
    record = bytes(server.queue)
    assert server.receive(record[:-1]) == 0
    assert server.want == len(record) and server.want <= server.want_max
    assert server.receive(bytearray(record) + b"\x17") == len(record)
    assert theirs.data == b"hello"


def test_a_certificate_that_is_not_trusted_fails_with_the_reason(identity, client_identity):
    client, server, _, theirs = tls_pair(identity, client=sessile.TLSConfig.client(trust=client_identity.certificate))
    error = client.error_seen
    assert isinstance(error, sessile.VerificationError) and isinstance(error, sessile.PeerFaultError)
    assert error.verify_code == 18 and "self" in error.reason and error is client.error
    assert client.closed and client.over and client.receive(b"x") == -1
    assert isinstance(server.error_seen, sessile.PeerError)
    assert theirs.events == [("closed", server.error)]


def test_a_name_that_the_certificate_is_not_for_fails(identity):
    one, other = link()
    other.tls_accept(sessile.TLSConfig.server(identity.certificate, identity.key))
    one.tls_connect(sessile.TLSConfig.client(trust=identity.certificate), "other.test")
    pump(one, other)
    assert isinstance(one.error, sessile.VerificationError)
    assert "other.test" in str(one.error) or "hostname" in str(one.error).lower()


def test_a_clients_certificate_is_asked_for_and_seen(identity, client_identity):
    server_config = sessile.TLSConfig.server(identity.certificate, identity.key).trust(client_identity.certificate)
    server_config.set_client_certificate(sessile.ClientCertificate.REQUIRE)
    client_config = sessile.TLSConfig.client(
        trust=identity.certificate, certificate=client_identity.certificate, key=client_identity.key)
    client, server, _, _ = tls_pair(identity, client_config, server_config)
    assert server.log == ["ready"] and server.tls.verify_code == 0
    assert len(server.tls.peer_certificates) == 1 and server.tls.peer_certificates[0][0] == 0x30


def test_alpn_is_negotiated_and_its_absence_is_an_error(identity):
    config = sessile.TLSConfig.server(identity.certificate, identity.key, alpn=["h2", "http/1.1"])
    client, server, _, _ = tls_pair(
        identity, sessile.TLSConfig.client(trust=identity.certificate, alpn="http/1.1"), config)
    assert client.tls.alpn == server.tls.alpn == "http/1.1"
    client, server, _, _ = tls_pair(
        identity, sessile.TLSConfig.client(trust=identity.certificate, alpn="smtp"), config)
    assert isinstance(server.error, sessile.NegotiationError)


@pytest.mark.parametrize("yes", [True, False])
@pytest.mark.parametrize("later", [True, False])
def test_a_question_is_answered_now_or_later(identity, yes, later):
    asked = []

    def answer(question):
        assert question.kind is sessile.QuestionKind.TLS_PEER
        assert question.verify_code == 18 and question.host == "server.test" and len(question.certificates) == 1
        question.accept() if yes else question.refuse()

    config = sessile.TLSConfig.client(trust=identity.certificate)
    config = sessile.TLSConfig(sessile.Role.CLIENT).ask_peer(sessile.AskPeer.UNTRUSTED)
    client, server, mine, theirs = tls_pair(
        identity, config, client_end=End(on_question=asked.append if later else answer))
    if later:
        assert client.log == [] and client.want == 0
        answer(asked.pop())
        pump(client, server)
    if yes:
        assert client.log == ["ready"]
        mine.stream.write(b"believed")
        pump(client, server)
        assert theirs.data == b"believed"
    else:
        assert isinstance(client.error_seen, sessile.RefusedError)


def test_a_question_that_nobody_holds_is_refused(identity):
    config = sessile.TLSConfig(sessile.Role.CLIENT).ask_peer(sessile.AskPeer.UNTRUSTED)
    client, _, _, _ = tls_pair(identity, config, client_end=End(on_question=lambda question: None))
    assert isinstance(client.error_seen, sessile.RefusedError)
    client, _, _, _ = tls_pair(identity, config)
    assert isinstance(client.error_seen, sessile.RefusedError)


def test_a_held_question_that_is_dropped_is_refused(identity):
    held = []
    config = sessile.TLSConfig(sessile.Role.CLIENT).ask_peer(sessile.AskPeer.UNTRUSTED)
    client, server, _, _ = tls_pair(identity, config, client_end=End(on_question=held.append))
    assert client.error is None
    held.clear()
    client.receive(b"")
    assert isinstance(client.error_seen, sessile.RefusedError)


def test_an_answered_question_answers_gone(identity):
    held = []
    config = sessile.TLSConfig(sessile.Role.CLIENT).ask_peer(sessile.AskPeer.UNTRUSTED)
    client, server, _, _ = tls_pair(identity, config, client_end=End(on_question=held.append))
    held[0].accept()
    with pytest.raises(sessile.GoneError):
        held[0].accept()
    assert held[0].host == "server.test"


def test_a_blocking_question_cannot_be_held_without_resume(identity):
    class Plain(End):
        on_resume = None

    held = []
    config = sessile.TLSConfig(sessile.Role.CLIENT).ask_peer(sessile.AskPeer.UNTRUSTED)
    client, _, _, _ = tls_pair(identity, config, client_end=Plain(on_question=held.append))
    assert isinstance(client.error_seen, sessile.RefusedError)
    with pytest.raises(sessile.GoneError):
        held[0].accept()


def test_a_hello_chooses_another_config(identity, client_identity):
    other = sessile.TLSConfig.server(client_identity.certificate, client_identity.key)

    def choose(question):
        assert question.sni == "server.test"
        question.use_config(other)
        question.accept()

    server = sessile.TLSConfig.server(identity.certificate, identity.key).ask_hello()
    client, _, _, _ = tls_pair(identity, sessile.TLSConfig.client(trust=identity.certificate), server,
                               server_end=End(on_question=choose))
    assert isinstance(client.error, sessile.VerificationError)


def test_half_close_and_the_clean_end(identity):
    client, server, mine, theirs = tls_pair(identity)
    theirs.stream.on_end = lambda: theirs.events.append("end")
    mine.stream.end()
    pump(client, server)
    assert theirs.events == ["end"]
    theirs.stream.write(b"still here")
    theirs.stream.end()
    pump(client, server)
    assert mine.data == b"still here"
    assert client.error_seen is server.error_seen is None
    assert mine.events == [("closed", None)] and client.closed and client.streams == ()
    with pytest.raises(sessile.ClosedError):
        mine.stream.write(b"x")


def test_without_on_end_the_other_side_ends_too(identity):
    client, server, mine, theirs = tls_pair(identity)
    mine.stream.end()
    pump(client, server)
    assert client.error_seen is server.error_seen is None


def test_a_wire_that_closes_early_is_truncation(identity):
    client, server, mine, theirs = tls_pair(identity)
    client.wire_closed()
    assert isinstance(client.error_seen, sessile.TruncatedError) and isinstance(client.error_seen, EOFError)
    assert not client.closed


def test_sessions_resume_with_a_ticket(identity):
    notices = []
    server_config = sessile.TLSConfig.server(identity.certificate, identity.key).set_tickets(sessile.TicketKeys())
    client_config = sessile.TLSConfig.client(trust=identity.certificate)
    client, server, _, _ = tls_pair(
        identity, client_config, server_config, End(on_notice=lambda *notice: notices.append(notice)))
    kind, ticket = notices[0]
    assert kind is sessile.Notice.TLS_TICKET and not client.tls.resumed
    one, other = link()
    other.tls_accept(server_config)
    one.tls_connect(client_config, "server.test", ticket=ticket)
    pump(one, other)
    assert one.tls.resumed and other.tls.resumed


def test_writes_are_taken_short_while_held_and_go_on(identity):
    client, server, mine, theirs = tls_pair(identity)
    writable = []
    mine.stream.on_writable = lambda: writable.append(True)
    client.hold()
    assert mine.stream.write(b"x" * 100) == 0
    client.hold(False)
    assert writable == [True]
    assert mine.stream.write(b"x" * 100) == 100


def test_manual_credit_stops_the_peer(identity):
    client, server, mine, theirs = tls_pair(identity)
    theirs.stream.set_manual()
    for _ in range(20):
        mine.stream.write(b"x" * 16384)
    server.take()
    assert len(server.queue) > 0 and 65536 <= len(theirs.data) < 20 * 16384
    while len(theirs.data) < 20 * 16384:
        before = len(theirs.data)
        theirs.stream.consumed(16384)
        server.take()
        assert len(theirs.data) > before
    with pytest.raises(sessile.ArgumentError):
        theirs.stream.consumed(10**6)


def test_pausing_stops_everything(identity):
    client, server, mine, theirs = tls_pair(identity)
    server.pause()
    mine.stream.write(b"later")
    pump(client, server)
    assert theirs.data == b""
    server.pause(False)
    assert server.wants_more
    pump(client, server)
    assert theirs.data == b"later"


def test_a_batch_is_one_send(identity):
    sends = []
    client, server, mine, theirs = tls_pair(identity)
    client.on_send = sends.append
    with client.batch():
        mine.stream.write(b"a")
        mine.stream.write(b"b")
        assert sends == []
    assert len(sends) == 1


def test_detach_leaves_what_follows_untaken(identity):
    client, server, mine, theirs = tls_pair(identity)
    client.detach()
    pump(client, server)
    server.queue += b"plain text"
    mine.stream  # noqa: B018
    client.queue += b"plain text"
    pump(client, server)
    assert client.queue == b"plain text" and not client.closed and client.error_seen is None


def test_exported_material_and_bindings_agree(identity):
    client, server, _, _ = tls_pair(identity)
    assert client.tls.export("EXPERIMENTAL", 40, b"c") == server.tls.export("EXPERIMENTAL", 40, b"c")
    assert client.tls.export("EXPERIMENTAL", 40) != client.tls.export("EXPERIMENTAL", 40, b"c")
    assert client.tls.channel_binding() == server.tls.channel_binding()
    with pytest.raises(sessile.UnsupportedError):
        client.tls.channel_binding(sessile.ChannelBinding.UNIQUE)
    client.tls.key_update(request_peer=True)
    pump(client, server)
    assert client.error is None and server.error is None


def test_tls_1_2_alone(identity):
    config = sessile.TLSConfig.client(trust=identity.certificate)
    config.set_versions(sessile.TLSVersion.TLS_1_2, sessile.TLSVersion.TLS_1_2)
    client, _, _, _ = tls_pair(identity, config)
    assert client.tls.version == "TLSv1.2"
    assert len(client.tls.channel_binding(sessile.ChannelBinding.UNIQUE)) == 12


def test_configs_say_what_is_wrong_and_are_immutable_once_used(identity, client_identity):
    with pytest.raises(sessile.ArgumentError) as caught:
        sessile.TLSConfig.server("no PEM at all")
    assert caught.value.text and isinstance(caught.value, ValueError)
    with pytest.raises(sessile.ArgumentError):
        sessile.TLSConfig.server(identity.certificate, client_identity.key)
    config = sessile.TLSConfig.client().check()
    with pytest.raises(sessile.MisuseError):
        config.set_alpn("h2")
    with pytest.raises(sessile.Error):
        End().tls_accept(sessile.TLSConfig.server())
    with pytest.raises(ValueError):
        sessile.TLSConfig.client().set_ciphers("a\0b")


def test_files_are_read_where_paths_are_given(identity, tmp_path):
    config = sessile.TLSConfig(sessile.Role.SERVER)
    config.set_certificate_file(identity.certificate_file).set_key_file(str(identity.key_file)).check()
    with pytest.raises(sessile.Error):
        sessile.TLSConfig.client().trust_file(tmp_path / "absent")


def test_a_passphrase_is_asked_for_when_it_is_needed(identity, tmp_path):
    from conftest import openssl

    encrypted = tmp_path / "key"
    openssl("pkcs8", "-topk8", "-in", identity.key_file, "-out", encrypted, "-passout", "pass:secret")
    config = sessile.TLSConfig.server(identity.certificate)
    asked = []
    config.set_passphrase(lambda: asked.append(1) or b"secret")
    config.set_key(encrypted.read_bytes()).check()
    assert asked == [1]
    failing = sessile.TLSConfig.server(identity.certificate)
    failing.set_passphrase(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        failing.set_key(encrypted.read_bytes())
    with pytest.raises(sessile.ArgumentError, match="passphrase"):
        sessile.TLSConfig.server(identity.certificate).set_passphrase(b"wrong").set_key(encrypted.read_bytes())


def test_a_session_inside_a_stream_of_another(identity):
    client, server, mine, theirs = tls_pair(identity)
    inner, inside = mine.stream.over_this(), theirs.stream.over_this()
    seen = []
    far = inside.tls_accept(sessile.TLSConfig.server(identity.certificate, identity.key))
    far.on_data = seen.append
    near = inner.tls_connect(sessile.TLSConfig.client(trust=identity.certificate), "server.test")
    pump(client, server)
    near.write(b"deep")
    pump(client, server)
    assert seen == [b"deep"] and inner.tls.version == "TLSv1.3"
    near.end()
    pump(client, server)
    assert inner.over and inner.error is None


def test_a_pair_needs_no_wire(identity):
    one, other = sessile.pair()
    seen = []
    theirs = other.tls_accept(sessile.TLSConfig.server(identity.certificate, identity.key))
    theirs.on_data = seen.append
    mine = one.tls_connect(sessile.TLSConfig.client(trust=identity.certificate), "server.test")
    assert mine.write(b"at once") == 7 and seen == [b"at once"]


def test_counters_and_trace(identity):
    traced = []
    client, server, mine, theirs = tls_pair(identity)
    client.set_counters()
    client.set_trace(lambda *what: traced.append(what))
    mine.stream.write(b"12345")
    pump(client, server)
    assert client.counter(sessile.Counter.DATA_OUT) == 5 and client.counter(sessile.Counter.SENDS) == 1
    client.tls.key_update()
    assert any(direction == 1 and size > 0 for direction, _, size, _ in traced)


def test_the_proposals_three_calls(identity):
    from sessile.proposal import session_close, session_create, session_receive

    sent, closed = [], []
    session = session_create(
        "handle", lambda handle, data, size: sent.append((handle, len(data) - size)), closed.append)
    assert session_receive(session, b"abc") == 0
    session.tls_connect(sessile.TLSConfig.client(trust=identity.certificate), "server.test")
    assert sent == [("handle", 0)]
    assert session_receive(session, b"GET / HTTP/1.1\r\n\r\n") == -1
    assert closed == ["handle"] and isinstance(session.error, sessile.ProtocolError)
    session_close(session)
