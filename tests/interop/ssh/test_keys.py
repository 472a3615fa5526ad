# SPDX-License-Identifier: Apache-2.0
"""Public keys, their forms, fingerprints and pictures, and certificates: exchanged with ssh-keygen and openssl."""

import ctypes
import itertools
import subprocess
from ctypes import POINTER, byref, c_char_p, c_int, c_int64, c_size_t, c_uint64, c_void_p

import pytest
from keylib import ARGUMENT, LINE, PUBLIC_PEM, RFC4716, TEXT_ROOM, UNSUPPORTED, VERIFY, Failure, Key, filled, library

pytestmark = pytest.mark.interop("public keys, fingerprints and certificates", role="keys")

SHA256, MD5 = 1, 2
USER, HOST = 1, 2
NOW, FOREVER = 1_700_000_000, 2**64 - 1
TYPES = {
    "ssh-ed25519": ("-t", "ed25519"),
    "ecdsa-sha2-nistp256": ("-t", "ecdsa", "-b", "256"),
    "ecdsa-sha2-nistp384": ("-t", "ecdsa", "-b", "384"),
    "ecdsa-sha2-nistp521": ("-t", "ecdsa", "-b", "521"),
    "ssh-rsa": ("-t", "rsa", "-b", "2048"),
}
# An authority's type, and ssh-keygen's name for what it signs with.
AUTHORITIES = [(kind, kind) for kind in TYPES if kind != "ssh-rsa"] + [("ssh-rsa", "rsa-sha2-512"),
                                                                      ("ssh-rsa", "rsa-sha2-256")]
SECURITY_KEYS = {"sk-ssh-ed25519@openssh.com": "ssh-ed25519",
                 "sk-ecdsa-sha2-nistp256@openssh.com": "ecdsa-sha2-nistp256"}

OUT = (c_char_p, c_size_t)
SIGNATURES = {
    "key_randomart": (c_int, c_void_p, c_int, *OUT),
    "key_blob": (c_int, c_void_p, c_int, *OUT),
    "key_from_blob": (c_int, *OUT, POINTER(c_void_p), *OUT),
    "certificate_kind": (c_int, c_void_p),
    "certificate_serial": (c_uint64, c_void_p),
    "certificate_key_id": (c_char_p, c_void_p),
    "certificate_principal": (c_char_p, c_void_p, c_size_t),
    "certificate_option": (c_int, c_void_p, c_int, c_char_p, *OUT),
    "certificate_check": (c_int, c_void_p, c_int, c_char_p, c_char_p, c_int64, *OUT),
    "certificate_sign": (c_int, c_void_p, c_void_p, c_char_p, c_int, c_uint64, c_char_p, POINTER(c_char_p), c_size_t,
                         c_uint64, c_uint64, *OUT, *OUT, POINTER(c_void_p)),
}
for name, (result, *arguments) in SIGNATURES.items():
    function = getattr(library, f"sessile_{name}")
    function.restype, function.argtypes = result, arguments


def run(*command, data=None):
    done = subprocess.run([str(word) for word in command], input=data, capture_output=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}"
    return done.stdout


def fails(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, check=False)
    return done.returncode != 0


def keygen(folder, kind, name="key"):
    path = folder / name
    run("ssh-keygen", "-q", "-f", path, "-C", "some one@some where", "-N", "", *TYPES[kind])
    return path


def public(path):
    return path.with_name(f"{path.name}.pub")


def keep(folder, data, name="ours"):
    path = folder / name
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def string(data):
    return len(data).to_bytes(4, "big") + data


def blob(key, certificate=0):
    return filled(library.sessile_key_blob, key.handle, certificate)


def from_blob(data):
    return Key.told(library.sessile_key_from_blob, data, len(data))


def fingerprint(key, hash_number):
    return filled(library.sessile_key_fingerprint, key.handle, hash_number).decode()


