# SPDX-License-Identifier: Apache-2.0
"""known_hosts, authorized_keys and revocation lists, held against what ssh-keygen makes of them and says about them."""

import re
import subprocess
import time

import pytest
from keylib import VERIFY, Failure
from trustlib import (CHANGED, KNOWN, OTHER, PORT_FORWARDING, PTY, REVOKED, UNKNOWN, AuthorizedKeys, KnownHosts, Krl,
                      known_hosts_line, public_key)

pytestmark = pytest.mark.interop("known_hosts, authorized_keys and revocation lists", role="keys")

HOSTS = ("host.example", "www.example", "no.example", "192.0.2.1", "2001:db8::1", "elsewhere")
PORTS = (22, 2222)
TYPES = {"a": "ed25519", "b": "ed25519", "c": "ecdsa", "r": "rsa", "ca": "ed25519", "ca2": "ecdsa"}


def run(*command, expect=0):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert expect is None or done.returncode == expect, f"{command}: {done.stdout}{done.stderr}"
    return done


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Keys by name, as paths of their public halves; those named *_cert are certificates."""
    folder = tmp_path_factory.mktemp("trust")
    paths = {}
    for name, kind in TYPES.items():
        run("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", f"{name}@example", "-f", folder / name)
        paths[name] = folder / f"{name}.pub"
    return paths


def line_of(path):
    return " ".join(path.read_text().split()[:2])


def certificate(made, tmp_path, key, ca="ca", serial=0, key_id="id", options=()):
    """A certificate for a copy of a key."""
    copy = tmp_path / f"{key}_{ca}_{serial}_{key_id}.pub"
    copy.write_text(made[key].read_text())
    run("ssh-keygen", "-q", "-s", made[ca].with_suffix(""), "-I", key_id, "-z", serial, *options, copy)
    return copy.with_name(f"{copy.stem}-cert.pub")


def known_to_keygen(path, host, port):
    """The lines that ssh-keygen -F finds for a host."""
    name = host if port == 22 else f"[{host}]:{port}"
    found = run("ssh-keygen", "-F", name, "-f", path, expect=None)
    return [int(number) for number in re.findall(r"^# Host .* found: line (\d+)", found.stdout, re.M)]


# ---- known_hosts ----


@pytest.mark.parametrize("hosts", [
    "host.example", "HOST.example", "*.example", "*.example,!no.example", "!no.example,*.example",
    "host.example,192.0.2.1", "h?st.example", "[host.example]:2222", "[*]:2222", "2001:db8::1", "[2001:db8::1]:2222", "*",
    "!*",
])
@pytest.mark.parametrize("hashed", [False, True])
def test_hosts_are_found_where_ssh_keygen_finds_them(made, tmp_path, hosts, hashed):
    path = tmp_path / "known_hosts"
    path.write_text(f"# a comment\n{hosts} {line_of(made['a'])} a@example\n")
    if hashed:
        run("ssh-keygen", "-H", "-f", path, expect=None)
    known = KnownHosts(path.read_bytes())
    assert known.bad_count == 0
    for host in HOSTS:
        for port in PORTS:
            found = known_to_keygen(path, host, port) or (known_to_keygen(path, host, 22))
            status, line = known.check(host, public_key(made["a"]), port)
            assert (status, line) == ((KNOWN, found[0]) if found else (UNKNOWN, 0)), (host, port)


@pytest.mark.parametrize("host,port", [("host.example", 22), ("Host.Example", 2222), ("192.0.2.1", 22),
                                       ("2001:db8::1", 2222)])
@pytest.mark.parametrize("hashed", [False, True])
def test_ssh_keygen_finds_the_lines_we_write(made, tmp_path, host, port, hashed):
    path = tmp_path / "known_hosts"
    path.write_bytes(known_hosts_line("before", public_key(made["b"])) +
                     known_hosts_line(host, public_key(made["r"]), port, hashed))
    assert known_to_keygen(path, host.lower(), port) == [2]
    assert known_to_keygen(path, "after", port) == []
    assert line_of(made["r"]) in path.read_text()
    assert (host.lower() in path.read_text()) != hashed


def test_a_scanned_host_is_known_changed_or_other(made, tmp_path):
    path = tmp_path / "known_hosts"
    path.write_text(f"host {line_of(made['a'])}\nhost {line_of(made['c'])}\n")
    run("ssh-keygen", "-H", "-f", path)
    known = KnownHosts(path.read_bytes())
    assert known.check("host", public_key(made["a"])) == (KNOWN, 1)
    assert known.check("host", public_key(made["b"])) == (CHANGED, 1)
    assert known.check("host", public_key(made["r"])) == (OTHER, 1)


def test_host_certificates_of_ssh_keygen_are_known(made, tmp_path):
    known = KnownHosts(f"@cert-authority *.example {line_of(made['ca'])}\n".encode())
    good = certificate(made, tmp_path, "a", options=("-h", "-n", "www.example,*.web.example", "-V", "-1h:+1h"))
    now = int(time.time())
    assert known.check("www.example", public_key(good), now=now) == (KNOWN, 1)
    assert known.check("x.web.example", public_key(good), 2222, now=now) == (KNOWN, 1)
    assert known.check("other.example", public_key(good), now=now) == (UNKNOWN, 0)
    assert known.check("www.example", public_key(good), now=now + 7200) == (UNKNOWN, 0)
    other = certificate(made, tmp_path, "a", ca="ca2", options=("-h", "-n", "www.example"))
    assert known.check("www.example", public_key(other), now=now) == (UNKNOWN, 0)
    revoked = KnownHosts(f"@cert-authority * {line_of(made['ca'])}\n@revoked * {line_of(made['ca'])}\n".encode())
    assert revoked.check("www.example", public_key(good), now=now) == (REVOKED, 2)


# ---- revocation lists ----


def keygen_says(krl, path):
    done = run("ssh-keygen", "-Q", "-f", krl, path, expect=None)
    return done.returncode != 0 and "REVOKED" in done.stdout


def compare(krl, paths):
    """Our answer is ssh-keygen's for each key; which are revoked."""
    ours = Krl(krl.read_bytes())
    answers = {path.name: ours.revokes(public_key(path)) for path in paths}
    assert answers == {path.name: keygen_says(krl, path) for path in paths}
    return [name for name, revoked in answers.items() if revoked]


