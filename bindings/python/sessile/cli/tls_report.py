# SPDX-License-Identifier: Apache-2.0
"""What ``sessile tls`` shows."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from .common import escaped, place
from .x509 import Shown, show

if TYPE_CHECKING:
    from .tls_command import Finding, Wanted

SOON = 30
MOST_NAMES = 12


def _grid() -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    return grid


def _days(shown: Shown, now: datetime) -> Text:
    left = shown.days_left(now)
    if now < shown.not_before:
        return Text("not valid yet", "bold red")
    if now > shown.not_after:
        return Text(f"expired {-left} days ago", "bold red")
    return Text(f"{left} days left", "yellow" if left < SOON else "green")



def _certificate(index: int, der: bytes, now: datetime) -> Group:
    try:
        shown = show(der)
    except ValueError as error:
        return Group(Text.assemble((f"{index}  ", "bold cyan"), (escaped(str(error)), "red")))
    title = Text.assemble((f"{index}  ", "bold cyan"), (escaped(shown.subject), "bold"))
    grid = _grid()
    grid.add_row("issued by", "itself" if shown.issuer == shown.subject else escaped(shown.issuer))
    if shown.names:
        more = f" and {len(shown.names) - MOST_NAMES} more" if len(shown.names) > MOST_NAMES else ""
        grid.add_row("names", escaped(", ".join(shown.names[:MOST_NAMES])) + more)
    grid.add_row("valid", Text.assemble(
        f"{shown.not_before:%Y-%m-%d} to {shown.not_after:%Y-%m-%d}, ", _days(shown, now)))
    grid.add_row("key", f"{shown.key}, signed {shown.signature}")
    grid.add_row("SHA-256", shown.sha256)
    return Group(title, Padding(grid, (0, 0, 0, 3), expand=False))


def _verdict(wanted: Wanted, finding: Finding) -> Text:
    if finding.trusted:
        return Text.assemble(("✓ trusted", "bold green"), f" as {escaped(wanted.servername or wanted.host)}")
    return Text.assemble(("✗ not trusted", "bold red"), f": {escaped(finding.verdict)} ({finding.code})")


def render(console: Console, wanted: Wanted, finding: Finding) -> None:
    """The report for people."""
    console.print()
    console.print(Text.assemble((escaped(place(wanted.host, wanted.port)), "bold"), (f"  {finding.address}", "dim")))
    console.print()
    facts = finding.facts
    grid = _grid()
    grid.add_row("protocol ", Text(facts["protocol"], "cyan"))
    grid.add_row("cipher", facts["cipher"])
    grid.add_row("group", facts["group"] or "-")
    grid.add_row("ALPN", escaped(facts["alpn"]) if facts["alpn"] else Text("none", "dim"))
    grid.add_row("time", f"{finding.connect_seconds * 1000:.0f} ms to connect, "
                         f"{finding.handshake_seconds * 1000:.0f} ms to shake hands")
    grid.add_row("verdict", _verdict(wanted, finding))
    console.print(Padding(grid, (0, 0, 1, 1), expand=False), soft_wrap=False)
    now = datetime.now(timezone.utc)
    for index, der in enumerate(finding.chain):
        console.print(Padding(_certificate(index, der, now), (0, 0, 1, 1), expand=False), soft_wrap=False)


def _certificate_facts(der: bytes, now: datetime) -> dict[str, Any]:
    try:
        shown = show(der)
    except ValueError as error:
        return {"error": str(error)}
    return {
        "subject": shown.subject, "issuer": shown.issuer, "serial": shown.serial, "names": shown.names,
        "not_before": shown.not_before.isoformat(), "not_after": shown.not_after.isoformat(),
        "days_left": shown.days_left(now), "key": shown.key, "signature": shown.signature, "sha256": shown.sha256,
    }


def summary(wanted: Wanted, finding: Finding) -> dict[str, Any]:
    """The same for programs."""
    now = datetime.now(timezone.utc)
    return {
        "host": wanted.host, "port": wanted.port, "address": finding.address, "servername": wanted.servername,
        **finding.facts, "connect_ms": round(finding.connect_seconds * 1000, 1),
        "handshake_ms": round(finding.handshake_seconds * 1000, 1), "trusted": finding.trusted,
        "verify_code": finding.code, "verify_text": finding.verdict,
        "chain": [_certificate_facts(der, now) for der in finding.chain],
    }
