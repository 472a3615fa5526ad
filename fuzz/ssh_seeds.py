#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write seeds for the SSH fuzz targets into a folder: ssh_seeds.py FOLDER BUILD/ssh_flights, then merge.

ssh_client and ssh_server: whole sessions by the recorder, and the first flights of the system's ssh and sshd. ssh_keys
and ssh_text: what ssh-keygen makes. ssh_agent: an agent's answers by hand. ssh_packets: whole conversations by hand.
ssh_api and ssh_packets: random programs from a fixed seed.
"""
import base64
import getpass
import pathlib
import random
import re
import socket
import struct
import subprocess
import sys
import tempfile

GREETING = b"SSH-2.0-Seeds\r\n"
PRIVATE, LOCKED, PUBLIC, BLOB, SSHSIG = range(5)
KNOWN_HOSTS, AUTHORIZED_KEYS, PRINCIPALS, KRL, MODULI = range(5)


def put(folder, name, data):
    """Some of ssh-keygen's forms carry who ran it, and where: nobody else's business."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data.replace(f"{getpass.getuser()}@{socket.gethostname()}".encode(), b"user@host"))


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
        keygen(work, "-t", "ed25519", "-N", "fuzz1", "-C", "a comment", "-a", "1", "-Z", cipher, "-f",
               f"locked_{cipher[:8]}")
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


def string(data):
    return struct.pack(">I", len(data)) + data


def blob_of(path):
    return base64.b64decode(path.read_bytes().split()[1])


def key_seeds(folder, work):
    def seed(name, way, data):
        put(folder, name, bytes([way, 3]) + data)

    def sized(path):
        return string(path.encode())

    security_keys = {"ed25519": sized("sk-ssh-ed25519@openssh.com") + string(bytes([88] + [102] * 31)) + sized("ssh:")}
    point = blob_of(work / "id_ecdsa256.pub").split(b"nistp256")[-1]
    security_keys["ecdsa"] = sized("sk-ecdsa-sha2-nistp256@openssh.com") + sized("nistp256") + point + sized("ssh:")
    for name, blob in security_keys.items():
        kind = blob[4:4 + blob[3]]
        seed(f"sk_{name}_blob", BLOB, blob)
        seed(f"sk_{name}", PUBLIC, kind + b" " + base64.b64encode(blob) + b" a comment\n")
        inner = string(bytes(64)) if name == "ed25519" else string(string(bytes(range(32))) * 2)
        signature = b"SSHSIG" + struct.pack(">I", 1) + string(blob) + sized("file") + string(b"") + sized("sha512")
        signature += string(string(kind) + inner + b"\1" + bytes(4))
        seed(f"sk_{name}_signature", SSHSIG, b"-----BEGIN SSH SIGNATURE-----\n" + base64.encodebytes(signature) +
             b"-----END SSH SIGNATURE-----\n")
    for path in sorted(work.iterdir()):
        data = path.read_bytes()
        if path.suffix == ".pub":
            seed(path.name, PUBLIC, data)
            seed(f"{path.name}_blob", BLOB, blob_of(path))
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


def agent_seeds(folder, work):
    blob = blob_of(work / "id_ed25519.pub")
    keys = b"\x0c" + struct.pack(">I", 2) + string(blob) + string(b"one") + string(b"odd") + string(b"")
    signature = b"\x0e" + string(string(b"ssh-ed25519") + string(bytes(64)))

    def frames(*answers):
        sizes = (bytes([len(a)]) if len(a) < 255 else b"\xff" + struct.pack(">H", len(a)) for a in answers)
        return b"".join(size + a for size, a in zip(sizes, answers))

    put(folder, "answers", b"\1\0" + b"\4\0\1\2\3\xff" + frames(keys, signature, b"\6", b"\6", b"\5"))
    put(folder, "pieces", b"\1\3" + b"\4\4\x40\xff" + frames(keys, keys, b"\5"))
    put(folder, "raw", b"\0\0" + b"\4\0\xff" + string(keys) + string(b"\x1c\0"))
    put(folder, "huge", b"\0\0" + b"\4\xff" + b"\xff\xff\xff\xff")
    put(folder, "unasked", b"\1\0\xff" + frames(b"\6"))
    ecdsa = b"\x0e" + string(string(b"ecdsa-sha2-nistp256") + string(string(bytes(range(32))) * 2))
    for options in (3, 7):
        put(folder, f"login{options}", bytes([options]) + b"\0\xff" + frames(ecdsa, signature, ecdsa))
        put(folder, f"login{options}_again", bytes([options]) + b"\0\xff" + frames(b"\5", signature, b"\5"))
        put(folder, f"login{options}_gone", bytes([options]) + b"\0\4\xff" + frames(keys))


