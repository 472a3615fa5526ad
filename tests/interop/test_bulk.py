# SPDX-License-Identifier: Apache-2.0
"""Megabytes each way, compared; one send for each flight, also with a long chain; and one byte at a time."""

import hashlib
import random

import pytest
from peers import MESSAGE, CurlClient, GnutlsClient, OpensslServer, OwnClient
from sessile import OK

SIZE = 3 * 1024 * 1024
PIECE = 65536


def text_of(size):
    """Random lines without a letter that openssl s_client would take for a command."""
    digits = random.Random(size).randbytes(size // 2).hex()
    return "\n".join(digits[start:start + 63] for start in range(0, len(digits), 63)).encode() + b"\n"


def digest(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(scope="module")
def data():
    return text_of(SIZE)


def start(client, children, port, pki, **what):
    log = [children.path(".log")] if isinstance(client, GnutlsClient) else []
    return children.start(*client.command(port, pki, *log, **what))


@pytest.mark.interop("3 MB from Sessile")
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_client_downloads_from_us(client, serve, children, pki, data, tls):
    (children.folder / "message").write_bytes(data)
    if isinstance(client, CurlClient):
        ours = serve("ecdsa", service=["--http", children.folder])
        assert client.talk(children, ours.port, pki, tls=tls).received == data
    elif isinstance(client, OwnClient):
        ours = serve("ecdsa", service=["--files", children.folder])
        result = client.results(children, ours.port, pki, tls=tls, more=["-job", "get", "-text", "message"])[0]
        assert (result["end"], result["bytes"], result["received"]) == ("clean", len(data), digest(data)), result
    else:
        ours = serve("ecdsa", service=["--files", children.folder])
        more = [] if isinstance(client, GnutlsClient) else ["-quiet"]
        child = start(client, children, ours.port, pki, tls=tls, more=more)
        child.write(b"message\n")
        assert digest(child.wait_bytes(len(data))) == digest(data)
        assert child.finish() == 0, child.log()
    assert ours.closed()["data_out"] >= len(data)


@pytest.mark.interop("3 MB to Sessile and back")
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
@pytest.mark.parametrize("client", ["openssl s_client", "gnutls-cli", "Python client", "Go client"], indirect=True)
def test_our_server_echoes(client, serve, children, pki, data, tls):
    ours = serve()
    if isinstance(client, OwnClient):
        result = client.results(children, ours.port, pki, tls=tls, more=["-size", SIZE])[0]
        assert (result["end"], result["bytes"], result["received"]) == ("clean", SIZE, result["sent"]), result
    else:
        more = [] if isinstance(client, GnutlsClient) else ["-quiet", "-no_ign_eof"]
        child = start(client, children, ours.port, pki, tls=tls, more=more)
        back = b""
        for at in range(0, len(data), PIECE):
            child.write(data[at:at + PIECE])
            back += child.wait_bytes(len(data[at:at + PIECE]))
        assert digest(back) == digest(data)
        assert child.finish() == 0, child.log()
    facts = ours.closed()
    assert facts["how"] == "clean"
    assert facts["data_in"] == facts["data_out"] >= SIZE


@pytest.mark.interop("3 MB to the peer and back")
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
@pytest.mark.parametrize("server", ["gnutls-serv", "Python server", "Go server"], indirect=True)
def test_server_echoes_to_us(server, ask, data, tls):
    ours = ask(server(tls=tls).port)
    assert ours.finish(data) == OK, ours.messages
    assert digest(ours.received) == digest(data)


@pytest.mark.interop("3 MB to the peer", peer="openssl s_server")
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_openssl_receives_from_us(ask, children, pki, data, tls):
    theirs = OpensslServer(children, pki, pki.leaves["ecdsa"], tls=tls, service=("-naccept", "1"))
    start_of_data = data[:16].decode()
    ours = ask(theirs.port)
    assert ours.finish(data) == OK, ours.messages
    assert theirs.child.status() == 0
    output = theirs.child.out.data
    at = output.index(start_of_data.encode())
    assert digest(output[at:at + len(data)]) == digest(data)


@pytest.mark.interop("3 MB from the peer, by HTTP", peer="openssl s_server")
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_our_client_downloads_from_openssl(ask, children, pki, data, tls, monkeypatch):
    (children.folder / "message").write_bytes(data)
    monkeypatch.chdir(children.folder)
    theirs = OpensslServer(children, pki, pki.leaves["ecdsa"], tls=tls, service=("-WWW",))
    ours = ask(theirs.port, job=["--http", "/message", "-o", children.folder / "copy"])
    assert ours.finish() == OK, ours.messages
    assert digest((children.folder / "copy").read_bytes()) == digest(data)


@pytest.mark.interop("one send for each flight, also with a chain of more than 4 KiB")
@pytest.mark.parametrize(("tls", "sends"), [("1.2", 4), ("1.3", 3)])
@pytest.mark.parametrize("chain", ["short", "long"])
def test_our_server_sends_flights(client, serve, children, pki, chain, tls, sends):
    """Hello to done or Finished, Finished (1.2), the answer, close_notify: without tickets nothing else is sent."""
    ours = serve(pki.long if chain == "long" else "rsa", "--ticket-count", "0", service=client.service(children))
    outcome = client.talk(children, ours.port, pki, tls=tls)
    assert outcome.ok, outcome.text
    facts = ours.closed()
    assert facts["sends"] == sends
    assert (facts["sent"] > 4096) == (chain == "long")


@pytest.mark.interop("one send for each flight, also with a chain of more than 4 KiB")
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
@pytest.mark.parametrize("chain", ["short", "long"])
def test_our_client_sends_flights(server, ask, pki, chain, tls):
    """ClientHello, certificate to Finished, the message, close_notify; and the server's chain is a long one too."""
    pair = pki.long if chain == "long" else pki.client
    theirs = server(pair if chain == "long" else "rsa", client_ca=pki.ca.cert, tls=tls)
    ours = ask(theirs.port, "--cert", pair.cert, "--key", pair.key)
    assert ours.finish(MESSAGE) == OK, ours.messages
    assert ours.received == theirs.answer(MESSAGE)
    assert ours.facts["sends"] == 4
    assert (ours.facts["sent"] > 4096) == (chain == "long")


@pytest.mark.interop("one byte at a time")
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_our_server_is_fed_bytes(client, serve, children, pki, tls):
    ours = serve("ecdsa", "--buffer", "1", service=client.service(children))
    outcome = client.talk(children, ours.port, pki, tls=tls)
    assert outcome.ok, outcome.text
    assert ours.closed()["how"] == "clean"


@pytest.mark.interop("one byte at a time")
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_our_client_is_fed_bytes(server, ask, tls):
    theirs = server("rsa", tls=tls)
    ours = ask(theirs.port, "--buffer", "1")
    assert ours.finish(MESSAGE) == OK, ours.messages
    assert ours.received == theirs.answer(MESSAGE)
