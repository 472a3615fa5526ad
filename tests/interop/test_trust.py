# SPDX-License-Identifier: Apache-2.0
"""Who is believed: server certificates that must be refused; client certificates good, missing and of a stranger."""

import pytest
from peers import MESSAGE
from sessile import OK, PEER, VERIFY

BAD_SERVERS = ["wrong name", "unknown issuer", "expired"]


@pytest.mark.interop("server certificate refused: wrong name, unknown issuer, expired")
@pytest.mark.parametrize("fault", BAD_SERVERS)
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_client_refuses_our_bad_server(client, serve, children, pki, fault, tls):
    ours = serve(pki.expired if fault == "expired" else "ecdsa", service=client.service(children))
    name = "elsewhere.example" if fault == "wrong name" else "localhost"
    ca = pki.other_ca.cert if fault == "unknown issuer" else None
    outcome = client.talk(children, ours.port, pki, name=name, ca=ca, tls=tls)
    assert not outcome.ok
    assert outcome.received == b""
    facts = ours.closed()
    # curl looks at the name after the handshake, and leaves: with close_notify or, since version 8, without.
    late = client.name == "curl" and fault == "wrong name"
    assert facts["how"] in (("clean", "ERR_TRUNCATED") if late else ("ERR_PEER",))
    assert facts["data_in"] == 0


@pytest.mark.interop("server certificate refused: wrong name, unknown issuer, expired")
@pytest.mark.parametrize("fault", BAD_SERVERS)
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_our_client_refuses_bad_server(server, ask, pki, fault, tls):
    theirs = server(pki.expired if fault == "expired" else "ecdsa", tls=tls)
    name = "elsewhere.example" if fault == "wrong name" else "localhost"
    ours = ask(theirs.port, name=name, ca=pki.other_ca.cert if fault == "unknown issuer" else "")
    assert ours.finish(MESSAGE) == VERIFY, ours.messages
    assert ours.received == b""
    assert ours.facts["data_out"] == 0
    words = {"wrong name": "elsewhere.example", "unknown issuer": "issuer", "expired": "expired"}
    assert words[fault] in ours.facts["text"]


@pytest.mark.interop("client certificate")
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_our_server_believes_good_client(client, serve, children, pki, tls):
    ours = serve("ecdsa", "--client-ca", pki.ca.cert, "--verify-client", "require", service=client.service(children))
    outcome = client.talk(children, ours.port, pki, cert=pki.client, tls=tls)
    facts = ours.closed()
    assert outcome.ok, outcome.text
    assert (facts["how"], facts["peer"], facts["verify"]) == ("clean", "CN=client", "ok")


@pytest.mark.interop("client certificate missing, or of a stranger: refused")
@pytest.mark.parametrize("fault", ["missing", "stranger"])
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_our_server_refuses_bad_client(client, serve, children, pki, fault, tls):
    ours = serve("ecdsa", "--client-ca", pki.ca.cert, "--verify-client", "require", service=client.service(children))
    outcome = client.talk(children, ours.port, pki, cert=pki.stranger if fault == "stranger" else None, tls=tls)
    facts = ours.closed()
    assert not outcome.ok
    assert outcome.received == b""
    assert facts["how"] == "ERR_VERIFY"
    assert "certificate" in facts["text"]
    assert facts["data_in"] == 0


@pytest.mark.interop("client certificate requested, not required")
def test_our_server_does_without_client_certificate(client, serve, children, pki):
    ours = serve("ecdsa", "--client-ca", pki.ca.cert, "--verify-client", "request", service=client.service(children))
    outcome = client.talk(children, ours.port, pki)
    assert outcome.ok, outcome.text
    assert ours.closed()["verify"] == "no certificate"


@pytest.mark.interop("client certificate")
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_server_believes_our_certificate(server, ask, pki, tls):
    theirs = server(client_ca=pki.ca.cert, tls=tls)
    ours = ask(theirs.port, "--cert", pki.client.cert, "--key", pki.client.key)
    assert ours.finish(MESSAGE) == OK, ours.messages
    assert ours.received == theirs.answer(MESSAGE)


@pytest.mark.interop("client certificate missing, or of a stranger: refused")
@pytest.mark.parametrize("fault", ["missing", "stranger"])
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_server_refuses_us(server, ask, pki, fault, tls):
    theirs = server(client_ca=pki.ca.cert, tls=tls)
    certificate = ["--cert", pki.stranger.cert, "--key", pki.stranger.key] if fault == "stranger" else []
    ours = ask(theirs.port, *certificate)
    assert ours.finish(MESSAGE) == PEER, ours.messages
    assert ours.received == b""
    assert "fatal alert" in ours.facts["text"]
