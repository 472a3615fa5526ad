# SPDX-License-Identifier: Apache-2.0
"""Sessions resumed, in both roles and both versions; and a full handshake where that is not possible."""

import re

import pytest
from peers import MESSAGE, OpensslClient, OwnClient
from sessile import OK


def connect_twice(client, children, port, pki, tls, cert=None, tickets=True):
    """Two connections, the second with the first one's session; the peer's own word on whether it resumed."""
    what = {"tls": tls, "cert": cert}
    if client.name == "openssl s_client":
        session = children.path(".session")
        assert client.talk(children, port, pki, more=["-sess_out", session], **what).ok
        outcome = client.talk(children, port, pki, more=["-sess_in", session] if session.exists() else [], **what)
        assert outcome.ok, outcome.text
        return "Reused, TLSv" in outcome.text
    if isinstance(client, OwnClient):
        results = client.results(children, port, pki, more=["-text", MESSAGE.decode(), "-count", 2], **what)
        assert [result["end"] for result in results] == ["clean", "clean"], results
        assert not results[0]["resumed"]
        return results[1]["resumed"]
    if client.name == "curl":
        again = f"https://localhost:{port}/message"
        outcome = client.talk(children, port, pki, more=["--header", "Connection: close", again], **what)
        assert outcome.received == 2 * MESSAGE
        return re.search("SSL re-?using session", outcome.text) is not None
    outcome = client.talk(children, port, pki, more=["--resume", *(["--waitresumption"] if tickets else [])],
                          **what)
    assert outcome.ok, outcome.text
    return "This is a resumed session" in outcome.text


def can_resume(client, tls):
    """curl asks for no ticket in TLS 1.2, and a Sessile server keeps no sessions itself."""
    return client.name != "curl" or tls == "1.3"


@pytest.mark.interop("resumption")
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_client_resumes_with_our_server(client, serve, children, pki, tls):
    ours = serve("ecdsa", service=client.service(children))
    resumed = can_resume(client, tls)
    assert connect_twice(client, children, ours.port, pki, tls) == resumed
    facts = [ours.closed(), ours.closed()]
    assert [one["resumed"] for one in facts] == [0, resumed]
    assert [one["how"] for one in facts] == ["clean", "clean"]


@pytest.mark.interop("resumption turned off, or with another server: a full handshake")
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_without_tickets_nothing_is_resumed(client, serve, children, pki, tls):
    ours = serve("ecdsa", "--ticket-count", "0", service=client.service(children))
    assert not connect_twice(client, children, ours.port, pki, tls, tickets=False)
    assert [ours.closed()["resumed"], ours.closed()["resumed"]] == [0, 0]


@pytest.mark.interop("resumption")
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_our_client_resumes(server, ask, children, tls):
    theirs = server(tls=tls)
    session = children.path(".session")
    first = ask(theirs.port, "--session-out", session)
    assert first.finish(MESSAGE) == OK, first.messages
    assert first.facts["resumed"] == 0
    again = ask(theirs.port, "--session-in", session)
    assert again.finish(MESSAGE) == OK, again.messages
    assert again.facts["resumed"] == 1
    assert again.received == theirs.answer(MESSAGE)
    assert again.facts["verify"] == "ok"


@pytest.mark.interop("resumption turned off, or with another server: a full handshake")
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_our_client_is_not_resumed_by_another_server(server, ask, children, tls):
    session = children.path(".session")
    first = ask(server(tls=tls).port, "--session-out", session)
    assert first.finish(MESSAGE) == OK, first.messages
    other = server(tls=tls)
    again = ask(other.port, "--session-in", session)
    assert again.finish(MESSAGE) == OK, again.messages
    assert again.facts["resumed"] == 0
    assert again.received == other.answer(MESSAGE)


@pytest.mark.interop("resumption", peer="openssl s_client")
def test_openssl_reconnects_five_times(serve, children, pki):
    """By -reconnect: in TLS 1.3 it would not wait for a ticket."""
    ours = serve()
    outcome = OpensslClient().talk(children, ours.port, pki, tls="1.2", more=["-reconnect"])
    assert outcome.ok, outcome.text
    assert len(re.findall("^Reused, TLSv1.2", outcome.text, re.M)) == 5
    assert [ours.closed()["resumed"] for _ in range(6)] == [0, 1, 1, 1, 1, 1]


@pytest.mark.interop("resumption keeps the client's certificate")
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_resumed_client_is_still_known(client, serve, children, pki, tls):
    ours = serve("ecdsa", "--client-ca", pki.ca.cert, "--verify-client", "require", service=client.service(children))
    resumed = can_resume(client, tls)
    assert connect_twice(client, children, ours.port, pki, tls, cert=pki.client) == resumed
    facts = [ours.closed(), ours.closed()]
    assert [one["resumed"] for one in facts] == [0, resumed]
    assert [one["peer"] for one in facts] == ["CN=client", "CN=client"]
