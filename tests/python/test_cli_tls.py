# SPDX-License-Identifier: Apache-2.0
"""``sessile tls`` against openssl s_server, and ``sessile serve tls`` against openssl s_client."""

import json
import re
import socket
import ssl
import subprocess
import threading
from datetime import datetime, timezone

import pytest

from clitools import TIME, Program, run, sessile_program
from sessile.cli import selfsigned, tls_report, x509
from sessile.cli.common import escaped, out


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli-tls")
    text, key = selfsigned.self_signed(["localhost", "127.0.0.1"], 20)
    (folder / "certificate.pem").write_text(text)
    (folder / "key.pem").write_text(key)
    return folder / "certificate.pem", folder / "key.pem"


@pytest.fixture
def server(certificate):
    """openssl s_server, which answers requests; its port."""
    command = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", certificate[0], "-key", certificate[1], "-www",
               "-alpn", "h2,http/1.1"]
    with Program(command) as running:
        yield int(running.wait_for(r"ACCEPT \S*:(\d+)").group(1))


def test_a_trusted_server_is_shown(server, certificate):
    shown, told = run("tls", f"localhost:{server}", "--ca", certificate[0], "--alpn", "h2,nonsense")
    for text in ("TLSv1.3", "TLS_AES_256_GCM_SHA384", "x25519", "h2", "✓ trusted as localhost", "CN=localhost",
                 "19 days left", "EC P-256", "ECDSA with SHA-256", "localhost, 127.0.0.1"):
        assert text in shown, shown
    assert told == ""
    # Nothing is broken in two, and nothing is wider than a terminal.
    sha256 = re.search(r"SHA-256 +([0-9a-f]{64})", shown).group(1)
    said = subprocess.run(["openssl", "x509", "-in", certificate[0], "-noout", "-fingerprint", "-sha256"],
                          capture_output=True, text=True, check=True).stdout
    assert said.partition("=")[2].strip().replace(":", "").lower() == sha256
    assert max(map(len, shown.splitlines())) <= 80


def test_a_server_that_is_not_trusted_is_shown_with_the_reason(server, certificate):
    shown, _ = run("tls", f"localhost:{server}", code=1)
    assert "✗ not trusted: self-signed certificate (18)" in shown and "CN=localhost" in shown
    shown, _ = run("tls", f"localhost:{server}", "--insecure")
    assert "✗ not trusted" in shown
    shown, _ = run("tls", f"localhost:{server}", "--ca", certificate[0], "--servername", "other.test", code=1)
    assert "✗ not trusted: hostname mismatch (62)" in shown


def test_json_and_versions_and_pem(server, certificate):
    said = json.loads(run("tls", f"127.0.0.1:{server}", "--json", "--ca", certificate[0], "--tls", "1.2")[0])
    assert said["trusted"] and said["protocol"] == "TLSv1.2" and said["verify_code"] == 0 and said["alpn"] is None
    assert said["chain"][0]["names"] == ["localhost", "127.0.0.1"] and said["chain"][0]["days_left"] == 19
    pem = run("tls", f"localhost:{server}", "--pem", "--ca", certificate[0])[0]
    assert pem == certificate[0].read_text()


def test_data_goes_both_ways_where_the_server_is_trusted(server, certificate):
    request = b"GET / HTTP/1.0\r\n\r\n"
    shown, told = run("tls", f"localhost:{server}", "--data", "--ca", certificate[0], stdin=None, input=request)
    assert shown.startswith("HTTP/1.0 200 ok") and "✓ trusted" in told
    shown, told = run("tls", f"localhost:{server}", "--data", stdin=None, input=request, code=1)
    assert shown == "" and "gets no data: self-signed certificate" in told
    shown, _ = run("tls", f"localhost:{server}", "--data", "-k", stdin=None, input=request)
    assert shown.startswith("HTTP/1.0 200 ok")


def test_what_cannot_be_reached_is_told_in_a_line():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    shown, told = run("tls", f"127.0.0.1:{port}", code=1)
    assert shown == "" and told == f"sessile: 127.0.0.1:{port}: Connection refused\n"
    assert "no HOST:PORT" in run("tls", "host:port", code=2)[1]
    # A name that is not looked up, being too long; and no markup.
    assert run("tls", "a[/x]" + "a" * 64, code=1)[1].startswith("sessile: a[/x]aaaa")


def test_one_that_speaks_no_tls():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: talk(listener, b"hello \x1b[31mred\x1b[0m\r\n" * 10))
        thread.start()
        _, told = run("tls", f"127.0.0.1:{listener.getsockname()[1]}", code=1)
        thread.join(TIME)
    assert told.startswith("sessile: ") and "\x1b" not in told


def talk(listener, *words):
    """Say something, and for each further word wait for a line first."""
    connection, _ = listener.accept()
    with connection, connection.makefile("rb") as lines:
        for index, word in enumerate(words):
            if index:
                lines.readline()
            connection.sendall(word)
        lines.readline()