@pytest.mark.parametrize("spec", ["{key}", "sha1: {key}", "sha256: {key}", "hash: {hash}", "key: {key}"])
def test_keys_are_revoked_as_ssh_keygen_has_it(made, tmp_path, spec):
    krl, text = tmp_path / "krl", tmp_path / "spec"
    finger = run("ssh-keygen", "-lf", made["a"]).stdout.split()[1]
    text.write_text(spec.format(key=made["a"].read_text().strip(), hash=finger) + "\n")
    run("ssh-keygen", "-q", "-k", "-f", krl, "-z", "42", text)
    assert compare(krl, made.values()) == ["a.pub"]
    assert Krl(krl.read_bytes()).version == 42
    by_key = certificate(made, tmp_path, "a")
    assert compare(krl, [by_key, certificate(made, tmp_path, "b")]) == [by_key.name]


def test_an_authority_is_revoked_as_ssh_keygen_has_it(made, tmp_path):
    krl = tmp_path / "krl"
    run("ssh-keygen", "-q", "-k", "-f", krl, made["ca"])
    by_ca = certificate(made, tmp_path, "a")
    assert compare(krl, [*made.values(), by_ca, certificate(made, tmp_path, "b", ca="ca2")]) == ["ca.pub", by_ca.name]


SERIALS = (1, 2, 3, 7, 8, 99, 100, 101, 150, 200, 201, 1000, 1001, 1003, 1040, 70000, 2**63, 2**64 - 1)


@pytest.mark.parametrize("spec", [
    "serial: 7", "serial: 100-200", "serial: 1\nserial: 3\nserial: 1000", "serial: 18446744073709551615",
    "serial: 1000\nserial: 1001\nserial: 1003\nserial: 1006\nserial: 1040-1050\nserial: 70000",
    "id: first", "serial: 9223372036854775808-18446744073709551614\nid: second",
])
@pytest.mark.parametrize("everybody", [False, True])
def test_certificates_are_revoked_as_ssh_keygen_has_it(made, tmp_path, spec, everybody):
    krl, text = tmp_path / "krl", tmp_path / "spec"
    text.write_text(spec + "\n")
    authority = () if everybody else ("-s", made["ca"])
    if everybody:
        authority = ("-s", "none")
    run("ssh-keygen", "-q", "-k", "-f", krl, *authority, text)
    certificates = [certificate(made, tmp_path, "a", serial=serial) for serial in SERIALS]
    certificates += [certificate(made, tmp_path, "a", key_id=name) for name in ("first", "second", "third")]
    certificates += [certificate(made, tmp_path, "a", ca="ca2", serial=7), certificate(made, tmp_path, "b", ca="ca2",
                                                                                       key_id="first")]
    revoked = compare(krl, certificates)
    assert 0 < len(revoked) < len(certificates)
    assert compare(krl, made.values()) == []


def test_a_broken_list_is_refused_where_ssh_keygen_refuses_it(made, tmp_path):
    krl, text, broken = tmp_path / "krl", tmp_path / "spec", tmp_path / "broken"
    text.write_text("serial: 1-10\nid: x\n")
    run("ssh-keygen", "-q", "-k", "-f", krl, "-s", made["ca"], text, made["a"])
    whole = krl.read_bytes()
    for size in range(44, len(whole)):
        broken.write_bytes(whole[:size])
        theirs = run("ssh-keygen", "-Q", "-f", broken, made["b"], expect=None)
        try:
            Krl(whole[:size])
            ours = True
        except Failure:
            ours = False
        assert ours == (theirs.returncode == 0), size


# ---- authorized_keys: certificates that ssh-keygen made ----


def test_user_certificates_of_ssh_keygen_are_let_in(made, tmp_path):
    keys = AuthorizedKeys(f"cert-authority {line_of(made['ca'])}\n".encode())
    path = certificate(made, tmp_path, "a", options=("-n", "alice,bob", "-O", "clear", "-O", "permit-pty", "-O",
                                                     "force-command=echo hello", "-O", "source-address=192.0.2.0/24"))
    key = public_key(path)
    grant = keys.match(key, "bob")
    assert grant.command == b"echo hello"
    assert grant.allows(PTY)
    assert not grant.allows(PORT_FORWARDING)
    for user, address in (("carol", "192.0.2.1"), ("bob", "192.0.3.1")):
        with pytest.raises(Failure) as failure:
            keys.match(key, user, address)
        assert failure.value.code == VERIFY
