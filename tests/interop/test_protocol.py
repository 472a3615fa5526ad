# SPDX-License-Identifier: Apache-2.0
"""Less common turns of the protocol: another group after a HelloRetryRequest, key updates, pre-shared keys, stapled
OCSP responses, key logs, and a wire that is a pipe."""

import ssl

import pytest
from peers import MESSAGE, GnutlsClient, OpensslClient, OpensslServer, OwnClient, gnutls_priority
from sessile import OK, PEER, VERIFY

# ---- HelloRetryRequest ----


@pytest.mark.interop("HelloRetryRequest: another group")
def test_client_retries_for_our_group(client, serve, children, pki):
    """One send more than without: see test_bulk.py."""
    ours = serve("ecdsa", "--groups", "P-384", "--ticket-count", "0", service=client.service(children))
    outcome = client.talk(children, ours.port, pki, tls="1.3")
    facts = ours.closed()
    assert outcome.ok, outcome.text
    assert facts["group"] == "secp384r1"
    assert facts["sends"] == 4


@pytest.mark.interop("HelloRetryRequest: another group")
def test_our_client_retries_for_group(server, ask):
    more = {"openssl s_server": ["-groups", "P-384"],
            "gnutls-serv": ["--priority", gnutls_priority("1.3") + ":-GROUP-ALL:+GROUP-SECP384R1"]}
    theirs = server(tls="1.3", more=more.get(server.name, ["-group", "secp384r1"]))
    ours = ask(theirs.port, "--groups", "X25519:P-384")
    assert ours.finish(MESSAGE) == OK, ours.messages
    assert ours.received == theirs.answer(MESSAGE)
    assert ours.facts["group"] == "secp384r1"
    assert ours.facts["sends"] == 5


@pytest.mark.interop("no group in common is refused")
def test_our_client_has_no_such_group(server, ask):
    more = {"openssl s_server": ["-groups", "P-384"],
            "gnutls-serv": ["--priority", gnutls_priority("1.3") + ":-GROUP-ALL:+GROUP-SECP384R1"]}
    theirs = server(tls="1.3", more=more.get(server.name, ["-group", "secp384r1"]))
    ours = ask(theirs.port, "--groups", "X25519")
    assert ours.finish(MESSAGE) == PEER, ours.messages


# ---- key update ----


@pytest.mark.interop("key update by the peer", peer="openssl s_client")
@pytest.mark.parametrize("command", ["k", "K"])
def test_openssl_client_updates_keys(serve, children, pki, command):
    """k: its own keys; K: ours too."""
    ours = serve()
    child = children.start(*OpensslClient().command(ours.port, pki))
    for line in (b"before\n", b"after\n"):
        child.write(line)
        child.wait_for(line.decode().strip())
        if line == b"before\n":
            child.write(command.encode() + b"\n")
            child.wait_for("KEYUPDATE", child.err)
    assert child.finish() == 0, child.log()
    facts = ours.closed()
    assert (facts["how"], facts["data_in"]) == ("clean", len(b"before\nafter\n"))


@pytest.mark.interop("key update by the peer", peer="openssl s_server")
@pytest.mark.parametrize("command", ["k", "K"])
def test_openssl_server_updates_keys(ask, children, pki, command):
    theirs = OpensslServer(children, pki, pki.leaves["ecdsa"], tls="1.3", service=())
    ours = ask(theirs.port)
    for line in (b"before\n", b"after\n"):
        ours.child.write(line)
        theirs.child.wait_for(line.decode().strip())
        theirs.child.write(b"from them " + line)
        ours.child.wait_for("from them " + line.decode().strip())
        if line == b"before\n":
            theirs.child.write(command.encode() + b"\n")
    assert ours.finish() == OK, ours.messages
    assert ours.facts["data_in"] == len(b"from them before\nfrom them after\n")


@pytest.mark.interop("key update by the peer", peer="gnutls-cli")
def test_gnutls_client_updates_keys(serve, children, pki):
    ours = serve()
    command = GnutlsClient().command(ours.port, pki, children.path(".log"), tls="1.3", more=["--inline-commands"])
    child = children.start(*command)
    for line in (b"before\n", b"^rekey^\n", b"after\n"):
        child.write(line)
        if line != b"^rekey^\n":
            child.wait_for(line.decode().strip())
    assert child.finish() == 0, child.log()
    facts = ours.closed()
    assert (facts["how"], facts["data_in"]) == ("clean", len(b"before\nafter\n"))


# ---- pre-shared keys ----

IDENTITY = "somebody"
KEY = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
OTHER_KEY = KEY[::-1]
# TLS 1.3 names the hash of a key that is shared with another implementation: SHA-256.
SUITES = {"1.2": ["--ciphers", "ECDHE-PSK-AES128-CBC-SHA256:PSK-AES128-CBC-SHA256"],
          "1.3": ["--ciphers", "TLS_AES_128_GCM_SHA256"]}


def gnutls_psk(tls, exchange):
    return gnutls_priority(tls) + f":-KX-ALL:+{exchange}:-CIPHER-ALL:+AES-128-GCM:+AES-128-CBC:+SHA256"