@pytest.mark.parametrize("protocol", ["smtp", "imap", "pop3"])
def test_starttls(certificate, protocol):
    """s_server has no such mode for servers: the words are said here, and TLS is s_server's."""
    words = {"smtp": (b"220-a\r\n220 b\r\n", b"250-x\r\n250 STARTTLS\r\n", b"220 go\r\n"),
             "imap": (b"* OK hello\r\n", b"* CAPABILITY\r\na OK go\r\n"), "pop3": (b"+OK\r\n", b"+OK go\r\n")}[protocol]
    command = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", certificate[0], "-key", certificate[1], "-www"]
    with Program(command) as behind, socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(behind.wait_for(r"ACCEPT \S*:(\d+)").group(1))
        thread = threading.Thread(target=relay, args=(listener, words, port))
        thread.start()
        shown, _ = run("tls", f"127.0.0.1:{listener.getsockname()[1]}", "--starttls", protocol, "--ca", certificate[0])
        thread.join(TIME)
    assert "✓ trusted as 127.0.0.1" in shown


def relay(listener, words, port):
    connection, _ = listener.accept()
    with connection, socket.create_connection(("127.0.0.1", port)) as behind:
        said = b""
        for index, word in enumerate(words):
            while index and not said.endswith(b"\n"):
                said += connection.recv(1)
            said = b""
            connection.sendall(word)
        other = threading.Thread(target=copy, args=(behind, connection))
        other.start()
        copy(connection, behind)
        other.join(TIME)


def copy(one, other):
    try:
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def test_starttls_with_more_words_behind_the_consent_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=talk, args=(listener, b"+OK\r\n", b"+OK go\r\n+OK injected\r\n"))
        thread.start()
        _, told = run("tls", f"127.0.0.1:{listener.getsockname()[1]}", "--starttls", "pop3", code=1)
        thread.join(TIME)
    assert "in the clear behind its consent" in told


def test_a_server_of_tls(tmp_path):
    with sessile_program("serve", "tls", "-p", "0", home=tmp_path) as server:
        port = int(server.wait_for(r"TLS on 127\.0\.0\.1:(\d+)").group(1))
        path = server.wait_for(r"--ca (\S+)").group(1)
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", path, "-verify_return_error",
             "-verify_ip", "127.0.0.1", "-quiet"], input=b"GET /path HTTP/1.0\r\n\r\n", capture_output=True,
            timeout=TIME)
        assert done.stdout.startswith(b"HTTP/1.1 200 OK\r\n") and b"Hello from sessile" in done.stdout
        server.wait_for(r"GET /path HTTP/1\.0")
        assert "✓ trusted" in run("tls", f"localhost:{port}", "--ca", path)[0]
    assert server.process.returncode == 0 and "Traceback" not in server.said


def test_a_server_of_tls_that_sends_back(tmp_path, certificate):
    with sessile_program("serve", "tls", "-p", "0", "--echo", "--cert", str(certificate[0]), "--key",
                         str(certificate[1])) as server:
        port = int(server.wait_for(r"TLS on 127\.0\.0\.1:(\d+)").group(1))
        data = bytes(range(256)) * 4096
        shown = run("tls", f"localhost:{port}", "--data", "--ca", certificate[0], stdin=None, input=data)[0]
        assert shown.encode("utf-8", "surrogateescape") == data
        server.wait_for(f"sent {len(data)} bytes back")


# ---- Parts ----


def test_certificates_made_here_are_good_ones(certificate):
    done = subprocess.run(["openssl", "verify", "-check_ss_sig", "-CAfile", certificate[0],
                           "-verify_hostname", "localhost", certificate[0]], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("algorithm, expected", [
    (["rsa:2048"], "RSA 2048 bits"), (["ed25519"], "Ed25519"),
    (["ec", "-pkeyopt", "ec_paramgen_curve:P-384"], "EC P-384"),
])
def test_certificates_of_all_kinds_are_read(tmp_path, algorithm, expected):
    subprocess.run(["openssl", "req", "-x509", "-newkey", *algorithm, "-nodes", "-keyout", tmp_path / "k", "-subj",
                    "/C=AT/O=Some\u001b[1m/CN=x", "-days", "3", "-outform", "DER", "-out", tmp_path / "c"],
                   check=True, capture_output=True)
    shown = x509.show((tmp_path / "c").read_bytes())
    assert shown.key == expected and shown.subject.startswith("CN=x, O=Some") and shown.days_left(shown.not_before) == 3
    assert "\x1b" not in escaped(shown.subject)
    with pytest.raises(ValueError, match="cannot be read"):
        x509.show((tmp_path / "c").read_bytes()[:50])


def test_words_of_peers_are_harmless():
    said = escaped("a\x1b[31m\x07\r\n\x9b\u202e\u200b\ud800é")
    assert said == "a\\x1b[31m\\x07\\x0d\\x0a\\x9b\\u{202e}\\u{200b}\\u{d800}é"
    assert escaped("a\n\tb\x00", "\n\t") == "a\n\tb\\x00"


def test_a_certificates_words_are_no_markup():
    name = "[/x] [bold green]trusted[/] :cd:"
    der = ssl.PEM_cert_to_DER_cert(selfsigned.self_signed([name], 3)[0])
    with out.capture() as told:
        out.print(tls_report._certificate(0, der, datetime.now(timezone.utc)), width=200)
    assert told.get().count(name) == 2  # as the subject, and among the names
