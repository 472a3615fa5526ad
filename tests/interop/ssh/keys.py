# SPDX-License-Identifier: Apache-2.0
"""Keys for the occasion, made with ssh-keygen: one of each type, an authority with certificates, a stranger's."""

import shutil
import socket
import subprocess
from pathlib import Path

USER = "tester"
PASSWORD = "correct horse battery"
# Certificates name it; nobody listens there by that name.
HOST = "127.0.0.1"

FILES = {
    "ed25519": ("-t", "ed25519"),
    "ecdsa256": ("-t", "ecdsa", "-b", "256"),
    "ecdsa384": ("-t", "ecdsa", "-b", "384"),
    "ecdsa521": ("-t", "ecdsa", "-b", "521"),
    "rsa": ("-t", "rsa", "-b", "2048"),
}
KEY_OF = {
    "ssh-ed25519": "ed25519", "ecdsa-sha2-nistp256": "ecdsa256", "ecdsa-sha2-nistp384": "ecdsa384",
    "ecdsa-sha2-nistp521": "ecdsa521", "rsa-sha2-512": "rsa", "rsa-sha2-256": "rsa", "ssh-rsa": "rsa",
}
CERTIFIED = "-cert-v01@openssh.com"


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}"
    return done.stdout


class Key:
    """A private key file in OpenSSH's form, and on demand in those of others."""

    def __init__(self, path):
        self.path = Path(path)
        self.public = Path(f"{path}.pub")
        # There for the copies of Keys.certified() alone: many a program picks up a certificate that lies beside a key.
        self.certificate = Path(f"{path}-cert.pub")

    @property
    def line(self):
        """Type and base64 of the public key."""
        return " ".join(self.public.read_text().split()[:2])

    @property
    def fingerprint(self):
        return run("ssh-keygen", "-lf", self.public).split()[1]

    def putty(self):
        path = self.path.with_suffix(".ppk")
        if not path.exists():
            certificate = ("--certificate", self.certificate) if self.certificate.exists() else ()
            run("puttygen", self.path, "-O", "private", *certificate, "-o", path)
        return path

    def dropbear(self):
        path = self.path.with_suffix(".dropbear")
        if not path.exists():
            run("dropbearconvert", "openssh", "dropbear", self.path, path)
        return path


class Keys:
    """Made once for a test run. host, user: a key of each type, with certificates; stranger: known nowhere."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.host_authority = self.make("host_authority", "ed25519")
        self.user_authority = self.make("user_authority", "ed25519")
        self.host = {name: self.make(f"host_{name}", name) for name in FILES}
        self.user = {name: self.make(f"user_{name}", name) for name in FILES}
        self.large_host = self.make("large_host", "rsa", "-b", "3072")
        self.stranger = self.make("stranger", "ed25519")
        self.other_host = self.make("other_host", "ed25519")
        self.certified_host = {name: self.certify(self.host_authority, key, "-h", "-n", HOST)
                               for name, key in self.host.items()}
        self.certified_user = {name: self.certify(self.user_authority, key, "-n", USER)
                               for name, key in self.user.items()}
        self.authorized = self.write("authorized_keys", [key.line for key in self.user.values()])
        self.authorized_authority = self.write("authorized_authority", [f"cert-authority {self.user_authority.line}"])
        self.authorized_nobody = self.write("authorized_nobody", [self.stranger.line])
        self.password = self.write("password", [PASSWORD])
        self.wrong_password = self.write("wrong_password", ["wrong"])
        self.passwords = self.write("passwords", [f"{USER}:{PASSWORD}"])

    def write(self, name, lines):
        path = self.folder / name
        path.write_text("".join(f"{line}\n" for line in lines))
        path.chmod(0o600)
        return path

    def make(self, name, kind, *options):
        path = self.folder / name
        run("ssh-keygen", "-q", *FILES[kind], *options, "-N", "", "-C", name, "-f", path)
        return Key(path)

    def certify(self, authority, key, *options):
        folder = self.folder / "certified"
        folder.mkdir(exist_ok=True)
        return self.certified_copy(folder, key, authority, "-V", "-1h:+1d", *options)

    def certified_copy(self, folder, key, authority, *options):
        """A copy of a key with a certificate beside it."""
        copy = Key(shutil.copy(key.path, folder))
        shutil.copy(key.public, folder)
        run("ssh-keygen", "-q", "-s", authority.path, "-I", "interop", *options, copy.public)
        return copy

    def host_key(self, algorithm):
        certified = algorithm.endswith(CERTIFIED)
        return (self.certified_host if certified else self.host)[KEY_OF[algorithm.removesuffix(CERTIFIED)]]

    def user_key(self, algorithm):
        certified = algorithm.endswith(CERTIFIED)
        return (self.certified_user if certified else self.user)[KEY_OF[algorithm.removesuffix(CERTIFIED)]]

    def authorized_for(self, algorithm):
        return self.authorized_authority if algorithm.endswith(CERTIFIED) else self.authorized

    def machines(self, key):
        """A file that knows this machine by a key."""
        return self.write("machines", [f"{socket.gethostname()} {key.line}"])

    def known_hosts(self, path, port, keys, authority=False):
        """A file that knows these keys for a port; with authority, those whose certificates it signs."""
        place = f"[{HOST}]:{port}"
        lines = [f"{'@cert-authority ' if authority else ''}{place} {key.line}" for key in keys]
        path.write_text("".join(f"{line}\n" for line in lines))
        return path
