# SPDX-License-Identifier: Apache-2.0
"""Where the package is: an installed one, or the build folder that SESSILE_BUILD names. Certificates are made once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

if "SESSILE_BUILD" in os.environ:
    sys.path.insert(0, str(Path(os.environ["SESSILE_BUILD"]) / "python"))

import sessile  # noqa: E402

from loops import (  # noqa: E402,F401
    pytest_collection_finish,
    pytest_configure,
    pytest_generate_tests,
    pytest_pyfunc_call,
    trouble,
)


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Identity:
    """A certificate and its key, in PEM."""

    def __init__(self, folder, name, san):
        self.certificate_file, self.key_file = folder / f"{name}.crt", folder / f"{name}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                "-subj", f"/CN={name}", "-addext", f"subjectAltName={san}", "-keyout", self.key_file,
                "-out", self.certificate_file)
        self.certificate, self.key = self.certificate_file.read_text(), self.key_file.read_text()


@pytest.fixture(scope="session")
def identity(tmp_path_factory):
    return Identity(tmp_path_factory.mktemp("certificates"), "server.test", "DNS:server.test")


@pytest.fixture(scope="session")
def client_identity(tmp_path_factory):
    return Identity(tmp_path_factory.mktemp("certificates"), "client.test", "DNS:client.test")


@pytest.fixture(scope="session")
def host_key():
    return sessile.Key.generate("ssh-ed25519", comment="host")


@pytest.fixture(scope="session")
def user_key():
    return sessile.Key.generate("ssh-ed25519", comment="user")
