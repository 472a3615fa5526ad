# SPDX-License-Identifier: Apache-2.0
"""What tools say of us: ssh-audit of the server's algorithms, tshark of the bytes before encryption;
and what can be read with a key log."""

import json
import subprocess

import build
import clients
import pytest
from capture import Capture, tshark_version
from checks import COMMAND, check_talk

READER = build.HERE / "peers" / "keylog_reader.py"
AUDIT = build.FOLDER / "venv" / "bin" / "ssh-audit"
# Post-quantum key exchange depends on the libcrypto there is.
ALLOWED = ("post-quantum", "quantum")
# tshark 4.0 knows the messages of no hybrid.
READABLE_KEX = "curve25519-sha256"


def audit(port):
    assert AUDIT.exists(), f"{AUDIT} is not there: ./run peers makes it"
    done = subprocess.run([AUDIT, "--json", "--skip-rate-test", "-p", str(port), "127.0.0.1"], capture_output=True,
                          text=True, check=False, timeout=60)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def findings(report):
    """Each warning and failure, with what it is about."""
    return [(kind, entry["algorithm"], note) for kind in ("kex", "key", "enc", "mac") for entry in report[kind]
            for level in ("fail", "warn") for note in entry.get("notes", {}).get(level, ())]


def weaknesses(report):
    return [one for one in findings(report) if not any(word in one[2] for word in ALLOWED)]


@pytest.mark.interop("hardened preset: no finding", peer="ssh-audit")
def test_ssh_audit_finds_nothing(serve, keys):
    ours = serve("--preset", "hardened", host_keys=(keys.host["ed25519"], keys.large_host))
    report = audit(ours.port)
    assert weaknesses(report) == []
    assert not report.get("cves"), report["cves"]
    assert report["kex"] and report["enc"] and report["key"]


@pytest.mark.interop("old preset: findings, so that no finding means something", peer="ssh-audit")
def test_ssh_audit_finds_what_is_old(serve, keys):
    ours = serve("--preset", "compatible", host_keys=(keys.host["rsa"],))
    found = {name for _, name, _ in weaknesses(audit(ours.port))}
    assert {"diffie-hellman-group14-sha1", "ssh-rsa"} <= found


@pytest.mark.interop("the key exchange is well-formed", peer="tshark")
def test_tshark_reads_our_server(serve, children, keys):
    ours = serve(kex=READABLE_KEX)
    check_dissection(talk_between(clients.Openssh(), ours, children, keys))


@pytest.mark.interop("the key exchange is well-formed", peer="tshark")
@pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
def test_tshark_reads_our_client(server, ours, children, keys):
    theirs = server(kex=READABLE_KEX)
    check_dissection(talk_between(ours, theirs, children, keys))


def check_dissection(between):
    """KEXINIT, the exchange's two messages and NEWKEYS are there, on both sides, and nothing is malformed."""
    for side in ("server", "client"):
        codes = between.message_codes(side)
        assert codes[0] == 20 and 21 in codes, codes
    assert between.complaints() == []


# Messages of a session with a command, some of each side's, in the order in which they come.
CONVERSATION = {
    "client": [5, 50, 90, 98, 97],  # SERVICE_REQUEST, USERAUTH_REQUEST, CHANNEL_OPEN, CHANNEL_REQUEST, CHANNEL_CLOSE
    "server": [6, 52, 91, 99, 97],  # SERVICE_ACCEPT, USERAUTH_SUCCESS, CHANNEL_OPEN_CONFIRMATION, CHANNEL_SUCCESS, ...
}
# tshark 4.4 takes hostkeys-00@openssh.com, which a server sends next, for malformed, and loses count there.
TSHARKS = {**CONVERSATION, "server": [6, 52]}
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")


@pytest.mark.interop("key log: the session can be read with it", peer="pyca/cryptography")
@pytest.mark.parametrize("cipher", CIPHERS)
def test_our_server_writes_a_key_log(cipher, serve, children, keys):
    check_readable(*talk_to_our_server(cipher, serve, children, keys))


@pytest.mark.interop("key log: the session can be read with it", peer="pyca/cryptography")
@pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
@pytest.mark.parametrize("cipher", CIPHERS)
def test_our_client_writes_a_key_log(server, cipher, logging, children, keys):
    check_readable(*talk_to_server(server, cipher, logging, children, keys))


# Older ones want another kind of line. None knows strict key exchange: it spoils what counts packets, all but AES-GCM.
if tshark_version() >= (4, 2):
    @pytest.mark.interop("key log: the session can be read with it", peer="tshark")
    @pytest.mark.parametrize("cipher", CIPHERS)
    def test_tshark_reads_our_server_with_its_key_log(cipher, serve, children, keys):
        check_readable_by_tshark(*talk_to_our_server(cipher, serve, children, keys))

    @pytest.mark.interop("key log: the session can be read with it", peer="tshark")
    @pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
    @pytest.mark.parametrize("cipher", CIPHERS)
    def test_tshark_reads_our_client_with_its_key_log(server, cipher, logging, children, keys):
        check_readable_by_tshark(*talk_to_server(server, cipher, logging, children, keys))


def talk_to_our_server(cipher, serve, children, keys):
    keylog = children.path(".keylog")
    ours = serve("--keylog", keylog, cipher=cipher, kex=READABLE_KEX)
    return talk_between(clients.Openssh(), ours, children, keys), keylog


def talk_to_server(server, cipher, logging, children, keys):
    client, keylog = logging
    return talk_between(client, server(cipher=cipher, kex=READABLE_KEX), children, keys), keylog


def talk_between(client, running, children, keys):
    with Capture(running.port, children.path(".pcap")) as between:
        job = running.job(children, keys, key=keys.user["ed25519"], command=COMMAND)
        check_talk(client, client.run(children, between.job(job, children, keys), b"input\n"), b"input\n")
    return between


def check_conversation(expected, codes):
    left = iter(codes)
    assert all(number in left for number in expected), (expected, codes)


def check_readable(between, keylog):
    done = subprocess.run([*build.PYTHON, READER, between.bytes_of("client"), between.bytes_of("server"), keylog],
                          capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    for side, line in zip(("client", "server"), done.stdout.splitlines(), strict=True):
        check_conversation(CONVERSATION[side], [int(number) for number in line.split()])


def check_readable_by_tshark(between, keylog):
    for side in CONVERSATION:
        check_conversation(TSHARKS[side], between.message_codes(side, keylog))
