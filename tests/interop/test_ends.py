# SPDX-License-Identifier: Apache-2.0
"""How connections end where nobody says goodbye, and what is no TLS at all."""

import socket

import pytest
from child import TIMEOUT, connected
from peers import CLIENTS, MESSAGE, SERVERS, CurlClient, GnutlsClient, OpensslClient, OpensslServer, OwnClient
from sessile import CONNECT, OK, SESSION, TRUNCATED

BIG = 64 * 1024 * 1024
# Fast enough that what the system has buffered is soon read, slow enough that not all is.
RATE = ["--limit-rate", "20M"]
# Go takes the end of the wire between two records for the end of the data.
EXACT_CLIENTS = [name for name in CLIENTS if not name.startswith("Go")]
EXACT_SERVERS = [name for name in SERVERS if not name.startswith("Go")]


def write_big(children):
    with (children.folder / "message").open("wb") as file:
        file.truncate(BIG)


def cut_short(client, children, port, pki):
    """A connection that the client leaves without a word, after data went both ways."""
    if isinstance(client, OwnClient):
        result = client.results(children, port, pki, more=["-text", MESSAGE.decode(), "-job", "cut"])[0]
        assert result["end"] == "cut", result
        return
    if isinstance(client, CurlClient):
        child = children.start(*client.command(port, pki, more=RATE))
        child.wait_bytes(10000)
    else:
        log = [children.path(".log")] if isinstance(client, GnutlsClient) else []
        child = children.start(*client.command(port, pki, *log))
        child.write(MESSAGE)
        child.wait_for(MESSAGE.decode().strip())
    child.kill()


@pytest.mark.interop("the peer vanishes without close_notify: truncated")
def test_our_server_notices_cut_client(client, serve, children, pki):
    service = client.service(children)
    write_big(children)
    ours = serve("ecdsa", service=service)
    cut_short(client, children, ours.port, pki)
    facts = ours.closed()
    assert facts["how"] == "ERR_TRUNCATED", facts
    assert facts["data_in"] > 0


@pytest.mark.interop("the peer vanishes without close_notify: truncated")
def test_our_client_notices_cut_server(server, ask):
    theirs = server()
    ours = ask(theirs.port)
    ours.child.write(MESSAGE)
    assert ours.child.wait_bytes(len(MESSAGE)) == theirs.answer(MESSAGE)
    theirs.child.kill()
    ours.child.err.wait(lambda data: b"TRUNCATED" in data)
    assert ours.finish() == TRUNCATED, ours.messages
    assert ours.facts["error"] == "ERR_TRUNCATED"
    assert ours.facts["data_in"] == len(MESSAGE)


@pytest.mark.interop("Sessile aborts: the peer notices")
@pytest.mark.parametrize("client", EXACT_CLIENTS, indirect=True)
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_client_notices_our_abort(client, serve, children, pki, tls):
    """The file service gives up where a file is missing; for curl the server dies in the middle of one."""
    if isinstance(client, CurlClient):
        service = client.service(children)
        write_big(children)
        ours = serve("ecdsa", service=service)
        child = children.start(*client.command(ours.port, pki, tls=tls, more=RATE))
        child.wait_bytes(10000)
        ours.kill()
        assert child.status() in (18, 56), child.log()
        return
    ours = serve("ecdsa", service=["--files", children.folder])
    if isinstance(client, OwnClient):
        result = client.results(children, ours.port, pki, tls=tls, more=["-job", "get", "-text", "missing"])[0]
        assert result["end"] == "truncated", result
    else:
        log = [children.path(".log")] if isinstance(client, GnutlsClient) else []
        more = ["-ign_eof"] if isinstance(client, OpensslClient) else []
        child = children.start(*client.command(ours.port, pki, *log, tls=tls, more=more))
        child.write(b"missing\n")
        child.out.wait(lambda data: False)
        status = child.finish()
        text = child.text() + "".join(path.read_text() for path in log)
        assert status != 0, text
        assert "unexpected eof" in text or "non-properly terminated" in text
    assert ours.closed()["how"] == "ERR_ABORTED"


@pytest.mark.interop("Sessile aborts: the peer notices")
@pytest.mark.parametrize("server", EXACT_SERVERS, indirect=True)
def test_server_notices_our_abort(server, ask):
    """openssl s_server tells this only where it shows what it receives; it answers nothing then."""
    shows = server.name.startswith("openssl")
    theirs = server(service=()) if shows else server()
    ours = ask(theirs.port)
    ours.child.write(MESSAGE)
    if shows:
        theirs.child.wait_for(MESSAGE.decode().strip())
    else:
        assert ours.child.wait_bytes(len(MESSAGE)) == theirs.answer(MESSAGE)
    ours.child.kill()
    theirs.check_cut()


@pytest.mark.interop("Sessile ends properly: so says the peer", peer="openssl s_server")
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_openssl_sees_our_close_notify(ask, children, pki, tls):
    """What it says about a connection that was cut short is tested above."""
    theirs = OpensslServer(children, pki, pki.leaves["ecdsa"], tls=tls, service=())
    ours = ask(theirs.port)
    ours.child.write(MESSAGE)
    theirs.child.wait_for(MESSAGE.decode().strip())
    assert ours.finish() == OK, ours.messages
    theirs.check_clean_end()


@pytest.mark.interop("SIGTERM: close_notify to whoever is connected")
@pytest.mark.parametrize("client", ["openssl s_client", "gnutls-cli"], indirect=True)
def test_our_server_says_goodbye(client, serve, children, pki):
    ours = serve()
    log = [children.path(".log")] if isinstance(client, GnutlsClient) else []
    child = children.start(*client.command(ours.port, pki, *log))
    child.write(MESSAGE)
    child.wait_for(MESSAGE.decode().strip())
    ours.child.process.terminate()
    # gnutls-cli leaves without a close_notify of its own.
    assert ours.closed()["how"] == ("ERR_DROPPED" if log else "clean")
    assert child.finish() == 0, child.log()
    assert ours.child.status() == OK


@pytest.mark.interop("plain HTTP, SSLv2, garbage: refused with its name", peer="plain socket")
@pytest.mark.parametrize(("said", "named"), [
    (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "plain HTTP"),
    (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH"),
    (bytes.fromhex("802e010002001500000010010080"), "SSLv2"),
    (b"\x00\x01\x02\x03\x04", "not a TLS record"),
    (b"\x16\x03\x01\xff\xff", "limit"),
])
def test_our_server_names_what_is_no_tls(serve, said, named):
    ours = serve()
    with connected(ours.port) as wire:
        wire.sendall(said)
        while wire.recv(4096):
            pass
    facts = ours.closed()
    assert facts["how"] == "ERR_PROTOCOL"
    assert named in facts["text"]


@pytest.mark.interop("connected and gone: dropped, not truncated", peer="plain socket")
def test_our_server_is_calm_about_a_probe(serve):
    ours = serve()
    connected(ours.port).close()
    assert ours.closed()["how"] == "ERR_DROPPED"


@pytest.mark.interop("a server that speaks plain HTTP: refused with its name", peer="plain socket (server)")
def test_our_client_names_what_is_no_tls(ask):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT)
        ours = ask(listener.getsockname()[1])
        wire, _ = listener.accept()
        with wire:
            wire.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            assert ours.finish() == SESSION, ours.messages
    assert "plain HTTP" in ours.facts["text"]


@pytest.mark.interop("nobody listens", peer="plain socket (server)")
def test_our_client_says_that_nobody_listens(ask):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        ours = ask(unused.getsockname()[1])
        assert ours.finish() == CONNECT
    assert "refused" in ours.messages
