# SPDX-License-Identifier: Apache-2.0
"""Sessile's side: the example programs ssh_server and ssh_client, as one more server and client."""

import clients
import servers


def program(build, name):
    path = build / "examples" / "c" / name
    assert path.exists(), f"{path} is not there: ./run build makes the example programs"
    return path


def server(build):
    return servers.Sessile("Sessile", program(build, "ssh_server"))


def client(build, *options):
    return clients.Own("Sessile", program(build, "ssh_client"), *options)


def service(keys, suite=None, **what):
    """One host key, that of the suite or an Ed25519 one; the user's keys authorized."""
    host = (keys.host_key(suite.host_key) if suite else keys.host["ed25519"],)
    authorized = keys.authorized_for(suite.user_key) if suite else keys.authorized
    return servers.Service(**{"host_keys": host, "authorized": authorized, "suite": suite, **what})