def picture(key, hash_number=SHA256):
    return filled(library.sessile_key_randomart, key.handle, hash_number).decode()


def security_key(kind):
    """The public key of a token, with another's point: ssh-keygen needs no token to look at it."""
    plain = blob(Key.generate(SECURITY_KEYS[kind]))
    fields = plain[len(string(SECURITY_KEYS[kind].encode())):]
    return from_blob(string(kind.encode()) + fields + string(b"ssh:"))


def sign(key, authority, algorithm=None, kind=USER, serial=1, key_id="id", principals=(), after=0, before=FOREVER,
         critical=b"", extensions=b""):
    names = (c_char_p * len(principals))(*(name.encode() for name in principals))
    return Key.made(library.sessile_certificate_sign, key.handle, authority.handle, algorithm and algorithm.encode(),
                    kind, serial, key_id.encode(), names, len(principals), after, before, critical, len(critical),
                    extensions, len(extensions))


def judge(key, kind=USER, principal=None, address=None, now=NOW):
    """"" where the certificate passes, else what is wrong with it."""
    text = ctypes.create_string_buffer(TEXT_ROOM)
    code = library.sessile_certificate_check(key.handle, kind, principal and principal.encode(),
                                             address and address.encode(), now, text, TEXT_ROOM)
    assert code in (0, VERIFY)
    return text.value.decode() if code else ""


def option(key, critical, name):
    return filled(library.sessile_certificate_option, key.handle, critical, name.encode())


@pytest.fixture(params=TYPES)
def kind(request):
    return request.param


# ---- What a key looks like ----

def looks_the_same(key, path):
    for hash_name, number in (("sha256", SHA256), ("md5", MD5)):
        said = run("ssh-keygen", "-lv", "-E", hash_name, "-f", path).decode()
        line, art = said.split("\n", 1)
        assert line.split()[1] == fingerprint(key, number)
        assert art == picture(key, number)


@pytest.mark.parametrize("count", range(5))
def test_fingerprints_and_pictures_are_ssh_keygens(kind, count, tmp_path):
    key = Key.generate(kind, 2048 if kind == "ssh-rsa" else 0, "ours")
    looks_the_same(key, keep(tmp_path, key.write_public()))
    certificate = sign(key, Key.generate("ssh-ed25519"))
    looks_the_same(certificate, keep(tmp_path, certificate.write_public(), "certificate"))


@pytest.mark.parametrize("kind", SECURITY_KEYS)
def test_security_keys_look_as_ssh_keygen_shows_them(kind, tmp_path):
    key = security_key(kind)
    assert key.type == kind
    path = keep(tmp_path, key.write_public(), "ours.pub")
    looks_the_same(key, path)
    authority = keygen(tmp_path, "ssh-ed25519")
    run("ssh-keygen", "-q", "-s", authority, "-I", "token", "-n", "alice", path)
    certificate = Key.read_public((tmp_path / "ours-cert.pub").read_bytes())
    assert certificate == key and judge(certificate, principal="alice") == ""
    looks_the_same(certificate, tmp_path / "ours-cert.pub")


# ---- Its forms ----

def test_lines_are_read_and_written_as_ssh_keygen_does(kind, tmp_path):
    line = public(keygen(tmp_path, kind)).read_bytes()
    key = Key.read_public(line)
    assert (key.type, key.comment, key.write_public(LINE)) == (kind, "some one@some where", line)


def test_rfc4716_goes_both_ways(kind, tmp_path):
    path = keygen(tmp_path, kind)
    key = Key.read_public(public(path).read_bytes())
    exported = Key.read_public(run("ssh-keygen", "-e", "-f", public(path)))
    assert exported == key and "converted by" in exported.comment
    ours = keep(tmp_path, key.write_public(RFC4716))
    assert run("ssh-keygen", "-i", "-f", ours).split()[:2] == public(path).read_bytes().split()[:2]


