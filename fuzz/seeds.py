#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write seeds for the fuzz targets into a folder: seeds.py FOLDER, then merge (docs/testing.md).

tls_server: client hellos of openssl s_client, gnutls-cli, curl and Python's ssl, and what a TLS 1.2 client of the
latter says next. tls_client: the first flights of openssl s_server and gnutls-serv. config: certificates, keys and
bundles made by openssl. api, over_stream and resume: a few programs by hand, and random ones from a fixed seed.
"""
import pathlib
import random
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time

HEAD = bytes(3)  # config, answers, pieces

# Pieces that end within a record, while send offers what has arrived since: an echo, its peer's bytes, parts of them.
# Writes beyond what one call may produce, from within send. A pause within data, and a question kept for long.
PROGRAMS = [
    "000001 0307 002804 10 002002ff 8464 8464 8464 01 50 8464 0150 0202 0307",
    "000000 0307 80280410 80a002ff 0464 0464 8160 0464 8150 8202 0307",
    "000000 0307 002004ff 04ff 8202 0307",
    "400001 0307 00280d01 8464 8464 0202 0d00 0307",
    "808200 1002 9002 0307 8464 1100 1104 1108 0307 0464 0307",
]


def put(folder, name, data):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def openssl(work, *arguments):
    subprocess.run(["openssl", *arguments], cwd=work, check=True, capture_output=True)


def flight(connection):
    """What arrives until nothing more does for a moment."""
    connection.settimeout(1)
    data = b""
    try:
        while piece := connection.recv(65536):
            data += piece
    except TimeoutError:
        pass
    return data


def hello_of(command):
    """The first flight of a client program, whose words {port} stand for where to connect."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = subprocess.Popen([word.format(port=port) for word in command], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        server.settimeout(10)
        try:
            with server.accept()[0] as connection:
                return flight(connection)
        finally:
            client.kill()
            client.wait()


def client_hellos():
    address = "127.0.0.1:{port}"
    yield "openssl", hello_of(["openssl", "s_client", "-connect", address, "-servername", "a.test", "-alpn", "one,two"])
    yield "openssl12", hello_of(["openssl", "s_client", "-tls1_2", "-connect", address, "-status"])
    yield "openssl_psk", hello_of(["openssl", "s_client", "-connect", address, "-psk_identity", "fuzz", "-psk", "01" * 32])
    yield "gnutls", hello_of(["gnutls-cli", "--insecure", "-p", "{port}", "127.0.0.1", "--sni-hostname=x.b.test"])
    yield "gnutls12", hello_of(["gnutls-cli", "--insecure", "--priority=NORMAL:-VERS-ALL:+VERS-TLS1.2", "-p", "{port}",
                                "127.0.0.1"])
    yield "curl", hello_of(["curl", "-sk", "https://localhost:{port}/"])
    yield "curl_http", hello_of(["curl", "-s", "http://127.0.0.1:{port}/"])


