# SPDX-License-Identifier: Apache-2.0
"""The commands by their names. Each one's module is imported when it is called for."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click
import rich

from .. import __version__

assert rich

COMMANDS = {
    "tls": ("tls", "Connect to a TLS server, and show who it is."),
    "ssh": ("ssh", "Log in to an SSH server: a command, a shell, forwarding."),
    "cp": ("cp", "Copy files to or from another machine."),
    "sftp": ("sftp", "Files of another machine, by hand or from a batch."),
    "serve": ("serve", "Start a test server for SSH or TLS."),
    "keyscan": ("keyscan", "Collect SSH host keys as known_hosts lines."),
    "keygen": ("keygen", "Make, show and change SSH keys."),
    "bench": ("bench", "Measure TLS and SSH in memory."),
}


class Commands(click.Group):
    """Imports what is called for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f".{COMMANDS[cmd_name][0]}_command", __package__)
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run it. An interrupt is status 130, wherever it comes; the end of the input is not."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            sys.exit(130)
        except click.Abort as error:
            if isinstance(error.__context__, KeyboardInterrupt):
                sys.exit(130)
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """A line for each, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="sessile %(version)s")
def cli() -> None:
    """Secure sessions, TLS and SSH: clients, test servers, keys and figures."""
