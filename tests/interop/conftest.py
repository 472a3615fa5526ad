# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the interop tests, their children's logs where one fails, and the table of results.

SESSILE_BUILD names the build folder whose example programs are tested, build/release by default. A run of all tests
writes interop.md there; with --record it writes docs/interop.md, and without it fails where that page has other rows.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import sessile
from child import Children
from peers import CLIENTS, SERVERS, client_of, server_of
from pki import Pki
from results import Results

HERE = Path(__file__).parent
TREE = HERE.parents[1]
BUILD = Path(os.environ.get("SESSILE_BUILD", TREE / "build" / "release")).absolute()
PAGE = TREE / "docs" / "interop.md"
# From there on the page is that of the tests in the folder ssh, which are a run of their own.
SSH_PART = "\n# SSH\n"


# The order of the table's rows.
ORDER = ("handshake", "trust", "names", "resumption", "bulk", "ends", "protocol")


def pytest_addoption(parser):
    parser.addoption("--record", action="store_true", help="write docs/interop.md")


def pytest_configure(config):
    config.addinivalue_line("markers", "interop(subject, peer=None): a row of docs/interop.md, and its column")
    config.results = Results()


@pytest.fixture(scope="session")
def bin_folder():
    folder = BUILD / "examples" / "c"
    assert (folder / "tls_server").exists(), f"{folder} holds no example programs: ./run build makes them"
    return folder


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="session")
def go_program(tmp_path_factory):
    """The Go peer, built with what the machine has: no download."""
    assert shutil.which("go"), "go is not installed, and the Go peer needs it"
    program = tmp_path_factory.mktemp("go") / "peer"
    folder = tmp_path_factory.getbasetemp()
    given = {"GOTOOLCHAIN": "local", "GOPROXY": "off", "GOFLAGS": ""}
    if "HOME" not in os.environ and "GOCACHE" not in os.environ:
        given["GOCACHE"] = str(folder / "go-cache")
    done = subprocess.run(["go", "build", "-o", program, "."], cwd=HERE / "go", env={**os.environ, **given},
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program


@pytest.fixture
def children(request, tmp_path):
    group = Children(tmp_path)
    request.node.children = group
    yield group
    group.stop()


@pytest.fixture
def serve(children, bin_folder, pki):
    """Start a Sessile server: serve(pair, *options, service=...). At the end of the test each must end well itself."""
    servers = []

    def start(pair="ecdsa", *options, **named):
        pair = pki.leaves[pair] if isinstance(pair, str) else pair
        servers.append(sessile.Server(children, bin_folder, pair, *options, **named))
        return servers[-1]
    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def ask(children, bin_folder, pki):
    """Start a Sessile client: ask(port, *options, name=..., ca=..., job=...)."""
    def start(port, *options, ca="", **named):
        return sessile.Client(children, bin_folder, port, pki.ca.cert if ca == "" else ca, *options, **named)
    return start


@pytest.fixture(params=CLIENTS)
def client(request):
    """Each peer as a client of a Sessile server."""
    go_program = request.getfixturevalue("go_program") if request.param.startswith("Go") else None
    return client_of(request.param, go_program)


@pytest.fixture(params=SERVERS)
def server(request, children, pki):
    """What starts each peer as a server for a Sessile client: server(pair, **options)."""
    go_program = request.getfixturevalue("go_program") if request.param.startswith("Go") else None
    make = server_of(request.param, go_program)

    def start(pair="ecdsa", **options):
        return make(children, pki, pki.leaves[pair] if isinstance(pair, str) else pair, **options)
    start.name = request.param
    return start


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    children = getattr(item, "children", None)
    if report.failed and children:
        report.sections.append(("programs", children.log()))
        report.sections.extend((path.name, path.read_text(errors="replace")[-6000:])
                               for path in sorted(children.folder.glob("*.log")))
    if report.when == "call" or report.failed:
        item.config.results.add(item, report.passed)


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: ORDER.index(item.path.stem.removeprefix("test_")))


def pytest_collection_finish(session):
    session.config.results.complete = not session.config.option.keyword and not session.config.option.markexpr and \
        not any("::" in word or word.endswith(".py") for word in session.config.args)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    results = session.config.results
    if not results.complete or session.config.option.collectonly or not results.cells:
        return
    page = results.page()
    (BUILD / "interop.md").write_text(page)
    recorded, ssh, rest = (PAGE.read_text() if PAGE.exists() else "").partition(SSH_PART)
    if session.config.option.record:
        PAGE.write_text(page + ssh + rest)
    elif rows_of(recorded) != rows_of(page):
        session.config.results.stale = True
        session.exitstatus = exitstatus or pytest.ExitCode.TESTS_FAILED


def rows_of(page):
    return re.findall(r"^\|.*", page, re.M)


def pytest_terminal_summary(terminalreporter, config):
    if config.results.stale:
        terminalreporter.section("docs/interop.md")
        terminalreporter.line("The page does not show this run's results: look at interop.md in the build folder, and "
                              "run pytest tests/interop --record.")