def api_seeds(folder, count):
    """Configs and options; how users authenticate; reactions; a channel with a command; then operations, with the flow
    pumped."""
    choose = random.Random(count)
    for number in range(count):
        suite, small = choose.randrange(8), choose.choice([0, 0, 0x20])
        more = choose.choice([(0, 0), (0, 0), (8, 8), (0x10, 0), (0, 0x40), (0x10, 0x40), (0x80, 0x80), (0x40, 0x90),
                              (0x58, 0x58), (0xd8, 0xd0)])
        program = bytearray([suite | small | more[0], small | more[1], choose.choice([0, 1, 1, 8, 9])])
        if choose.random() < 0.3:
            program += bytes([17, 8 * choose.randrange(10), 0x91, 8 * choose.randrange(4)])
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


# What ssh_packets.c takes for numbers from 128 on, and for what its application does.
NUMBERS = [128, 255, 256, 1024, 32767, 32768, 32769, 35000, 65535, 65536, 2222, 2097152]
WRITE, OPEN, REQUEST, END_STREAM, PAUSE, MANUAL, CONSUME, REKEY, SAY, WRITE_STDERR = 4, 7, 8, 9, 14, 19, 20, 23, 26, 29
SERVER, AUTH = 0x10, 0x04
THEIR_REKEY = b"\x7e"
CERTIFIED = 12  # the user's key, by its certificate


class Packets:
    """Steps of ssh_packets, its templates and texts by name."""

    def __init__(self):
        source = (pathlib.Path(__file__).parent / "ssh_packets.c").read_text()
        self.templates = re.findall(r'^    \{MSG_(\w+), "(.*)"\},$', source, re.M)
        self.texts = re.findall(r'^    "(.*)",$', source, re.M)

    def field(self, kind, values):
        if kind == "g":
            return b""
        value = next(values)
        if kind == "t":
            return bytes([self.texts.index(value)])
        if kind == "s":
            return bytes([len(value)]) + value
        if kind == "u" and value >= 128:
            return bytes([0x80 | NUMBERS.index(value)])
        return bytes([value])

    def say(self, template, *values):
        """template: a message's name, and the start of its fields."""
        name, _, fields = template.partition(" ")
        named = [i for i, t in enumerate(self.templates) if t[0] == name and t[1].startswith(fields)]
        index = min(named, key=lambda i: len(self.templates[i][1]))
        values = iter(values)
        kinds = re.sub("'[^']*'", "", self.templates[index][1])
        return bytes([index]) + b"".join(self.field(kind, values) for kind in kinds) + b"\0"


def act(what, argument=0):
    return bytes([0x80 | what, argument])


def server_programs(say):
    """To a server that has authenticated its client."""
    session = say("CHANNEL_OPEN 'session'", 0, 65536, 32768)
    shell = say("CHANNEL_REQUEST c'shell'", 0, 1)
    data = say("CHANNEL_DATA", 0, 100)
    ending = say("CHANNEL_EOF", 0) + say("CHANNEL_CLOSE", 0)
    taken = say("CHANNEL_OPEN_CONFIRMATION", 0, 0, 65536, 32768)
    x11 = say("CHANNEL_REQUEST c'x11-req'", 0, 1, 0, "MIT-MAGIC-COOKIE-1", "00112233445566778899aabbccddeeff", 0)
    agent = say("CHANNEL_REQUEST c'auth-agent-req", 0, 1)
    yield (session + say("CHANNEL_REQUEST c'pty-req'", 0, 1, "xterm", 80, 24, 0, 0, b"\x80\0\0\x96\0\0") +
           say("CHANNEL_REQUEST c'env'", 0, 1, "TERM", "xterm") + x11 + agent + shell + data +
           say("CHANNEL_REQUEST c'window-change'", 0, 0, 100, 50, 0, 0) +
           say("CHANNEL_REQUEST c'signal'", 0, 0, "TERM") + say("CHANNEL_REQUEST c'break'", 0, 1, 100) +
           say("CHANNEL_REQUEST c'eow", 0, 0) + say("CHANNEL_REQUEST ct", 0, "keepalive@openssh.com", 1) +
           act(WRITE, 100) + act(WRITE_STDERR, 50) + ending)
    yield (session + say("CHANNEL_REQUEST c'exec'", 0, 1, b"ls") + act(WRITE, 0x8e) +
           say("CHANNEL_WINDOW_ADJUST", 0, 65536) + act(REQUEST, 10) + act(END_STREAM) + ending)
    yield (session + say("CHANNEL_REQUEST c'subsystem'", 0, 1, "sftp") + THEIR_REKEY + data + act(REKEY) + data +
           ending)
    yield session + shell + act(MANUAL, 1) + data * 3 + act(CONSUME, 100) + act(PAUSE, 1) + data + act(PAUSE) + ending
    yield (session + x11 + agent + act(OPEN, 5) + say("CHANNEL_OPEN_CONFIRMATION", 1, 1, 65536, 32768) +
           act(OPEN, 6) + say("CHANNEL_OPEN_FAILURE", 2, 1, b"no", "") + act(WRITE, 100) + say("CHANNEL_DATA", 1, 30))
    yield say("CHANNEL_OPEN 'direct-tcpip'", 0, 65536, 32768, "localhost", 80, "127.0.0.1", 100) + data + ending
    yield (say("CHANNEL_OPEN 'direct-streamlocal", 0, 65536, 32768, "/run/socket", b"", 0) + data + act(WRITE, 70) +
           ending)
    for port in (0, 2222):
        yield (say("GLOBAL_REQUEST 'tcpip-forward'", 1, "", port) + act(OPEN, 3) + taken + data +
               say("GLOBAL_REQUEST 'cancel-tcpip", 1, "", 2222) + ending)
    yield (say("GLOBAL_REQUEST 'streamlocal-forward", 1, "/run/socket") + act(OPEN, 4) + taken + data +
           say("GLOBAL_REQUEST 'cancel-streamlocal", 1, "/run/socket") + ending)
    yield say("GLOBAL_REQUEST 'hostkeys-prove", 1, 0, 0) + say("GLOBAL_REQUEST 'no-more", 0) + session
    yield say("PING", 40) + say("IGNORE", 10) + say("DEBUG", 1, "p", "") + say("DISCONNECT", 11, "p", b"")


