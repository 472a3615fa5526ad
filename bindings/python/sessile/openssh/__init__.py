# SPDX-License-Identifier: Apache-2.0
"""OpenSSH's defaults, read on request: ~/.ssh/config and /etc/ssh/ssh_config, known hosts, the user's keys, the agent.

    async with sessile.asyncio.connect(**sessile.openssh.load("example").connect_arguments()) as connection:
        ...

The rest of the package opens no such file."""

from .host import HostConfig, supported
from .load import load, parse_jump
from .text import ConfigError

__all__ = ["ConfigError", "HostConfig", "load", "parse_jump", "supported"]