def test_pem_goes_both_ways(kind, tmp_path):
    path = keygen(tmp_path, kind)
    key = Key.read_public(public(path).read_bytes())
    ours = keep(tmp_path, key.write_public(PUBLIC_PEM))
    assert run("openssl", "pkey", "-pubin", "-in", ours, "-pubout") == key.write_public(PUBLIC_PEM)
    if kind == "ssh-ed25519":
        return  # ssh-keygen 9.2 has no PEM for it
    assert run("ssh-keygen", "-i", "-m", "PKCS8", "-f", ours).split()[:2] == public(path).read_bytes().split()[:2]
    assert Key.read_public(run("ssh-keygen", "-e", "-m", "PKCS8", "-f", public(path))) == key
    assert Key.read_public(run("ssh-keygen", "-e", "-m", "PEM", "-f", public(path))) == key


def test_pem_with_a_compressed_point_is_the_same_key(tmp_path):
    secret = run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    path = keep(tmp_path, secret)
    plain, compressed = (run("openssl", "ec", "-in", path, "-pubout", "-conv_form", form)
                         for form in ("uncompressed", "compressed"))
    assert plain != compressed
    assert Key.read_public(plain) == Key.read_public(compressed)


@pytest.mark.parametrize("options, code", [
    (("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"), UNSUPPORTED),
    (("-algorithm", "X25519"), UNSUPPORTED),
    (("-algorithm", "RSA-PSS"), UNSUPPORTED),
    (("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"), ARGUMENT),
])
def test_pem_of_keys_that_ssh_has_not_is_refused(options, code, tmp_path):
    secret = run("openssl", "genpkey", *options)
    text = run("openssl", "pkey", "-in", keep(tmp_path, secret), "-pubout")
    with pytest.raises(Failure) as failure:
        Key.read_public(text)
    assert failure.value.code == code


# ---- Certificates of ssh-keygen's ----

@pytest.mark.parametrize("authority, algorithm", AUTHORITIES)
def test_certificates_of_ssh_keygens_pass(kind, authority, algorithm, tmp_path):
    key, signer = keygen(tmp_path, kind), keygen(tmp_path, authority, "authority")
    with_algorithm = ("-t", algorithm) if authority == "ssh-rsa" else ()
    run("ssh-keygen", "-q", "-s", signer, *with_algorithm, "-z", "77", "-I", "some id", "-n", "alice,bob",
        "-V", "20200101000000Z:20400101000000Z", "-O", "force-command=ls", "-O", "source-address=10.0.0.0/8",
        public(key))
    certificate = Key.read_public((tmp_path / "key-cert.pub").read_bytes())
    assert certificate == Key.read_public(public(key).read_bytes())
    assert library.sessile_certificate_kind(certificate.handle) == USER
    assert library.sessile_certificate_serial(certificate.handle) == 77
    assert library.sessile_certificate_key_id(certificate.handle) == b"some id"
    assert [library.sessile_certificate_principal(certificate.handle, i) for i in range(3)] == [b"alice", b"bob", None]
    assert option(certificate, 1, "force-command") == b"ls"
    assert option(certificate, 0, "permit-pty") == b""
    for principal in ("alice", "bob", None):
        assert judge(certificate, principal=principal, address="10.1.2.3") == ""
    assert "is not for 'carol'" in judge(certificate, principal="carol", address="10.1.2.3")
    assert "not for the address" in judge(certificate, principal="alice", address="11.1.2.3")
    assert "is for a user" in judge(certificate, kind=HOST, principal="alice", address="10.1.2.3")
    assert "was valid until" in judge(certificate, principal="alice", address="10.1.2.3", now=2_300_000_000)


def test_a_certificate_by_sha1_is_refused(tmp_path):
    key, signer = keygen(tmp_path, "ssh-ed25519"), keygen(tmp_path, "ssh-rsa", "authority")
    run("ssh-keygen", "-q", "-s", signer, "-t", "ssh-rsa", "-I", "old", "-n", "alice", public(key))
    certificate = Key.read_public((tmp_path / "key-cert.pub").read_bytes())
    assert "no good signature" in judge(certificate, principal="alice")