def client_programs(say):
    """To a client that has been authenticated."""
    opened = act(OPEN) + say("CHANNEL_OPEN_CONFIRMATION", 0, 3, 65536, 32768)
    success, failure = say("CHANNEL_SUCCESS", 0), say("CHANNEL_FAILURE", 0)
    command = opened + act(REQUEST, 0) + success
    data = say("CHANNEL_DATA", 0, 100)
    ending = say("CHANNEL_EOF", 0) + say("CHANNEL_CLOSE", 0)
    done = say("REQUEST_SUCCESS ")
    yield (command + act(WRITE, 100) + data + say("CHANNEL_EXTENDED_DATA", 0, 1, 60) +
           say("CHANNEL_REQUEST c'exit-status'", 0, 0, 7) + act(END_STREAM) + ending)
    yield (command + act(WRITE, 0x8e) + say("CHANNEL_WINDOW_ADJUST", 0, 65536) +
           say("CHANNEL_REQUEST c'exit-signal'", 0, 0, "TERM", 1, b"fell", b"") + ending)
    yield (opened + b"".join(act(REQUEST, what) for what in (2, 3, 5, 6, 1, 7, 8, 9)) + success * 3 + failure +
           success * 2 + say("CHANNEL_REQUEST c'xon-xoff'", 0, 0, 1) + data + ending)
    yield (opened + act(REQUEST, 5) + act(REQUEST, 6) + success * 2 +
           say("CHANNEL_OPEN 'x11'", 4, 65536, 32768, "127.0.0.1", 100) +
           say("CHANNEL_OPEN 'auth-agent", 5, 65536, 32768) + say("CHANNEL_DATA", 1, 20) + say("CHANNEL_DATA", 2, 20))
    yield command + THEIR_REKEY + data + act(REKEY) + act(WRITE, 50) + data + ending
    yield (act(OPEN) + say("CHANNEL_OPEN_FAILURE", 0, 1, b"no", "") + act(OPEN, 1) +
           say("CHANNEL_OPEN_CONFIRMATION", 0, 0, 128, 32768) + act(WRITE, 0x84) + data + ending)
    for asked, answer, port in ((3, say("REQUEST_SUCCESS u", 100), 100), (3 + 8, done, 2222)):
        yield (act(SAY, asked) + answer +
               say("CHANNEL_OPEN 'forwarded-tcpip'", 0, 65536, 32768, "", port, "127.0.0.1", 80) + data +
               act(SAY, 5) + (done if port == 2222 else b"") + ending)
    yield (act(SAY, 3) + say("REQUEST_FAILURE") + act(SAY, 4) + done +
           say("CHANNEL_OPEN 'forwarded-streamlocal", 0, 65536, 32768, "/run/socket", b"") + data + act(SAY, 6) + done +
           ending)
    yield (say("GLOBAL_REQUEST 'hostkeys-00", 0, 0, 1) + say("REQUEST_SUCCESS ss", b"x", b"y") + act(SAY) +
           say("REQUEST_FAILURE"))
    yield say("PING", 40) + say("PONG", 4) + act(SAY) + say("REQUEST_FAILURE") + opened