def openssl_psk(tls, key):
    suites = ["-cipher", "ECDHE-PSK-AES128-CBC-SHA256"] if tls == "1.2" else ["-ciphersuites", "TLS_AES_128_GCM_SHA256"]
    return ["-psk_identity", IDENTITY, "-psk", key, *suites]


PSK_CLIENTS = ["openssl s_client", "gnutls-cli"]
PSK_SERVERS = ["openssl s_server", "gnutls-serv"]


def talk_with_psk(client, children, port, pki, tls, key):
    if isinstance(client, OpensslClient):
        return client.talk(children, port, pki, tls=tls, more=openssl_psk(tls, key))
    # In TLS 1.2 gnutls-cli 3.7 crashes when it prints what came of ECDHE-PSK, with any server.
    exchange = "PSK" if tls == "1.2" else "ECDHE-PSK:+DHE-PSK"
    more = ["--pskusername", IDENTITY, "--pskkey", key, "--priority", gnutls_psk(tls, exchange)]
    return client.talk(children, port, pki, tls=tls, more=more)


def serve_with_psk(server, children, tls, key):
    if server.name.startswith("openssl"):
        return server(None, tls=tls, more=openssl_psk(tls, key))
    passwords = children.path(".psk")
    passwords.write_text(f"{IDENTITY}:{key}\n")
    return server(None, tls=tls, more=["--pskpasswd", passwords, "--priority",
                                         gnutls_psk(tls, "ECDHE-PSK:+DHE-PSK")])


@pytest.mark.interop("pre-shared key")
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
@pytest.mark.parametrize("client", PSK_CLIENTS, indirect=True)
def test_client_shares_our_key(client, serve, children, pki, tls):
    ours = serve(None, "--psk", f"{IDENTITY}:{KEY}", *SUITES[tls])
    outcome = talk_with_psk(client, children, ours.port, pki, tls, KEY)
    assert outcome.ok, outcome.text
    facts = ours.closed()
    assert (facts["how"], facts["version"], facts["peer"]) == ("clean", tls, "")


@pytest.mark.interop("pre-shared key that differs is refused")
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
@pytest.mark.parametrize("client", PSK_CLIENTS, indirect=True)
def test_our_server_refuses_another_key(client, serve, children, pki, tls):
    ours = serve(None, "--psk", f"{IDENTITY}:{KEY}", *SUITES[tls])
    outcome = talk_with_psk(client, children, ours.port, pki, tls, OTHER_KEY)
    assert not outcome.ok
    facts = ours.closed()
    assert facts["how"] in ("ERR_PROTOCOL", "ERR_NEGOTIATION")
    assert facts["data_in"] == 0


@pytest.mark.interop("pre-shared key")
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
@pytest.mark.parametrize("server", PSK_SERVERS, indirect=True)
def test_server_shares_our_key(server, ask, children, tls):
    theirs = serve_with_psk(server, children, tls, KEY)
    ours = ask(theirs.port, "--psk", f"{IDENTITY}:{KEY}", *SUITES[tls])
    assert ours.finish(MESSAGE) == OK, ours.messages
    assert ours.received == theirs.answer(MESSAGE)
    assert ours.facts["peer"] == ""


@pytest.mark.interop("pre-shared key that differs is refused")
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
@pytest.mark.parametrize("server", PSK_SERVERS, indirect=True)
def test_server_refuses_our_other_key(server, ask, children, tls):
    theirs = serve_with_psk(server, children, tls, KEY)
    ours = ask(theirs.port, "--psk", f"{IDENTITY}:{OTHER_KEY}", *SUITES[tls])
    assert ours.finish(MESSAGE) not in (OK, VERIFY), ours.messages
    assert ours.received == b""


# ---- OCSP stapling ----

STAPLE_CLIENTS = ["openssl s_client", "gnutls-cli", "curl", "Go client"]
STAPLE_SERVERS = ["openssl s_server", "gnutls-serv", "Go server"]


@pytest.mark.interop("stapled OCSP response")
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
@pytest.mark.parametrize("client", STAPLE_CLIENTS, indirect=True)
def test_client_gets_our_staple(client, serve, children, pki, tls):
    ours = serve(pki.ecdsa_with_root, "--ocsp", pki.ocsp, service=client.service(children))
    if isinstance(client, OwnClient):
        result = client.results(children, ours.port, pki, tls=tls, more=["-text", MESSAGE.decode()])[0]
        assert (result["end"], result["ocsp"]) == ("clean", pki.ocsp.stat().st_size), result
        return
    more = {"openssl s_client": ["-status"], "gnutls-cli": ["--ocsp"], "curl": ["--cert-status"]}[client.name]
    outcome = client.talk(children, ours.port, pki, tls=tls, more=more)
    assert outcome.ok, outcome.text
    words = {"openssl s_client": "OCSP Response Status: successful", "gnutls-cli": "OCSP status request",
             "curl": "SSL certificate status: good"}
    assert words[client.name] in outcome.text


