# SPDX-License-Identifier: Apache-2.0
"""Certificates for the occasion, made with the openssl command: a root, leaves of each key type, and bad ones."""

import subprocess
from pathlib import Path

NAMES = ("localhost", "one.example", "two.example")

# One section of extensions for each kind of certificate; openssl ca also keeps the index that OCSP responses come from.
CONFIG = """
[ca]
default_ca = issuer
[issuer]
database = {folder}/{ca}.index
new_certs_dir = {folder}
serial = {folder}/{ca}.serial
default_md = sha256
policy = policy
unique_subject = no
[policy]
commonName = supplied
[req]
distinguished_name = names
[names]
[root]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign,digitalSignature
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth,clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {san}
"""

KEY_TYPES = {
    "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "ecdsa": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "ed25519": ["-algorithm", "ED25519"],
}
KINDS = tuple(KEY_TYPES)


def openssl(*arguments, data=None):
    done = subprocess.run(["openssl", *map(str, arguments)], input=data, capture_output=True, check=False)
    assert done.returncode == 0, f"openssl {' '.join(map(str, arguments))}: {done.stderr.decode()}"
    return done.stdout


class Pair:
    """A certificate file (with its chain) and its key."""

    def __init__(self, folder, name):
        self.cert = folder / f"{name}.pem"
        self.key = folder / f"{name}.key"


class Pki:
    """Made once for a test run."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.ca = self.root("root")
        self.other_ca = self.root("other")
        self.leaves = {kind: self.leaf(kind, kind) for kind in KINDS}
        self.hosts = {name: self.leaf(name, "ecdsa", names=[name]) for name in NAMES[1:]}
        self.client = self.leaf("client", "ecdsa", names=["client.example"])
        self.stranger = self.leaf("stranger", "ecdsa", issuer=self.other_ca)
        self.expired = self.leaf("expired", "ecdsa", dates=("20200101000000Z", "20200201000000Z"))
        self.long = self.long_chain()
        self.ocsp = self.ocsp_response("ecdsa", "good.ocsp")
        self.revoked = self.leaf("revoked", "ecdsa")
        self.ca_command("-revoke", self.revoked.cert)
        # curl looks for the issuer of a stapled response among what the server sends.
        self.ecdsa_with_root = self.with_root("ecdsa")
        self.revoked_with_root = self.with_root("revoked")
        self.ocsp_revoked = self.ocsp_response("revoked", "revoked.ocsp")

    def key(self, name, kind):
        openssl("genpkey", *KEY_TYPES[kind], "-out", self.folder / f"{name}.key")

    def config(self, ca, names):
        path = self.folder / "openssl.cnf"
        san = ",".join(f"DNS:{name}" for name in names)
        path.write_text(CONFIG.format(folder=self.folder, ca=ca, san=san))
        return path

    def request(self, name, config):
        return openssl("req", "-new", "-config", config, "-key", self.folder / f"{name}.key", "-subj", f"/CN={name}")

    def root(self, name):
        pair = Pair(self.folder, name)
        self.key(name, "ecdsa")
        (self.folder / f"{name}.index").touch()
        (self.folder / f"{name}.serial").write_text("1000\n")
        openssl("req", "-x509", "-new", "-config", self.config(name, NAMES), "-key", pair.key, "-extensions", "root",
                "-subj", f"/CN={name}", "-days", "3", "-out", pair.cert)
        return pair

    def ca_command(self, *arguments, issuer=None, names=NAMES, data=None):
        issuer = issuer or self.ca
        config = self.config(issuer.cert.stem, names)
        return openssl("ca", "-batch", "-config", config, "-cert", issuer.cert, "-keyfile", issuer.key, *arguments,
                       data=data)

    def sign(self, name, issuer, names, dates, section):
        request = self.folder / f"{name}.csr"
        config = self.config(issuer.cert.stem, names)
        request.write_bytes(self.request(name, config))
        when = ["-startdate", dates[0], "-enddate", dates[1]] if dates else ["-days", "2"]
        self.ca_command("-notext", "-in", request, "-extensions", section, "-out", self.folder / f"{name}.pem", *when,
                        issuer=issuer, names=names)

    def leaf(self, name, kind, issuer=None, names=NAMES, dates=None):
        self.key(name, kind)
        self.sign(name, issuer or self.ca, names, dates, "leaf")
        return Pair(self.folder, name)

    def authority(self, name, issuer):
        self.key(name, "rsa")
        (self.folder / f"{name}.index").touch()
        (self.folder / f"{name}.serial").write_text("1000\n")
        self.sign(name, issuer, NAMES, None, "root")
        return Pair(self.folder, name)

    def long_chain(self):
        """A leaf of many names below three authorities."""
        issuers = [self.ca]
        for level in range(3):
            issuers.append(self.authority(f"level{level}", issuers[-1]))
        names = [*NAMES, *(f"host-number-{i}.of-many.example" for i in range(120))]
        pair = self.leaf("long", "rsa", issuer=issuers[-1], names=names)
        chain = [issuer.cert.read_text() for issuer in reversed(issuers[1:])]
        pair.cert.write_text(pair.cert.read_text() + "".join(chain))
        return pair

    def with_root(self, name):
        pair = Pair(self.folder, name)
        pair.cert = self.folder / f"{name}-with-root.pem"
        pair.cert.write_text((self.folder / f"{name}.pem").read_text() + self.ca.cert.read_text())
        return pair

    def ocsp_response(self, name, path):
        """What the root says about a leaf of its own; a DER file."""
        request, response = self.folder / f"{path}.request", self.folder / path
        certificate = self.folder / f"{name}.pem"
        openssl("ocsp", "-issuer", self.ca.cert, "-cert", certificate, "-no_nonce", "-reqout", request)
        openssl("ocsp", "-index", self.folder / "root.index", "-CA", self.ca.cert, "-rsigner", self.ca.cert, "-rkey",
                self.ca.key, "-ndays", "2", "-reqin", request, "-respout", response)
        return response