def server_auth_programs(say):
    """To a server that does not know yet who its client is."""
    user = "USERAUTH_REQUEST 'alice''ssh-connection'"
    channel = say("CHANNEL_OPEN 'session'", 0, 65536, 32768) + say("CHANNEL_REQUEST c'shell'", 0, 1)
    none = say(f"{user}'none'")
    password = say(f"{user}'password'bt", 0, "p")
    query = say(f"{user}'publickey'btk", 0, "ssh-ed25519", 2)
    signed = say(f"{user}'publickey'btkg", 1, "ssh-ed25519", 2)
    yield none + password + channel
    yield query + signed + channel
    yield query + signed + password + channel
    yield say(f"{user}'publickey'btkg", 1, "ecdsa-sha2-nistp256", 3) + password + channel
    yield say(f"{user}'publickey'btkg", 1, "ssh-ed25519-cert-v01@openssh.com", CERTIFIED) + password + channel
    yield say(f"{user}'publickey-hostbound", 1, "ssh-ed25519", 2, 0) + password + channel
    yield say(f"{user}'keyboard", "", "") + say("USERAUTH_INFO_RESPONSE", 2, "p", "p") + none + channel
    yield none + say(f"{user}'hostbased'", "ssh-ed25519", 2, "client.test", "alice") + channel
    yield say(f"{user}'password'btt", 1, "p", "0") + channel
    yield say("USERAUTH_REQUEST tttb", "p", "ssh-connection", "none", 0, b"") + none


def client_auth_programs(say):
    """To a client that is still to be authenticated."""
    success = say("USERAUTH_SUCCESS") + act(OPEN) + say("CHANNEL_OPEN_CONFIRMATION", 0, 0, 65536, 32768)
    more = say("USERAUTH_FAILURE", "publickey,hostbased", 0)
    plain = say("USERAUTH_60 tk", "ecdsa-sha2-nistp256", 3)
    known = say("USERAUTH_60 tk", "ssh-ed25519", 2)
    certified = say("USERAUTH_60 tk", "ssh-ed25519-cert-v01@openssh.com", CERTIFIED)
    prompts = say("USERAUTH_60 tttutb", "p", "", "", 2, "p", 0, "p", 1)
    both = say("USERAUTH_FAILURE", "password,keyboard-interactive", 0)
    yield (say("USERAUTH_BANNER", b"Hello\r\n", "") + both +
           say("EXT_INFO u'server", 2, "ssh-ed25519", "ping@openssh.com", "0") + success + say("PING", 40))
    yield more + plain + success
    yield more + certified + success
    yield more + known + success
    yield more + plain + more + known + success
    yield more + say("USERAUTH_FAILURE", "publickey,hostbased", 1) * 3 + success
    yield both + prompts + say("USERAUTH_60 tttu", "", "", "", 0) + success
    yield both + say("USERAUTH_60 tt", "p", "") + success


def packet_seeds(folder, count):
    """Whole conversations in each role; then random sequences of the templates."""
    packets = Packets()
    kinds = [(SERVER, [0, 0x05, 0x20, 0x83, 0x99], [0], server_programs),
             (0, [0, 0x4c, 0x61, 0x82], [0], client_programs),
             (SERVER | AUTH, [0, 0x40], [0, 2], server_auth_programs),
             (AUTH, [0, 0x10], range(5), client_auth_programs)]
    for options, configs, answers, programs in kinds:
        for number, steps in enumerate(programs(packets.say)):
            for config in configs:
                for answer in answers:
                    name = f"talk{options:02x}_{number}_{config:02x}_{answer}"
                    put(folder, name, bytes([config, options, answer]) + steps)
    choose = random.Random(count)
    most = len(packets.templates)
    for number in range(count):
        server = choose.choice([0, SERVER])
        config, options = choose.choice([0, 0, 1, 2, 3, 4, 0x20, 0x40, 0x50]), choose.choice([0, 0, 1, AUTH])
        program = bytearray([config, server | options, choose.choice([0, 0, 1, 2, 4])])
        for _ in range(choose.randrange(2, 20)):
            step = choose.choice([0x80, 0x7e, *[256] * 8])
            if step == 0x80:
                program += bytes([0x80 | choose.randrange(1, 33), choose.randrange(256)])
            elif step == 256:
                program += bytes([choose.choice([number % most, *range(26, most)])])
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