@pytest.mark.interop("stapled OCSP response: revoked, or none")
@pytest.mark.parametrize("fault", ["revoked", "none"])
@pytest.mark.parametrize("client", ["curl"], indirect=True)
def test_client_refuses_our_staple(client, serve, children, pki, fault):
    staple = ["--ocsp", pki.ocsp_revoked] if fault == "revoked" else []
    ours = serve(pki.revoked_with_root, *staple, service=client.service(children))
    outcome = client.talk(children, ours.port, pki, more=["--cert-status"])
    assert outcome.status == 91, outcome.text
    assert ("SSL certificate status: revoked" if fault == "revoked" else "No OCSP response received") in outcome.text
    assert outcome.received == b""


def staple_options(server, response):
    if server.name.startswith("openssl"):
        return ["-status_file", response]
    return ["--ocsp-response", response] if server.name.startswith("gnutls") else ["-ocsp", response]


@pytest.mark.interop("stapled OCSP response")
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
@pytest.mark.parametrize("server", STAPLE_SERVERS, indirect=True)
def test_our_client_requires_staple(server, ask, pki, tls):
    theirs = server("ecdsa", tls=tls, more=staple_options(server, pki.ocsp))
    ours = ask(theirs.port, "--ocsp", "require")
    assert ours.finish(MESSAGE) == OK, ours.messages
    assert ours.received == theirs.answer(MESSAGE)


@pytest.mark.interop("stapled OCSP response: revoked, or none")
@pytest.mark.parametrize(("fault", "mode", "status"), [
    ("revoked", "require", VERIFY), ("revoked", "request", VERIFY), ("none", "require", VERIFY),
    ("none", "request", OK), ("about another certificate", "request", VERIFY)])
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
@pytest.mark.parametrize("server", ["openssl s_server", "Go server"], indirect=True)
def test_our_client_looks_at_staple(server, ask, pki, fault, mode, status, tls):
    response = pki.ocsp_revoked if fault == "revoked" else pki.ocsp
    theirs = server(pki.revoked, tls=tls, more=[] if fault == "none" else staple_options(server, response))
    ours = ask(theirs.port, "--ocsp", mode)
    assert ours.finish(MESSAGE) == status, ours.messages
    assert (ours.received == theirs.answer(MESSAGE)) == (status == OK)


# ---- key logs ----


def secrets(path):
    return sorted(line for line in path.read_text().splitlines() if line and not line.startswith("#"))


@pytest.mark.interop("key log: the same secrets on both sides")
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
@pytest.mark.parametrize("client", ["openssl s_client", "gnutls-cli", "curl"], indirect=True)
def test_client_logs_our_secrets(client, serve, children, pki, tls, monkeypatch):
    log, theirs = children.path(".keys"), children.path(".keys")
    ours = serve("ecdsa", "--keylog", log, service=client.service(children))
    monkeypatch.setenv("SSLKEYLOGFILE", str(theirs))
    more = ["-keylogfile", theirs] if client.name.startswith("openssl") else []
    assert client.talk(children, ours.port, pki, tls=tls, more=more).ok
    ours.closed()
    assert len(secrets(log)) == (1 if tls == "1.2" else 5)
    assert secrets(log) == secrets(theirs)


@pytest.mark.interop("key log: the same secrets on both sides")
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
@pytest.mark.parametrize("server", ["openssl s_server", "gnutls-serv"], indirect=True)
def test_server_logs_our_secrets(server, ask, children, tls, monkeypatch):
    log, their_log = children.path(".keys"), children.path(".keys")
    monkeypatch.setenv("SSLKEYLOGFILE", str(their_log))
    theirs = server(tls=tls, more=["-keylogfile", their_log] if server.name.startswith("openssl") else [])
    ours = ask(theirs.port, "--keylog", log)
    assert ours.finish(MESSAGE) == OK, ours.messages
    assert len(secrets(log)) == (1 if tls == "1.2" else 5)
    assert secrets(log) == secrets(their_log)


# ---- a pipe ----


@pytest.mark.interop("over a pipe", peer="Python client")
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_python_talks_to_us_over_a_pipe(children, bin_folder, pki, tls):
    """tls_pipe's stdin and stdout are the wire, and Python's memory BIOs feed it."""
    pair = pki.leaves["ecdsa"]
    ours = children.start(bin_folder / "tls_pipe", "--server", "--echo", "--tls", tls, "--cert", pair.cert, "--key",
                          pair.key)
    context = ssl.create_default_context(cafile=pki.ca.cert)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    peer = context.wrap_bio(incoming, outgoing, server_hostname="localhost")

    def converse(step):
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                ours.write(outgoing.read())
                arrived = ours.wait_some()
                assert arrived, ours.log()
                incoming.write(arrived)

    converse(peer.do_handshake)
    peer.write(MESSAGE)
    assert converse(lambda: peer.read(len(MESSAGE))) == MESSAGE
    converse(peer.unwrap)
    assert ours.finish() == OK
    assert not ours.err.data, ours.log()
