# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the SSH interop tests, their children's logs where one fails, and the table of results.

SESSILE_BUILD names the build folder whose example programs are tested, build/release by default; SESSILE_PEERS that of
the peers which were built for these tests, build/peers by default. A run of all tests writes interop-ssh.md to the
build folder; with --record it writes the SSH part of docs/interop.md, and without it fails where that has other rows.
"""

import contextlib
import os
import sys
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent))

import clients  # noqa: E402
import servers  # noqa: E402
import sessile_ssh  # noqa: E402
from child import Children  # noqa: E402
from keys import Keys  # noqa: E402
from openssh_agent import SshAgent  # noqa: E402
from ssh_results import Recorder  # noqa: E402
from wire import Echo  # noqa: E402

TREE = HERE.parents[2]
BUILD = Path(os.environ.get("SESSILE_BUILD", TREE / "build" / "release")).absolute()
PAGE = TREE / "docs" / "interop.md"

OWN_RUN = HERE / "pytest.ini"


def pytest_addoption(parser):
    # A run of tests/interop has it already.
    with contextlib.suppress(ValueError):
        parser.addoption("--record", action="store_true", help="write the SSH part of docs/interop.md")


def pytest_configure(config):
    config.addinivalue_line("markers", "interop(subject, peer=None, role=None): a row of a table, and its column")
    config.addinivalue_line("markers", "peers: not about Sessile's sessions: not in the table")
    if config.inipath == OWN_RUN:
        config.pluginmanager.register(Recorder(config, PAGE, BUILD))


def pytest_ignore_collect(collection_path, config):
    """In a run of tests/interop these are left out: they are one of their own, which pytest.ini here is for."""
    return True if config.inipath != OWN_RUN else None


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    return Keys(tmp_path_factory.mktemp("keys"))


class Programs(Children):
    """Clients are stopped before their servers: a server's part for a connection outlives what killed the server."""

    def stop(self):
        for child in reversed(self.all):
            child.stop()


@pytest.fixture
def children(request, tmp_path):
    group = Programs(tmp_path)
    request.node.children = group
    yield group
    group.stop()


@pytest.fixture
def echo():
    service = Echo()
    yield service
    service.stop()


@pytest.fixture
def short_folder():
    """For sockets, whose names must be short."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture
def echo_at(short_folder):
    """An echo at a path."""
    path = short_folder / "echo"
    service = Echo(path)
    yield path
    service.stop()


@pytest.fixture
def client(request):
    """A peer's client by its name."""
    return clients.clients()[request.param]


@pytest.fixture
def server(request, children, keys):
    """What starts a peer's server, by its name: server(**fields of a Service)."""
    peer = servers.servers()[request.param]

    def start(**what):
        return peer.start(children, sessile_ssh.service(keys, **what))
    start.name = request.param
    return start


@pytest.fixture
def serve(children, keys):
    """Start ssh_server: serve(*options, **fields of a Service)."""
    def start(*more, **what):
        return sessile_ssh.server(BUILD).start(children, sessile_ssh.service(keys, **what), *more)
    return start


@pytest.fixture
def ours(children):
    """ssh_client, as a Client."""
    return sessile_ssh.client(BUILD)


@pytest.fixture
def telling(children):
    """ssh_client that tells of new keys."""
    return sessile_ssh.client(BUILD, "-v")


@pytest.fixture
def hardened(children):
    return sessile_ssh.client(BUILD, "--preset", "hardened")


@pytest.fixture
def logging(children):
    """ssh_client that writes its keys to a file, and that file."""
    path = children.path(".keylog")
    return sessile_ssh.client(BUILD, "--keylog", path), path


@pytest.fixture
def ssh_agent():
    with tempfile.TemporaryDirectory() as folder:
        agent = SshAgent(folder)
        yield agent
        agent.stop()


@pytest.fixture
def with_agent(children, ssh_agent):
    """ssh_client whose environment names the agent: with_agent(*options)."""
    def client(*more):
        made = sessile_ssh.client(BUILD, *more)
        made.variables = lambda children, job: {"SSH_AUTH_SOCK": str(ssh_agent.path)}
        return made
    return client


@pytest.fixture
def old(children):
    return sessile_ssh.client(BUILD, "--preset", "compatible")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    children = getattr(item, "children", None)
    if report.failed and children:
        report.sections.append(("programs", children.log()))