def python_flights(work):
    """A TLS 1.2 client of Python's, both its flights."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(work / "cert.pem", work / "key.pem")
    other = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    other.check_hostname, other.verify_mode = False, ssl.CERT_NONE
    other.maximum_version = ssl.TLSVersion.TLSv1_2
    wires = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (context.wrap_bio(wires[0], wires[1], server_side=True), other.wrap_bio(wires[1], wires[0]))
    said = b""
    for turn in (1, 0, 1):
        try:
            ends[turn].do_handshake()
        except ssl.SSLWantReadError:
            pass
        if turn:
            copy = wires[0].read()
            said += copy
            wires[0].write(copy)
    return said


def reach(port):
    for _ in range(100):
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise SystemExit("a server program does not listen")


def answer_of(command, hello):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen([word.format(port=port) for word in command], stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with reach(port) as connection:
            connection.sendall(hello)
            return flight(connection)
    finally:
        server.kill()
        server.wait()


def server_flights(work, hellos):
    cert, key = str(work / "cert.pem"), str(work / "key.pem")
    plain = ["openssl", "s_server", "-accept", "{port}", "-cert", cert, "-key", key]
    for name in "openssl", "openssl12", "gnutls12", "curl":
        yield f"openssl_{name}", answer_of(plain, hellos[name])
    yield "openssl_rsa", answer_of([*plain, "-cipher", "kRSA", "-tls1_2", "-Verify", "1"], hellos["openssl12"])
    yield "gnutls", answer_of(["gnutls-serv", "-p", "{port}", "--x509certfile", cert, "--x509keyfile", key],
                              hellos["openssl12"])


def record(which, data):
    return bytes([which]) + struct.pack(">H", len(data)) + data


def config_seeds(folder, work):
    def seed(name, role, *records, tail=b""):
        put(folder, name, bytes([role, len(records) - 1]) + b"".join(records) + tail)

    def file(name):
        return (work / name).read_bytes()

    openssl(work, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "ec.pem")
    openssl(work, "req", "-x509", "-new", "-key", "ec.pem", "-subj", "/CN=x", "-days", "9999", "-out", "ecc.pem")
    openssl(work, "x509", "-in", "ecc.pem", "-outform", "DER", "-out", "ecc.der")
    openssl(work, "pkcs8", "-topk8", "-in", "ec.pem", "-passout", "pass:fuzz", "-out", "locked.pem")
    openssl(work, "pkey", "-in", "ec.pem", "-outform", "DER", "-out", "ec.der")
    openssl(work, "pkcs12", "-export", "-inkey", "ec.pem", "-in", "ecc.pem", "-passout", "pass:fuzz", "-out", "bundle")
    seed("pem", 1, record(0, file("ecc.pem")), record(1, file("ec.pem")), record(9, b"h2,http/1.1"))
    seed("der", 1, record(0, file("ecc.der")), record(1, file("ec.der")), record(10, b"*.example.org"))
    seed("locked", 1, record(0, file("ecc.pem")), record(1, file("locked.pem")))
    seed("bundle", 1, record(6, b"fuzz"), record(2, file("bundle")))
    seed("trust", 0, record(3, file("ecc.pem")), record(3, file("ecc.der")), record(18, b"\1"), tail=b"example.org")
    seed("psk", 1, record(11, b"me"), record(7, bytes(32)), record(8, bytes(80)), record(19, b"\1"))
    seed("lists", 0, record(12, b"ECDHE+AESGCM:!SHA1"), record(13, b"TLS_AES_128_GCM_SHA256"), record(14, b"X25519:P-256"),
         record(15, b"ed25519:ECDSA+SHA256"), record(9, b"a,b"), tail=b"127.0.0.1")
    seed("numbers", 0, record(22, b"\x23"), record(23, b"\x10"), record(24, b"\x10"), record(20, b"\5"), tail=b"::1")


def api_seeds(folder, count):
    """Configs and options; what callbacks do; then operations, most of them harmless, with the flow pumped."""
    choose = random.Random(count)
    for number in range(count):
        client = choose.choice([0, 1, 2, 4, 5, 0x10, 0x20, 0x40, 0x80, 0x90, 0xd1])
        server = choose.choice([0, 1, 2, 8, 0x10, 0x18, 0x82, 0xd2, 0x20]) | (client & 4)
        program = bytearray([client, server & ~3 if client & 4 else server, choose.choice([0, 1, 1, 8, 9])])
        if choose.random() < 0.5:
            program += bytes([3, 7])
        for _ in range(choose.randrange(5)):  # lasting reactions to send, data, resume, ready and writable
            program += bytes([choose.choice([0, 0x80]), 0x20 | choose.choice([0, 0, 8, 8, 2, 4, 10])])
            program += bytes([choose.choice([1, 2, 0x41, 0x42, 4, 4, 12, 13, 14, 15, 19]), choose.randrange(256)])
        for _ in range(choose.randrange(3, 40)):
            op = choose.choice([1, 2, 3, 4, 4, 4, *range(1, 30)]) | choose.choice([0, 0x80])
            if op & 31 in (10, 20, 21, 22, 23, 25, 30) and choose.random() < 0.8:
                op = 4
            if choose.random() < 0.2:
                program += bytes([op & 0x80, choose.randrange(64)])
            program += bytes([op, choose.randrange(256)])
        put(folder, f"program{number}", bytes(program))
    for number, wire in enumerate(PROGRAMS):
        put(folder, f"by_hand{number}", bytes.fromhex(wire))


def resume_seeds(folder):
    for name, data in (("none", b"\0"), ("other_version", b"\4"), ("short", b"\1abc"), ("ticket", b"\2\x30\0"),
                       ("early", b"\0\0\x30\1"), ("late", b"\0\0\x90\1")):
        put(folder, name, data)


def main(folder):
    with tempfile.TemporaryDirectory() as made:
        work = pathlib.Path(made)
        openssl(work, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-subj",
                "/CN=a.test", "-days", "9999")
        hellos = dict(client_hellos())
        for name, data in hellos.items():
            assert data, f"{name} said nothing"
            put(folder / "tls_server", name, HEAD + data)
            put(folder / "tls_server", f"{name}_asked", bytes([0x1a, 0x0c, 9]) + data)
        put(folder / "tls_server", "python", HEAD + python_flights(work))
        for name, data in server_flights(work, hellos):
            assert data, f"{name} said nothing"
            put(folder / "tls_client", name, bytes([0, 4, 0]) + data)
            put(folder / "tls_client", f"{name}_asking", bytes([0xc1, 1, 9]) + data)
        config_seeds(folder / "config", work)
    api_seeds(folder / "api", 200)
    api_seeds(folder / "over_stream", 60)
    resume_seeds(folder / "resume")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
