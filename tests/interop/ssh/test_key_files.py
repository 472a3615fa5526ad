# SPDX-License-Identifier: Apache-2.0
"""Private key files and sshsig signatures, exchanged with ssh-keygen and openssl in both directions."""

import base64
import subprocess

import pytest
from keylib import ARGUMENT, OPENSSH, PASSPHRASE, PEM, PKCS8, UNSUPPORTED, VERIFY, Failure, Key, verify

pytestmark = pytest.mark.interop("private key files and signatures, written and read", role="keys")

TYPES = {
    "ssh-ed25519": ("-t", "ed25519"),
    "ecdsa-sha2-nistp256": ("-t", "ecdsa", "-b", "256"),
    "ecdsa-sha2-nistp384": ("-t", "ecdsa", "-b", "384"),
    "ecdsa-sha2-nistp521": ("-t", "ecdsa", "-b", "521"),
    "ssh-rsa": ("-t", "rsa", "-b", "2048"),
}
CIPHERS = ("aes256-ctr", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com")
OLD_CIPHERS = ("aes128-ctr", "aes192-ctr", "aes128-cbc", "aes192-cbc", "aes256-cbc", "aes128-gcm@openssh.com")
SECRET = "correct horse battery"
COMMENT = "some one@some where"


def run(*command, data=None):
    done = subprocess.run([str(word) for word in command], input=data, capture_output=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}"
    return done.stdout


def keygen(folder, *options, passphrase="", name="key"):
    path = folder / name
    run("ssh-keygen", "-q", "-f", path, "-C", COMMENT, "-N", passphrase, *options)
    return path


def keep(folder, data, name="ours"):
    path = folder / name
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def line_of(path, passphrase=""):
    """The public key that ssh-keygen finds in a private key file: type and base64."""
    return run("ssh-keygen", "-y", "-P", passphrase, "-f", path).split()[:2]


def pem_of(der):
    label = b"ENCRYPTED PRIVATE KEY-----\n"
    return b"-----BEGIN " + label + base64.encodebytes(der) + b"-----END " + label


def public_line(path):
    return path.with_name(f"{path.name}.pub").read_bytes().split()[:2]


@pytest.fixture(params=TYPES)
def kind(request):
    return request.param


# ---- openssh-key-v1 ----

def test_reads_what_ssh_keygen_writes(kind, tmp_path):
    path = keygen(tmp_path, *TYPES[kind])
    key = Key.read(path.read_bytes())
    assert (key.type, key.comment) == (kind, COMMENT)
    assert key == Key.read_public(path.with_name("key.pub").read_bytes())
    assert key.write_public() == path.with_name("key.pub").read_bytes()


@pytest.mark.parametrize("cipher", CIPHERS + OLD_CIPHERS)
def test_reads_each_cipher_of_ssh_keygens(cipher, tmp_path):
    path = keygen(tmp_path, "-t", "ed25519", "-Z", cipher, "-a", "2", passphrase=SECRET)
    key = Key.read(path.read_bytes(), SECRET.encode())
    assert key.comment == COMMENT
    assert key.write_public().split()[:2] == public_line(path)
    for wrong in (None, b"", b"Correct horse battery"):
        with pytest.raises(Failure) as failure:
            Key.read(path.read_bytes(), wrong)
        assert failure.value.code == PASSPHRASE


def test_ssh_keygen_reads_what_is_written(kind, tmp_path):
    key = Key.generate(kind, 2048 if kind == "ssh-rsa" else 0, COMMENT)
    path = keep(tmp_path, key.write())
    assert line_of(path) == key.write_public().split()[:2]
    assert run("ssh-keygen", "-lf", path).split()[1].decode() == key.fingerprint()
    assert COMMENT.encode() in run("ssh-keygen", "-lf", path)


@pytest.mark.parametrize("cipher", (None, *CIPHERS))
def test_ssh_keygen_reads_each_cipher_that_is_written(kind, cipher, tmp_path):
    key = Key.read(keygen(tmp_path, *TYPES[kind]).read_bytes())
    path = keep(tmp_path, key.write(OPENSSH, SECRET.encode(), cipher, 3))
    assert line_of(path, SECRET) == key.write_public().split()[:2]
    wrong = subprocess.run(["ssh-keygen", "-y", "-P", "wrong", "-f", path], capture_output=True, check=False)
    assert wrong.returncode != 0


def test_ssh_keygen_changes_a_passphrase_that_was_set_here(tmp_path):
    key = Key.generate("ssh-ed25519", 0, COMMENT)
    path = keep(tmp_path, key.write(OPENSSH, SECRET.encode(), rounds=1))
    run("ssh-keygen", "-q", "-p", "-P", SECRET, "-N", "another", "-f", path)
    assert Key.read(path.read_bytes(), b"another") == key


# ---- PEM ----

@pytest.mark.parametrize("form", ("PEM", "PKCS8"))
@pytest.mark.parametrize("passphrase", ("", SECRET))
@pytest.mark.parametrize("pem_kind", [kind for kind in TYPES if kind != "ssh-ed25519"])
def test_reads_the_pem_forms_of_ssh_keygens(pem_kind, form, passphrase, tmp_path):
    path = keygen(tmp_path, *TYPES[pem_kind], "-m", form, passphrase=passphrase)
    key = Key.read(path.read_bytes(), passphrase.encode())
    assert key.write_public().split()[:2] == public_line(path)
    if passphrase:
        for wrong in (None, b"wrong"):
            with pytest.raises(Failure) as failure:
                Key.read(path.read_bytes(), wrong)
            assert failure.value.code == PASSPHRASE


@pytest.mark.parametrize("passphrase", (None, SECRET))
def test_ssh_keygen_and_openssl_read_pkcs8(kind, passphrase, tmp_path):
    key = Key.read(keygen(tmp_path, *TYPES[kind]).read_bytes())
    path = keep(tmp_path, key.write(PKCS8, passphrase and passphrase.encode()))
    run("openssl", "pkey", "-in", path, "-passin", f"pass:{passphrase or ''}", "-noout", "-check")
    assert Key.read(path.read_bytes(), passphrase and passphrase.encode()) == key
    if kind != "ssh-ed25519":  # ssh-keygen of Debian 12 reads no Ed25519 in PKCS#8
        assert line_of(path, passphrase or "") == key.write_public().split()[:2]


def test_ssh_keygen_and_openssl_read_the_pem_that_is_written(kind, tmp_path):
    key = Key.read(keygen(tmp_path, *TYPES[kind]).read_bytes())
    if kind == "ssh-ed25519":
        with pytest.raises(Failure) as failure:
            key.write(PEM)
        assert failure.value.code == UNSUPPORTED
        return
    path = keep(tmp_path, key.write(PEM))
    assert path.read_bytes().split(b"-----")[1] == (b"BEGIN RSA PRIVATE KEY" if kind == "ssh-rsa"
                                                    else b"BEGIN EC PRIVATE KEY")
    run("openssl", "pkey", "-in", path, "-noout", "-check")
    assert line_of(path) == key.write_public().split()[:2]
    with pytest.raises(Failure) as failure:
        key.write(PEM, SECRET.encode())
    assert failure.value.code == ARGUMENT


@pytest.mark.parametrize("options", (
    ("-v2", "aes-256-cbc"), ("-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1"), ("-v2", "des3"), ("-scrypt",),
    ("-v1", "PBE-SHA1-3DES"), ("-scrypt", "-scrypt_N", "16384", "-scrypt_r", "8", "-scrypt_p", "1")))
def test_reads_each_encryption_of_openssls(options, tmp_path):
    plain = Key.generate("ecdsa-sha2-nistp256")
    path = keep(tmp_path, plain.write(PKCS8))
    sealed = run("openssl", "pkcs8", "-topk8", "-in", path, "-passout", f"pass:{SECRET}", *options)
    assert Key.read(sealed, SECRET.encode()) == plain
    with pytest.raises(Failure) as failure:
        Key.read(sealed, b"wrong")
    assert failure.value.code == PASSPHRASE


@pytest.mark.parametrize("option, number, larger", (
    ("-iter=600000", "02030927c0", "02037fffff"),
    ("-scrypt", "02024000020108020101", "0202400002010802017f")))
def test_an_encryption_that_costs_too_much_is_refused(option, number, larger, tmp_path):
    plain = Key.generate("ecdsa-sha2-nistp256")
    path = keep(tmp_path, plain.write(PKCS8))
    der = run("openssl", "pkcs8", "-topk8", "-outform", "DER", "-in", path, "-passout", f"pass:{SECRET}",
              *option.split("="))
    assert der.count(bytes.fromhex(number)) == 1
    assert Key.read(pem_of(der), SECRET.encode()) == plain
    with pytest.raises(Failure) as failure:
        Key.read(pem_of(der.replace(bytes.fromhex(number), bytes.fromhex(larger))), SECRET.encode())
    assert failure.value.code == ARGUMENT
    assert "costs" in failure.value.text


@pytest.mark.parametrize("cipher", ("-aes128", "-aes256", "-des3"))
def test_reads_openssls_traditional_encryption(cipher, tmp_path):
    plain = Key.generate("ssh-rsa", 2048)
    path = keep(tmp_path, plain.write(PKCS8))
    sealed = run("openssl", "rsa", "-traditional", cipher, "-in", path, "-passout", f"pass:{SECRET}")
    assert b"DEK-Info" in sealed
    assert Key.read(sealed, SECRET.encode()) == plain
    for wrong in (None, b"wrong"):
        with pytest.raises(Failure) as failure:
            Key.read(sealed, wrong)
        assert failure.value.code == PASSPHRASE


def test_parameters_in_front_of_a_key_are_passed_over():
    text = run("openssl", "ecparam", "-name", "prime256v1", "-genkey")
    assert b"BEGIN EC PARAMETERS" in text
    assert Key.read(text).type == "ecdsa-sha2-nistp256"


@pytest.mark.parametrize("algorithm", (("-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:1024"),
                                       ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"),
                                       ("-algorithm", "X25519"), ("-algorithm", "ED448")))
def test_keys_that_ssh_has_not_are_refused(algorithm, tmp_path):
    if "DSA" in algorithm:
        run("openssl", "genpkey", "-genparam", *algorithm, "-out", tmp_path / "parameters")
        text = run("openssl", "genpkey", "-paramfile", tmp_path / "parameters")
    else:
        text = run("openssl", "genpkey", *algorithm)
    with pytest.raises(Failure) as failure:
        Key.read(text)
    assert failure.value.code == UNSUPPORTED


# ---- sshsig ----

MESSAGE = b"what is signed\n" * 1000


def sign_with_keygen(path, message, *options):
    return run("ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", path, *options, data=message)


def verify_with_keygen(folder, signer, text, message):
    """signer: as a line of allowed_signers has it."""
    signers = keep(folder, b"tester " + signer, "signers")
    signature = keep(folder, text, "signature")
    return subprocess.run(["ssh-keygen", "-Y", "verify", "-n", "file", "-I", "tester", "-f", signers, "-s", signature],
                          input=message, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("hash_name", ("sha512", "sha256"))
def test_verifies_what_ssh_keygen_signs(kind, hash_name, tmp_path):
    path = keygen(tmp_path, *TYPES[kind])
    text = sign_with_keygen(path, MESSAGE, "-O", f"hashalg={hash_name}")
    assert verify(text, "file", MESSAGE) == Key.read_public(path.with_name("key.pub").read_bytes())
    for name_space, message in (("email", MESSAGE), ("file", MESSAGE + b".")):
        with pytest.raises(Failure) as failure:
            verify(text, name_space, message)
        assert failure.value.code == VERIFY


@pytest.mark.parametrize("hash_name", (None, "sha256"))
def test_ssh_keygen_verifies_what_is_signed(kind, hash_name, tmp_path):
    key = Key.generate(kind, 2048 if kind == "ssh-rsa" else 0)
    text = key.sshsig("file", MESSAGE, hash_name)
    assert verify_with_keygen(tmp_path, key.write_public(), text, MESSAGE)
    assert not verify_with_keygen(tmp_path, key.write_public(), text, MESSAGE + b".")
    assert not verify_with_keygen(tmp_path, key.write_public(), key.sshsig("email", MESSAGE), MESSAGE)


def certified(folder, kind):
    authority = keygen(folder, "-t", "ed25519", name="authority")
    path = keygen(folder, *TYPES[kind])
    run("ssh-keygen", "-q", "-s", authority, "-I", "tester's", "-n", "tester", path.with_name("key.pub"))
    certificate = Key.read_public(path.with_name("key-cert.pub").read_bytes())
    return path, certificate, b"cert-authority " + authority.with_name("authority.pub").read_bytes()


def test_a_certificate_signs(kind, tmp_path):
    path, certificate, authority = certified(tmp_path, kind)
    text = Key.read(path.read_bytes()).with_certificate(certificate).sshsig("file", MESSAGE)
    assert verify_with_keygen(tmp_path, authority, text, MESSAGE)
    assert verify(text, "file", MESSAGE).has_certificate


def test_verifies_what_ssh_keygen_signs_with_a_certificate(kind, tmp_path):
    path, certificate, _ = certified(tmp_path, kind)
    agent = run("ssh-agent", "-s").decode()
    values = dict(part.split(";")[0].split("=", 1) for part in agent.splitlines() if "=" in part)
    try:
        environment = ["env", *(f"{name}={value}" for name, value in values.items())]
        run(*environment, "ssh-add", "-q", path)
        text = run(*environment, "ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", path.with_name("key-cert.pub"),
                   data=MESSAGE)
    finally:
        run("kill", values["SSH_AGENT_PID"])
    signer = verify(text, "file", MESSAGE)
    assert signer.has_certificate and signer == certificate