# ---- Certificates of ours ----

EXTENSIONS = ("permit-X11-forwarding", "permit-agent-forwarding", "permit-pty")


@pytest.mark.parametrize("authority, algorithm", AUTHORITIES)
def test_ssh_keygen_reads_the_certificates_that_are_made(kind, authority, algorithm, tmp_path):
    key = Key.read_public(public(keygen(tmp_path, kind)).read_bytes())
    signer = Key.read(keygen(tmp_path, authority, "authority").read_bytes())
    certificate = sign(key, signer, algorithm, serial=FOREVER, key_id="the id", principals=("alice", "bob"),
                       after=1_577_836_800, before=2_208_988_800,
                       critical=string(b"force-command") + string(string(b"ls")),
                       extensions=b"".join(string(name.encode()) + string(b"") for name in EXTENSIONS))
    path = keep(tmp_path, certificate.write_public(), "made-cert.pub")
    said = run("env", "TZ=UTC", "ssh-keygen", "-L", "-f", path).decode()
    lines = [line.strip() for line in said.splitlines()[1:]]
    assert lines[0] == f"Type: {kind}-cert-v01@openssh.com user certificate"
    assert lines[1].split()[-1] == key.fingerprint()
    assert lines[2].endswith(f"{signer.fingerprint()} (using {algorithm})")
    assert lines[3:6] == ['Key ID: "the id"', f"Serial: {FOREVER}",
                          "Valid: from 2020-01-01T00:00:00 to 2040-01-01T00:00:00"]
    assert lines[6:] == ["Principals:", "alice", "bob", "Critical Options:", "force-command ls", "Extensions:",
                         *EXTENSIONS]
    assert judge(certificate, principal="alice") == ""
    assert judge(from_blob(blob(certificate, 1)), principal="alice") == ""


def test_ssh_keygen_refuses_a_certificate_that_was_changed(tmp_path):
    certificate = sign(Key.generate("ssh-ed25519"), Key.generate("ssh-ed25519"), principals=("alice",))
    data = bytearray(blob(certificate, 1))
    at = data.index(b"alice")
    data[at:at + 5] = b"mallo"
    forged = from_blob(bytes(data))
    assert "no good signature" in judge(forged, principal="mallo")
    assert fails("ssh-keygen", "-L", "-f", keep(tmp_path, forged.write_public(), "forged-cert.pub"))
    assert not fails("ssh-keygen", "-L", "-f", keep(tmp_path, certificate.write_public(), "good-cert.pub"))


@pytest.mark.parametrize("first, second", list(itertools.permutations(("alpha", "beta", "gamma"), 2)))
def test_options_are_signed_in_order_only(first, second):
    options = b"".join(string(name.encode()) + string(b"") for name in (first, second))
    key, authority = Key.generate("ssh-ed25519"), Key.generate("ssh-ed25519")
    if first < second:
        assert option(sign(key, authority, extensions=options), 0, second) == b""
        return
    with pytest.raises(Failure) as failure:
        sign(key, authority, extensions=options)
    assert failure.value.code == ARGUMENT


def test_a_security_keys_certificate_is_made(tmp_path):
    certificate = sign(security_key("sk-ssh-ed25519@openssh.com"), Key.generate("ssh-ed25519"), principals=("alice",))
    said = run("ssh-keygen", "-L", "-f", keep(tmp_path, certificate.write_public(), "made-cert.pub")).decode()
    assert "Type: sk-ssh-ed25519-cert-v01@openssh.com user certificate" in said
    assert judge(certificate, principal="alice") == ""
    with pytest.raises(Failure):
        sign(Key.generate("ssh-ed25519"), security_key("sk-ssh-ed25519@openssh.com"))
