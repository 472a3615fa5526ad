# SPDX-License-Identifier: Apache-2.0
"""Which name and which application protocol: SNI and ALPN."""

import pytest
from peers import MESSAGE, OpensslServer
from pki import NAMES
from sessile import OK, PEER


@pytest.mark.interop("ALPN: a common protocol")
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_our_server_picks_protocol(client, serve, children, pki, tls):
    ours = serve("ecdsa", "--alpn", "spoken-here,http/1.1,h2", service=client.service(children))
    offered = None if client.name == "curl" else "h2,http/1.1"  # which is what curl offers
    outcome = client.talk(children, ours.port, pki, alpn=offered, tls=tls)
    assert outcome.ok, outcome.text
    assert outcome.alpn == ours.closed()["alpn"] == "http/1.1"


@pytest.mark.interop("ALPN: none in common is refused")
def test_our_server_refuses_other_protocols(client, serve, children, pki):
    ours = serve("ecdsa", "--alpn", "spoken-here", service=client.service(children))
    outcome = client.talk(children, ours.port, pki, alpn=None if client.name == "curl" else "h2,http/1.1")
    assert not outcome.ok
    assert outcome.received == b""
    assert ours.closed()["how"] == "ERR_NEGOTIATION"


@pytest.mark.interop("ALPN: a common protocol")
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_server_picks_from_our_protocols(server, ask, tls):
    theirs = server(alpn="http/1.1,other", tls=tls)
    ours = ask(theirs.port, "--alpn", "h2,http/1.1")
    assert ours.finish(MESSAGE) == OK, ours.messages
    assert ours.facts["alpn"] == "http/1.1"


@pytest.mark.interop("ALPN: the server speaks none")
def test_server_ignores_our_protocols(server, ask):
    ours = ask(server().port, "--alpn", "h2,http/1.1")
    assert ours.finish(MESSAGE) == OK, ours.messages
    assert ours.facts["alpn"] == ""


@pytest.mark.interop("SNI: several names, each with its certificate")
@pytest.mark.parametrize("name", NAMES[1:])
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_our_server_has_names(client, serve, children, pki, name, tls):
    """The default certificate is one that the client does not believe."""
    hosts = [word for host, pair in pki.hosts.items() for word in ("--host", f"{host}={pair.cert},{pair.key}")]
    ours = serve(pki.stranger, *hosts, service=client.service(children))
    outcome = client.talk(children, ours.port, pki, name=name, tls=tls)
    assert outcome.ok, outcome.text
    assert ours.closed()["sni"] == name


@pytest.mark.interop("SNI: another name gets the default")
def test_our_server_has_a_default(client, serve, children, pki):
    hosts = [word for host, pair in pki.hosts.items() for word in ("--host", f"{host}={pair.cert},{pair.key}")]
    ours = serve("ecdsa", *hosts, service=client.service(children))
    outcome = client.talk(children, ours.port, pki, name="localhost")
    assert outcome.ok, outcome.text
    assert ours.closed()["sni"] == "localhost"


@pytest.mark.interop("SNI: several names, each with its certificate")
@pytest.mark.parametrize("name", NAMES[1:])
def test_server_hears_our_name(server, ask, name):
    theirs = server()
    ours = ask(theirs.port, name=name)
    assert ours.finish(MESSAGE) == OK, ours.messages
    assert ours.facts["sni"] == name
    theirs.check_sni(name)


@pytest.mark.interop("SNI: another name, another certificate", peer="openssl s_server")
def test_our_client_gets_the_certificate_of_its_name(ask, children, pki):
    other = pki.hosts["one.example"]
    theirs = OpensslServer(children, pki, pki.leaves["rsa"],
                           more=["-servername", "one.example", "-cert2", other.cert, "-key2", other.key])
    for name, subject in (("one.example", "CN=one.example"), ("two.example", "CN=rsa")):
        ours = ask(theirs.port, name=name)
        assert ours.finish(MESSAGE) == OK, ours.messages
        assert ours.facts["peer"] == subject


@pytest.mark.interop("no version in common is refused")
def test_our_server_refuses_old_version(client, serve, children, pki):
    ours = serve("ecdsa", "--tls", "1.3", service=client.service(children))
    assert not client.talk(children, ours.port, pki, tls="1.2").ok
    assert ours.closed()["how"] == "ERR_NEGOTIATION"


@pytest.mark.interop("no version in common is refused")
def test_server_refuses_our_version(server, ask):
    ours = ask(server(tls="1.3").port, "--tls", "1.2")
    assert ours.finish(MESSAGE) == PEER, ours.messages
    assert "fatal alert" in ours.facts["text"]
