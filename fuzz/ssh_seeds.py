#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write seeds for the SSH fuzz targets into a folder: ssh_seeds.py FOLDER BUILD/ssh_flights, then merge.

ssh_client and ssh_server: whole sessions by the recorder, and the first flights of the system's ssh and sshd. ssh_keys
and ssh_text: what ssh-keygen makes. ssh_agent: an agent's answers by hand. ssh_api and ssh_packets: random programs from
a fixed seed.
"""
import pathlib
import random
import socket
import struct
import subprocess
import sys
import tempfile

GREETING = b"SSH-2.0-Seeds\r\n"
PRIVATE, LOCKED, PUBLIC, BLOB, SSHSIG = range(5)
KNOWN_HOSTS, AUTHORIZED_KEYS, PRINCIPALS, KRL, MODULI = range(5)


def put(folder, name, data):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def keygen(work, *arguments, **options):
    subprocess.run(["ssh-keygen", "-q", *arguments], cwd=work, check=True, capture_output=True, **options)


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


def client_flight():
    """The system's ssh: its line and its KEXINIT."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = subprocess.Popen(["ssh", "-F", "none", "-o", "BatchMode=yes", "-p", str(port), "x@127.0.0.1"],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        server.settimeout(10)
        try:
            with server.accept()[0] as connection:
                connection.sendall(GREETING)
                return flight(connection)
        finally:
            client.kill()
            client.wait()


def server_flight(work):
    """The system's sshd: the same."""
    ours, theirs = socket.socketpair()
    server = subprocess.Popen(["/usr/sbin/sshd", "-i", "-e", "-f", "/dev/null", "-h", str(work / "id_ed25519")],
                              stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL)
    try:
        ours.sendall(GREETING)
        return flight(ours)
    finally:
        server.kill()
        server.wait()


