# SPDX-License-Identifier: Apache-2.0
"""Parameters for tests that go through the algorithms of a table, and what a client is to do with them."""

import pytest
from algorithms import CERTIFICATES
from checks import COMMAND


def matrix(known, of):
    return [pytest.param(peer, suite, id=f"{peer}-{suite}") for peer, names in known.items() for suite in of(names)]


def trusting(running, children, keys, suite, **what):
    """A client's job for a suite: a host's certificate is trusted by its authority."""
    job = {"key": keys.user_key(suite.user_key), "suite": suite, "command": COMMAND, **what}
    if suite.host_key in CERTIFICATES:
        job["authority"] = keys.host_authority
        job["known_hosts"] = keys.known_hosts(children.path(".known_hosts"), running.port, [keys.host_authority], True)
    return running.job(children, keys, **job)
