# SPDX-License-Identifier: Apache-2.0
"""The table of results: a row for each subject, a column for each peer in each role, passed tests counted."""

import re
import subprocess

import build
import clients
import pytest
import servers

MARK = "# SSH\n"
HEAD = MARK + """
Sessile against other implementations of SSH, on loopback, both roles. This part is written by tests of its own, from
the tree's root:

    ./run peers
    /usr/bin/python3 -m pytest tests/interop/ssh --record

Each number counts tests that passed, with the example programs of `examples/c` on Sessile's side. An empty cell means
that the peer has no such thing, or that another peer shows the same. Each algorithm that both sides know is met at
least once; with OpenSSH, any two of different kinds are met together.

Left out, for what the peers are:

- new keys that libssh's client asks for, or is asked for, while data goes both ways, and new keys that libssh's server
  asks for, or is asked for while it sends: it stalls, or mixes data up, also with OpenSSH;
- new keys that asyncssh asks for while it only receives: it counts what it sends;
- new keys that dropbear, libssh2 or paramiko's client ask for: they have no setting for it;
- keyboard-interactive by OpenSSH's server, which has it from PAM alone, and hostbased by its client, whose helper reads
  no keys but the system's own;
- the key log read by tshark before 4.2, which wants another kind of line; a reader of our own, on pyca/cryptography,
  reads it there.

"""


def first_line(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).splitlines()[0]


# Name and version in what each of them is built from.
PINNED = {
    "russh/Cargo.toml": r'^(russh) = \{ version = "=([^"]*)"',
    "node/package.json": r'"(ssh2)": "([^"]*)"',
    "java/pom.xml": r"<artifactId>(jsch|sshd-core)</artifactId>\s*<version>([^<]*)",
}


def libraries():
    """Those that our own peers are on, and the tools."""
    for name in ("libssh", "libssh2"):
        yield name, first_line("pkg-config", "--modversion", name)
    wanted = (build.HERE / "peers" / "requirements.txt").read_text()
    yield from re.findall(r"^(asyncssh|paramiko|ssh-audit|cryptography)==(.*)", wanted, re.M)
    yield "golang.org/x/crypto", ".".join(map(str, build.go_crypto()))
    for file, pattern in PINNED.items():
        yield from re.findall(pattern, (build.HERE / "peers" / file).read_text(), re.M)
    yield "tshark", first_line("tshark", "--version").split()[2].rstrip(".")


def versions():
    return [first_line("ssh", "-V").split(",")[0], first_line("dbclient", "-V"),
            " ".join(("PuTTY", first_line("plink", "-V").split()[-1])),
            *(f"{name} {version}" for name, version in libraries())]


KEYS = "OpenSSH, OpenSSL"
TOOLS = ("ssh-audit", "tshark", "pyca/cryptography")


def row_of(item):
    """The role of Sessile's in a test, the table's row and its column; None for what is about peers alone."""
    if item.get_closest_marker("peers"):
        return None
    marker = item.get_closest_marker("interop")
    assert marker, f"{item.nodeid} belongs to no row: it needs the marker interop, or peers"
    parameters = getattr(item, "callspec", None)
    chosen = parameters.params if parameters else {}
    role = marker.kwargs.get("role") or ("server" if "serve" in item.fixturenames else "client")
    peer = KEYS if role == "keys" else marker.kwargs.get("peer") or chosen.get("client") or chosen.get("server")
    return role, marker.args[0], peer or "OpenSSH"


class Results:
    """Passed and failed tests by role, row and column; a row's place is that of its first test."""

    def __init__(self):
        self.cells = {}
        self.places = {}

    def add(self, number, role, subject, peer, passed):
        self.places[subject] = min(number, self.places.get(subject, number))
        good, bad = self.cells.get((role, subject, peer), (0, 0))
        self.cells[role, subject, peer] = (good + passed, bad + (not passed))

    def cell(self, *place):
        good, bad = self.cells.get(place, (0, 0))
        return f"FAILED {bad} of {good + bad}" if bad else str(good or "")

    def table(self, role, peers):
        peers = [peer for peer in peers if any(place[::2] == (role, peer) for place in self.cells)]
        subjects = sorted(self.places, key=self.places.get)
        subjects = [subject for subject in subjects if any(place[:2] == (role, subject) for place in self.cells)]
        rows = [["what", *peers], ["---"] * (len(peers) + 1)]
        rows += [[subject, *(self.cell(role, subject, peer) for peer in peers)] for subject in subjects]
        return "".join(f"| {' | '.join(row)} |\n" for row in rows)

    def page(self):
        return (HEAD + "## Sessile as the SSH server\n\n" + self.table("server", [*clients.clients(), *TOOLS]) +
                "\n## Sessile as the SSH client\n\n" + self.table("client", [*servers.servers(), *TOOLS]) +
                "\n## Files of keys and of trust, and the agent\n\n" + self.table("keys", [KEYS]) +
                "\n## The SSH peers\n\n" + "".join(f"- {line}\n" for line in versions()))


def ssh_part(page):
    """From the heading on; the other part is the TLS tests' own."""
    found = re.search(f"^{MARK}", page, re.M)
    return page[found.start():] if found else ""


def with_ssh_part(page, part):
    rest = page[:len(page) - len(ssh_part(page))].rstrip("\n")
    return f"{rest}\n\n{part}" if rest else part


def rows_of(page):
    return re.findall(r"^\|.*", page, re.M)


# The order of the table's rows; test_peers is not in the table.
ORDER = ("peers", "algorithms", "auth", "agent_login", "bulk", "channels", "tools", "key_files", "keys", "trust_files", "agent")


def place(item):
    return ORDER.index(item.path.stem.removeprefix("test_"))


class Recorder:
    """The hooks that gather results, and in the end compare the page with them, or write it.

    With pytest-xdist the tests are in other processes than the end: a report brings along where it belongs.
    """

    def __init__(self, config, page, build_folder):
        self.config = config
        self.page = page
        self.build = build_folder
        self.results = Results()
        self.stale = False

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items):
        items.sort(key=place)
        for number, item in enumerate(items):
            if row := row_of(item):
                item.user_properties.append(("interop", (number, *row)))

    def pytest_runtest_logreport(self, report):
        row = dict(report.user_properties).get("interop")
        if row and (report.when == "call" or report.failed):
            self.results.add(*row, report.passed)

    def complete(self):
        """All tests ran, and this is the process that all reports come to."""
        option = self.config.option
        return not (hasattr(self.config, "workerinput") or option.collectonly or option.keyword or option.markexpr or
                    any("::" in word or word.endswith(".py") for word in self.config.args))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session, exitstatus):
        if not self.complete() or not self.results.cells:
            return
        page = self.results.page()
        self.build.mkdir(parents=True, exist_ok=True)
        (self.build / "interop-ssh.md").write_text(page)
        recorded = self.page.read_text() if self.page.exists() else ""
        if self.config.option.record:
            self.page.write_text(with_ssh_part(recorded, page))
        elif rows_of(ssh_part(recorded)) != rows_of(page):
            self.stale = True
            session.exitstatus = exitstatus or pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter):
        if self.stale:
            terminalreporter.section("docs/interop.md")
            terminalreporter.line("The page does not show this run's results: look at interop-ssh.md in the build "
                                  "folder, and run pytest tests/interop/ssh --record.")