def make_keys(work):
    for kind, bits in (("ed25519", "0"), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521"), ("rsa", "2048")):
        name = f"id_{kind}" + (bits if kind == "ecdsa" else "")
        keygen(work, "-t", kind, *(["-b", bits] if bits != "0" else []), "-N", "", "-C", "a comment", "-f", name)
    for cipher in ("aes256-ctr", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"):
        keygen(work, "-t", "ed25519", "-N", "fuzz1", "-a", "1", "-Z", cipher, "-f", f"locked_{cipher[:8]}")
    for form in ("PEM", "PKCS8"):
        for key in ("id_rsa", "id_ecdsa256"):
            for phrase in ("", "fuzz1"):
                name = f"{key}_{form}_{'locked' if phrase else 'open'}"
                (work / name).write_bytes((work / key).read_bytes())
                (work / name).chmod(0o600)
                keygen(work, "-p", "-m", form, "-P", "", "-N", phrase, "-f", name)
    keygen(work, "-s", "id_ed25519", "-I", "user id", "-n", "alice,bob", "-z", "7", "-V", "always:forever", "-O",
           "force-command=ls", "-O", "source-address=192.0.2.0/24", "id_ecdsa256.pub")
    keygen(work, "-s", "id_rsa", "-I", "host id", "-h", "-n", "a.test", "id_ed25519.pub")


def key_seeds(folder, work):
    def seed(name, way, data):
        put(folder, name, bytes([way, 3]) + data)

    for path in sorted(work.iterdir()):
        data = path.read_bytes()
        if path.suffix == ".pub":
            seed(path.name, PUBLIC, data)
            seed(f"{path.name}_blob", BLOB, bytes(subprocess.run(["base64", "-d"], input=data.split()[1], check=True,
                                                                 capture_output=True).stdout))
        else:
            seed(path.name, LOCKED if "locked" in path.name else PRIVATE, data)
    for form in ("RFC4716", "PKCS8", "PEM"):
        text = subprocess.run(["ssh-keygen", "-e", "-m", form, "-f", "id_rsa.pub"], cwd=work, check=True,
                              capture_output=True).stdout
        seed(f"public_{form}", PUBLIC, text)
    for key in ("id_ed25519", "id_rsa", "id_ecdsa384"):
        (work / "message").write_bytes(b"message")
        keygen(work, "-Y", "sign", "-n", "file", "-f", key, "message")
        seed(f"signature_{key}", SSHSIG, (work / "message.sig").read_bytes())
        (work / "message.sig").unlink()


def text_seeds(folder, work):
    def seed(name, which, data, option=0):
        put(folder, name, bytes([which, option]) + data)

    ed25519, rsa = ((work / f"id_{kind}.pub").read_bytes() for kind in ("ed25519", "rsa"))
    hosts = b"# known\na.test,127.0.0.1 " + ed25519 + b"[a.test]:2222 " + rsa + b"*.test,!b.test " + ed25519
    seed("plain", KNOWN_HOSTS, hosts + b"nonsense\n")
    seed("marked", KNOWN_HOSTS, b"@cert-authority *.test " + rsa + b"@revoked * " + ed25519)
    (work / "known").write_bytes(b"a.test " + ed25519 + b"b.test " + rsa)
    keygen(work, "-H", "-f", "known")
    seed("hashed", KNOWN_HOSTS, (work / "known").read_bytes(), 8)
    options = (b'restrict,pty,from="192.0.2.*,!192.0.2.8,10.0.0.0/8",command="echo \\"hi\\"",expiry-time="20400101Z",'
               b'environment="A=b",permitopen="*:80",permitlisten="localhost:8080",tunnel="0" ')
    seed("options", AUTHORIZED_KEYS, options + ed25519 + b"no-touch-required,verify-required " + rsa)
    seed("authority", AUTHORIZED_KEYS, b'cert-authority,principals="alice,bob" ' + ed25519)
    seed("principals", PRINCIPALS, b'alice\ncommand="ls",no-pty bob # who\nother\n')
    (work / "spec").write_bytes(b"serial: 1-7\nserial: 100\nid: user id\nkey: " + rsa + b"sha1: " + ed25519)
    keygen(work, "-k", "-f", "krl", "-z", "3", "-s", "id_ed25519.pub", "spec")
    seed("krl", KRL, (work / "krl").read_bytes())
    keygen(work, "-k", "-f", "krl_keys", "id_ecdsa256.pub", "id_ecdsa256-cert.pub")
    seed("krl_keys", KRL, (work / "krl_keys").read_bytes())
    seed("krl_text", KRL, b"# gone\n" + ed25519 + rsa)
    lines = b"# Time Type Tests Tries Size Generator Modulus\n"
    for bits, generator in ((2048, 2), (3072, 5), (4096, 2)):
        lines += b"20240101000000 2 6 100 %d %d C%s\n" % (bits - 1, generator, b"5" * (bits // 4 - 2) + b"7")
    seed("moduli", MODULI, lines)
    for path in ("known", "spec", "krl", "krl_keys", "known.old"):
        (work / path).unlink()


def string(data):
    return struct.pack(">I", len(data)) + data


def agent_seeds(folder, work):
    blob = subprocess.run(["base64", "-d"], input=(work / "id_ed25519.pub").read_bytes().split()[1], check=True,
                          capture_output=True).stdout
    keys = b"\x0c" + struct.pack(">I", 2) + string(blob) + string(b"one") + string(b"odd") + string(b"")
    signature = b"\x0e" + string(string(b"ssh-ed25519") + string(bytes(64)))

    def frames(*answers):
        return b"".join(bytes([len(a)]) + a if len(a) < 255 else b"\xff" + struct.pack(">H", len(a)) + a for a in answers)

    put(folder, "answers", b"\1\0" + b"\4\0\1\2\3\xff" + frames(keys, signature, b"\6", b"\6", b"\5"))
    put(folder, "pieces", b"\1\3" + b"\4\4\x40\xff" + frames(keys, keys, b"\5"))
    put(folder, "raw", b"\0\0" + b"\4\0\xff" + string(keys) + string(b"\x1c\0"))
    put(folder, "huge", b"\0\0" + b"\4\xff" + b"\xff\xff\xff\xff")
    put(folder, "unasked", b"\1\0\xff" + frames(b"\6"))


def api_seeds(folder, count):
    """Configs and options; reactions; a channel with a command; then operations, with the flow pumped."""
    choose = random.Random(count)
    for number in range(count):
        suite, small = choose.randrange(8), choose.choice([0, 0, 0x20])
        program = bytearray([suite | small, small, choose.choice([0, 1, 1, 8, 9])])
        program += bytes([3, 7]) if choose.random() < 0.8 else b""
        if choose.random() < 0.8:
            program += bytes([7, choose.choice([0, 0, 1, 2, 7]), 3, 7, 8, choose.randrange(6), 3, 7])
        for _ in range(choose.randrange(5)):
            program += bytes([choose.choice([0, 0x80]), 0x20 | choose.randrange(16)])
            program += bytes([choose.randrange(33) | choose.choice([0, 0x40]), choose.randrange(256)])
        for _ in range(choose.randrange(3, 50)):
            op = choose.choice([1, 2, 3, 4, 4, 4, 6, 7, 8, *range(1, 33)])
            if op in (11, 12, 21, 22, 24, 28, 32) and choose.random() < 0.8:
                op = 4
            program += bytes([op | choose.choice([0, 0x80]), choose.randrange(256)])
            program += bytes([3, 7]) if choose.random() < 0.3 else b""
        put(folder, f"program{number}", bytes(program))


def packet_seeds(folder, count):
    """One of each template and a few arguments; then random sequences of them."""
    choose = random.Random(count)
    for number in range(count):
        server = choose.choice([0, 0x10])
        program = bytearray([choose.choice([0, 0, 1, 2, 3, 4, 0x20, 0x40, 0x50]), server | choose.choice([0, 0, 1, 4]),
                             choose.choice([0, 0, 1, 2, 4])])
        for _ in range(choose.randrange(2, 20)):
            step = choose.choice([0x80, 0x7e, *[256] * 8])
            if step == 0x80:
                program += bytes([0x80 | choose.randrange(1, 33), choose.randrange(256)])
            elif step == 256:
                program += bytes([choose.choice([number % 76, *range(26, 76)])])
                program += bytes(choose.randrange(32) for _ in range(choose.randrange(8)))
            else:
                program += bytes([step])
        put(folder, f"program{number}", bytes(program))


def main(folder, recorder):
    for target in ("ssh_client", "ssh_server", "ssh_text"):
        (folder / target).mkdir(parents=True, exist_ok=True)
    subprocess.run([recorder, str(folder)], check=True)
    with tempfile.TemporaryDirectory() as made:
        work = pathlib.Path(made)
        make_keys(work)
        put(folder / "ssh_server", "openssh", bytes(3) + client_flight())
        put(folder / "ssh_client", "openssh", bytes(3) + server_flight(work))
        text_seeds(folder / "ssh_text", work)
        key_seeds(folder / "ssh_keys", work)
        agent_seeds(folder / "ssh_agent", work)
    api_seeds(folder / "ssh_api", 200)
    packet_seeds(folder / "ssh_packets", 300)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), sys.argv[2])
