# SPDX-License-Identifier: Apache-2.0
"""The table of results: a row for each subject, a column for each peer in each role, passed tests counted."""

import platform
import ssl
import subprocess

from peers import CLIENTS, SERVERS

HEAD = """# Interop

Sessile against other implementations of TLS, on loopback, both roles. This page is written by the tests themselves,
from the tree's root:

    /usr/bin/python3 -m pytest tests/interop --record

Each number counts tests that passed, with the example programs of `examples/c` on Sessile's side. An empty cell means
that there is no such test: the peer cannot do it, or another peer shows the same. Go, for one, takes the end of the
wire between two records for the end of the data, so that it does not notice when it is cut off there.

"""


def first_line(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).splitlines()[0]


def versions():
    curl = first_line("curl", "--version").split()
    go = first_line("go", "version").split()
    return [" ".join(first_line("openssl", "version").split()[:2]), first_line("gnutls-cli", "--version"),
            f"{curl[0]} {curl[1]} on {curl[4]}", f"Python {platform.python_version()} on {ssl.OPENSSL_VERSION}",
            f"Go {go[2].removeprefix('go')}"]


class Results:
    def __init__(self):
        self.cells = {}
        self.subjects = []
        self.complete = False
        self.stale = False

    def add(self, item, passed):
        marker = item.get_closest_marker("interop")
        assert marker, f"{item.nodeid} belongs to no row: it needs the marker interop"
        subject = marker.args[0]
        parameters = getattr(item, "callspec", None)
        chosen = parameters.params if parameters else {}
        peer = marker.kwargs.get("peer") or chosen.get("client") or chosen.get("server")
        if subject not in self.subjects:
            self.subjects.append(subject)
        good, bad = self.cells.get((subject, peer), (0, 0))
        self.cells[subject, peer] = (good + passed, bad + (not passed))

    def cell(self, subject, peer):
        good, bad = self.cells.get((subject, peer), (0, 0))
        return f"FAILED {bad} of {good + bad}" if bad else str(good or "")

    def table(self, title, peers):
        subjects = [subject for subject in self.subjects if any((subject, peer) in self.cells for peer in peers)]
        rows = [[title, *peers], ["---"] * (len(peers) + 1)]
        rows += [[subject, *(self.cell(subject, peer) for peer in peers)] for subject in subjects]
        return "".join(f"| {' | '.join(row)} |\n" for row in rows)

    def page(self):
        return (HEAD + "## Sessile as the server\n\n" + self.table("what", [*CLIENTS, "plain socket"]) +
                "\n## Sessile as the client\n\n" + self.table("what", [*SERVERS, "plain socket (server)"]) +
                "\n## The peers\n\n" + "".join(f"- {line}\n" for line in versions()))
