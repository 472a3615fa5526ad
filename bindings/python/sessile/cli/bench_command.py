# SPDX-License-Identifier: Apache-2.0
"""``sessile bench``: what TLS and SSH do in memory, both ends on one core, through this module."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial

import click
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from .. import __version__
from ..constants import QuestionKind
from ..keys import Key
from ..question import Question
from ..session import Session, pair
from ..ssh import Algorithms, SSHConfig
from ..stream import Stream
from ..tls import TLSConfig, TLSVersion
from ..trust import KnownHosts
from .common import CONTEXT, bars, out
from .selfsigned import self_signed

SIZES = (256, 4096, 16384, 65536)
CIPHERS = ("aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr")
NAME = "bench.test"
TICK = 0.1
ADMITTED = (QuestionKind.SSH_USER, QuestionKind.SSH_CHANNEL, QuestionKind.SSH_REQUEST)


@dataclass(frozen=True)
class Figure:
    """One measurement: ``per_second`` handshakes, or bytes in one direction."""

    protocol: str
    what: str
    unit: str
    per_second: float


@dataclass(frozen=True)
class Task:
    """What is measured: ``prepare()`` returns what is repeated, and how much one time counts for."""

    protocol: str
    what: str
    unit: str
    prepare: Callable[[], tuple[Callable[[], object], int]]


# ---- Sessions ----


class Suite:
    """Configurations and keys, made once."""

    def __init__(self) -> None:
        certificate, key = self_signed([NAME], 1)
        self.tls_server = TLSConfig.server(certificate, key).check()
        self._trust = certificate
        self.host_key, self.user_key = Key.generate(), Key.generate()
        self.known = KnownHosts(KnownHosts.line(NAME, 22, self.host_key))

    def tls(self, version: TLSVersion = TLSVersion.TLS_1_3) -> Callable[[], tuple[Stream, Stream]]:
        """What shakes hands, and returns both ends' streams."""
        client = TLSConfig.client(trust=self._trust).set_versions(version, version).check()

        def connect() -> tuple[Stream, Stream]:
            one, other = pair()
            far = other.tls_accept(self.tls_server)
            near = one.tls_connect(client, NAME)
            _assert_open(one)
            return near, far

        return connect

    def ssh(self, cipher: str) -> Callable[[], tuple[Session, Session]]:
        """What shakes hands and logs in by a key, and returns both sessions."""
        client = SSHConfig.client(known_hosts=self.known, keys=[self.user_key])
        client.set_algorithms(Algorithms.CIPHERS, cipher)
        if "ctr" in cipher:
            client.set_algorithms(Algorithms.MACS, "hmac-sha2-256-etm@openssh.com")
        client.check()
        server = SSHConfig.server([self.host_key]).check()

        def connect() -> tuple[Session, Session]:
            one, other = pair()
            other.on_question = _admit
            other.ssh_accept(server)
            one.ssh_connect(client, NAME, "bench")
            _assert_open(one)
            return one, other

        return connect


def _admit(question: Question) -> None:
    question.accept() if question.kind in ADMITTED else question.refuse()


def _assert_open(session: Session) -> None:
    if session.over:
        raise session.error or RuntimeError("the session has ended")


def _tls_bulk(suite: Suite, size: int) -> tuple[Callable[[], object], int]:
    near, far = suite.tls()()
    far.on_data = near.on_data = _drop
    return _writer(near, size, keep=far), size


def _ssh_bulk(suite: Suite, cipher: str, size: int) -> tuple[Callable[[], object], int]:
    one, other = suite.ssh(cipher)()
    other.on_stream = lambda stream: setattr(stream, "on_data", _drop)
    channel = one.ssh.open_session()
    channel.on_data = _drop
    channel.request_shell()
    return _writer(channel, size, keep=other), size


def _drop(data: bytes) -> None:
    pass


def _writer(stream: Stream, size: int, keep: object) -> Callable[[], object]:
    """Writes so much. ``keep``: the other end, which lives as long."""
    data = bytes(size)

    def write(_other_end: object = keep) -> None:
        taken = stream.write(data)
        while taken < size:
            more = stream.write(memoryview(data)[taken:])
            if not more:
                raise RuntimeError("the stream takes no more")
            taken += more

    return write


def _handshake(connect: Callable[[], object]) -> tuple[Callable[[], object], int]:
    return connect, 1


def tasks(protocols: tuple[str, ...]) -> list[Task]:
    """All that is measured."""
    suite = Suite()
    found: list[Task] = []
    if "tls" in protocols:
        for version, name in ((TLSVersion.TLS_1_3, "1.3"), (TLSVersion.TLS_1_2, "1.2")):
            found.append(Task("TLS", f"handshakes, {name}", "handshakes", partial(_handshake, suite.tls(version))))
        found += [Task("TLS", f"writes of {_size(size)}", "bytes", partial(_tls_bulk, suite, size))
                  for size in SIZES]
    if "ssh" in protocols:
        found.append(Task("SSH", "handshakes with login", "handshakes", partial(_handshake, suite.ssh(CIPHERS[0]))))
        found += [Task("SSH", f"{cipher.partition('@')[0]}, writes of {_size(SIZES[-1])}", "bytes",
                       partial(_ssh_bulk, suite, cipher, SIZES[-1])) for cipher in CIPHERS]
    return found


def _size(size: int) -> str:
    return f"{size // 1024} KiB" if size >= 1024 else f"{size} B"


def measure(task: Task, seconds: float, tick: Callable[[float], object]) -> Figure:
    """Repeat for so many seconds. ``tick(fraction)``: called now and then."""
    work, weight = task.prepare()
    work()
    count, began = 0, time.perf_counter()
    shown = now = began
    while now - began < seconds:
        work()
        count += 1
        now = time.perf_counter()
        if now - shown > TICK:
            shown = now
            tick(min(1.0, (now - began) / seconds))
    tick(1.0)
    return Figure(task.protocol, task.what, task.unit, count * weight / (now - began))


def _value(figure: Figure) -> str:
    if figure.unit == "bytes":
        return f"{figure.per_second / 1e6:,.0f} MB/s"
    return f"{figure.per_second:,.0f} /s"


def _render(figures: list[Figure]) -> None:
    most = {unit: max((figure.per_second for figure in figures if figure.unit == unit), default=1)
            for unit in ("bytes", "handshakes")}
    table = Table(title="Both ends in memory, on one core", title_justify="left", title_style="bold", box=None,
                  padding=(0, 2, 0, 0))
    table.add_column("")
    table.add_column("")
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    before = ""
    for figure in figures:
        if before and figure.protocol != before:
            table.add_row()
        share = figure.per_second / most[figure.unit]
        table.add_row(Text(figure.protocol if figure.protocol != before else "", "bold"), figure.what,
                      _value(figure), Text("━" * max(1, round(24 * share)), "cyan"))
        before = figure.protocol
    out.print()
    out.print(table, soft_wrap=False)


def _run(todo: list[Task], seconds: float) -> list[Figure]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    figures: list[Figure] = []
    with Progress(*columns, console=bars, transient=True) as progress:
        bar = progress.add_task("", total=len(todo))
        for index, task in enumerate(todo):
            progress.update(bar, description=f"{task.protocol} {task.what}")
            figures.append(measure(task, seconds, lambda part: progress.update(bar, completed=index + part)))
    return figures


@click.command("bench", context_settings=CONTEXT, short_help="Measure TLS and SSH in memory.")
@click.argument("protocols", metavar="[tls] [ssh]", nargs=-1, type=click.Choice(["tls", "ssh"]))
@click.option("--seconds", type=click.FloatRange(min=0.01), default=1.0, show_default=True,
              help="How long each measurement takes.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(protocols: tuple[str, ...], seconds: float, as_json: bool) -> None:
    """Measure handshakes and throughput in memory: one process, one core, both ends of a session, no network."""
    figures = _run(tasks(protocols or ("tls", "ssh")), seconds)
    if as_json:
        said = {"version": __version__, "seconds": seconds, "cpus": os.cpu_count(),
                "figures": [asdict(figure) for figure in figures]}
        sys.stdout.write(json.dumps(said, indent=2) + "\n")
    else:
        _render(figures)


