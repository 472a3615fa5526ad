# SPDX-License-Identifier: Apache-2.0
"""The SSH client on asyncio."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, TypeVar

from .. import _sessile
from .._base import Buffer, Text
from ..constants import Item, Notice, QuestionKind, Role
from ..errors import error_for
from ..keys import Key
from ..question import Question
from ..ssh import SSHConfig
from ..stream import Channel
from ..trust import KnownHosts
from .agent import AgentClient
from .agent_forwarding import AGENT_CHANNEL, BoundAgent, agent_path, binding
from .auth import AcceptHostKey, Answers, ClientKey, LockedKey, Passphrase, Password, Prompts, keys_of, known_hosts_of
from .channel import ChannelTransport, Listener, Relay, channel_streams
from .connection import SSHConnection
from .opening import Opening
from .process import Collector, CompletedProcess, Process, ProcessError, Terminal, launch
from .sftp import SFTPClient, SFTPOpening
from .unix import listening_unix
from .wire import listening
from .x11 import X11_CHANNEL, X11_PROTOCOL, Display, LentDisplay

P = TypeVar("P", bound=asyncio.BaseProtocol)
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[Callable[[], Any], str, int], Awaitable[object]]
Forward = Callable[[Callable[[], Relay]], Awaitable[object]]


class SSHClient(SSHConnection):
    """A connection to a server. :func:`connect` makes them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, host: str, port: int, username: str, config: SSHConfig,
                 answers: Answers, keepalive_interval: float, login_timeout: float) -> None:
        super().__init__(loop, keepalive_interval)
        self.host, self.port, self.username = host, port, username
        self.known_as = (host, port)
        self.on_banner: Callable[[str], object] | None = None
        self.tunnel: SSHClient | None = None
        self._config = config
        self._answers = answers
        self._login_timeout = login_timeout
        self.authenticated: asyncio.Future[None] = loop.create_future()
        self._forwards: dict[str, Forward] = {}
        self._agents: dict[ChannelTransport, str] = {}
        self._displays: dict[ChannelTransport, LentDisplay] = {}
        self._asked: deque[tuple[asyncio.Future[Listener], Callable[[str], Listener]]] = deque()
        self.banner = ""

    def _connected(self) -> None:
        self._patience = self._loop.call_later(self._login_timeout, self._too_late)
        name, port = self.known_as
        self.session.ssh_connect(self._config, name, self.username, port)
        self.offer()

    def _too_late(self) -> None:
        self.fail(TimeoutError(f"no login within {self._login_timeout} seconds"))

    def _ready(self) -> None:
        super()._ready()
        if not self.authenticated.done():
            self.authenticated.set_result(None)

    def _rest(self) -> None:
        if not self.authenticated.done():
            self.authenticated.set_exception(self.error or ConnectionResetError("the server closed the connection"))
            self.authenticated.exception()
        while self._asked:
            future, _ = self._asked.popleft()
            if not future.done():
                future.set_exception(self.error or ConnectionResetError("the connection is closed"))
        if self.tunnel is not None:
            self.tunnel.close()

    async def wait_closed(self) -> None:
        """Wait until the connection is over, and the one that it was given to go through."""
        try:
            await super().wait_closed()
        finally:
            if self.tunnel is not None:
                await self.tunnel.wait_closed()

    async def __aenter__(self) -> SSHClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        await self.wait_closed()

    # ---- Commands ----

    async def _session(self, protocol: asyncio.BaseProtocol) -> ChannelTransport:
        transport = ChannelTransport(self._loop, self, self.ssh.open_session(), protocol)
        await transport.opened()
        return transport

    async def run(
        self,
        command: Text,
        *,
        input: Buffer | None = None,
        check: bool = False,
        timeout: float | None = None,
        env: Mapping[str, str] | None = None,
        terminal: Terminal | None = None,
        agent_forwarding: str | bool = False,
        x11_forwarding: str | bool = False,
    ) -> CompletedProcess:
        """Run a command, and return how it ended and what it wrote. ``input``: what it reads; ``check``: raise
        :class:`ProcessError` unless the status is 0; ``timeout``: TimeoutError, and the channel is closed, when it has
        not ended within so many seconds; ``agent_forwarding``, ``x11_forwarding``: as :meth:`create_process`
        has them."""
        work = self._run(command, input, env, terminal, agent_forwarding, x11_forwarding)
        result = await asyncio.wait_for(work, timeout)
        if check and result.exit_status != 0:
            raise ProcessError(result)
        return result

    async def _run(self, command: Text, input: Buffer | None, env: Mapping[str, str] | None,
                   terminal: Terminal | None, agent: str | bool, display: str | bool) -> CompletedProcess:
        collector = Collector()
        transport = await self._session(collector)
        channel = transport.channel
        channel.on_stderr = lambda data: collector.stderr_received(channel, data)
        try:
            await self._lend_agent(transport, agent)
            await self._lend_display(transport, display)
            await launch(transport, command, None, env, terminal)
            transport.write(input or b"")
            transport.write_eof()
            await transport.closed
        except BaseException:
            transport.abort()
            raise
        if transport.error is not None:
            raise transport.error
        return CompletedProcess(
            command, channel.exit_status, channel.exit_signal, b"".join(collector.stdout), b"".join(collector.stderr)
        )

    async def create_process(
        self,
        command: Text | None = None,
        *,
        subsystem: str | None = None,
        env: Mapping[str, str] | None = None,
        terminal: Terminal | None = None,
        agent_forwarding: str | bool = False,
        x11_forwarding: str | bool = False,
    ) -> Process:
        """Start a command, a subsystem, or, with neither, the user's shell; ``terminal``: on a terminal.
        ``agent_forwarding``: let the server's side use the agent of SSH_AUTH_SOCK (True), or of another socket, until
        the process is closed: whoever has power over that machine can log in with its keys meanwhile. OpenSSH's server
        takes this once in a connection, for the processes that run beside the first as well; afterwards it refuses.
        ``x11_forwarding``: let it use the display of DISPLAY (True), or another such as ":0", in the same way: programs
        there can then see and do whatever this user can on that display (what ssh -Y does)."""
        process = Process(self, self.ssh.open_session(), command)
        try:
            await process.transport.opened()
            await self._lend_agent(process.transport, agent_forwarding)
            await self._lend_display(process.transport, x11_forwarding)
            await launch(process.transport, command, subsystem, env, terminal)
        except BaseException:
            process.close()
            raise
        return process

    async def _lend_agent(self, transport: ChannelTransport, agent: str | bool) -> None:
        """Have the server's channels to an agent lead there while this one is open."""
        if not agent:
            return
        path = agent_path(agent)
        if self._agents and path not in self._agents.values():
            raise ValueError("a connection forwards one agent at a time: its channels do not say which one is meant")
        self._agents[transport] = path  # At once: the first channel may come right behind the answer.
        transport.closed.add_done_callback(lambda _: self._agents.pop(transport, None))
        if not await transport.ask(transport.channel.request_agent):
            self._agents.pop(transport, None)
            if not self._agents:
                raise transport.error or error_for(_sessile.ERR_REFUSED, "the server takes no agent")

    async def _lend_display(self, transport: ChannelTransport, name: str | bool) -> None:
        """The same with a display."""
        if not name:
            return
        display, lent = Display.read(name), next(iter(self._displays.values()), None)
        if lent is not None and lent.display != display:
            raise ValueError("a connection forwards one display at a time: its channels do not say which one is meant")
        lent = lent or LentDisplay(display)
        self._displays[transport] = lent
        transport.closed.add_done_callback(lambda _: self._displays.pop(transport, None))
        if not await transport.ask(transport.channel.request_x11, X11_PROTOCOL, lent.shown.hex(), display.screen):
            raise transport.error or error_for(_sessile.ERR_REFUSED, "the server takes no display")

    # ---- Files ----

    def sftp(self, subsystem: str = "sftp", *, command: Text | None = None) -> SFTPOpening:
        """The server's files: ``async with client.sftp() as sftp``, or ``await`` it. ``command``: run this in place of
        a subsystem."""
        return SFTPOpening(lambda: SFTPClient.start(self, subsystem, command))

    # ---- Connections from the server ----

    async def open_connection(self, host: str, port: int) -> Streams:
        """A connection from the server to host and port: a reader and a writer. A :class:`RefusedError` where the
        server does not connect."""
        return await self._streams(self.ssh.open_tcp(host, port), (host, port))

    async def open_unix_connection(self, path: str) -> Streams:
        """A connection to a Unix socket of the server's."""
        return await self._streams(self.ssh.open_unix(path), path)

    async def _streams(self, channel: Channel, peer: object) -> Streams:
        transport, reader, writer = channel_streams(self._loop, self, channel, {"peername": peer})
        await transport.opened()
        return reader, writer

    async def create_connection(
        self, protocol_factory: Callable[[], P], host: str, port: int
    ) -> tuple[ChannelTransport, P]:
        """The same with a protocol of the caller's, such as that of another session."""
        protocol = protocol_factory()
        channel = self.ssh.open_tcp(host, port)
        transport = ChannelTransport(self._loop, self, channel, asyncio.Protocol(), {"peername": (host, port)})
        transport.expect(protocol)
        await transport.opened()
        return transport, protocol

    # ---- Forwarding ----

    async def forward_local(self, listen_host: str, listen_port: int, host: str, port: int) -> Listener:
        """Listen here, and have the server connect to host and port for each connection."""

        def joined(near: Relay) -> None:
            self._join(near, lambda: self.ssh.open_tcp(host, port, *_origin(near)))

        server = await listening(self._loop.create_server, lambda: Relay(joined), listen_host, listen_port)
        return Listener(listen_host, server.sockets[0].getsockname()[1], server.close)

    async def forward_local_unix(self, listen_path: str, path: str) -> Listener:
        """The same from a Unix socket here to one of the server's."""

        def joined(near: Relay) -> None:
            self._join(near, lambda: self.ssh.open_unix(path))

        server = await listening_unix(self._loop, lambda: Relay(joined), listen_path)
        return Listener(listen_path, 0, server.close)

    def _join(self, near: Relay, open_channel: Callable[[], Channel]) -> None:
        self.spawn(self.join_relay(near, open_channel))

    async def forward_remote(self, listen_host: str, listen_port: int, host: str, port: int) -> Listener:
        """Have the server listen, and connect to host and port here for each connection. ``listen_port`` 0: one of the
        server's choice, the listener's ``port``."""

        def keep(told: str) -> Listener:
            bound = int(told.rpartition(" ")[2])
            place = _place(listen_host, bound)
            self._forwards[place] = lambda factory: self._loop.create_connection(factory, host, port)
            return Listener(listen_host, bound, lambda: self._cancel(
                place, lambda: self.ssh.cancel_tcp(listen_host, bound)))

        return await self._ask_forward(lambda: self.ssh.forward_tcp(listen_host, listen_port), keep)

    async def forward_remote_unix(self, listen_path: str, path: str) -> Listener:
        """The same from a Unix socket of the server's to one here."""

        def keep(_: str) -> Listener:
            self._forwards[listen_path] = lambda factory: self._loop.create_unix_connection(factory, path)
            return Listener(listen_path, 0, lambda: self._cancel(
                listen_path, lambda: self.ssh.cancel_unix(listen_path)))

        return await self._ask_forward(lambda: self.ssh.forward_unix(listen_path), keep)

    async def _ask_forward(self, ask: Callable[[], None], keep: Callable[[str], Listener]) -> Listener:
        """Ask, and have ``keep`` called with where the server listens: at once, since the first connection may come
        right behind the answer."""
        ask()
        future: asyncio.Future[Listener] = self._loop.create_future()
        self._asked.append((future, keep))
        try:
            return await future
        except asyncio.CancelledError:
            if not future.cancelled() and future.exception() is None:
                future.result().close()
            raise

    def _cancel(self, place: str, cancel: Callable[[], None]) -> None:
        if self._forwards.pop(place, None) is not None and not self.session.over:
            cancel()

    # ---- From the session ----

    def _notice(self, notice: Notice, data: bytes) -> None:
        super()._notice(notice, data)
        if notice is Notice.SSH_BANNER:
            text = data.decode("utf-8", "replace")
            self.banner += text
            if self.on_banner is not None:
                self.guard(self.on_banner, text)
        elif notice in (Notice.SSH_FORWARDED, Notice.SSH_FORWARD_REFUSED) and self._asked:
            self._forward_answered(*self._asked.popleft(), notice is Notice.SSH_FORWARDED,
                                   data.decode("utf-8", "surrogateescape"))

    def _forward_answered(self, future: asyncio.Future[Listener], keep: Callable[[str], Listener], yes: bool,
                          where: str) -> None:
        listener = keep(where) if yes else None
        if future.done():
            # Whoever asked has been cancelled meanwhile.
            if listener is not None:
                listener.close()
        elif listener is not None:
            future.set_result(listener)
        else:
            future.set_exception(error_for(_sessile.ERR_REFUSED, f"the server does not listen: {where}"))

    def _question(self, question: Question) -> None:
        if question.kind is not QuestionKind.SSH_CHANNEL:
            self._answers.question(self, question)
            return
        if question.type in (AGENT_CHANNEL, X11_CHANNEL):
            self._lent_channel(question)
            return
        place = question.text(Item.PATH) or _place(question.host, question.port)
        forward = self._forwards.get(place)
        if forward is None:
            question.refuse()
        else:
            self.spawn(self.join_channel(question, forward))


    def _lent_channel(self, question: Question) -> None:
        path, lent = next(iter(self._agents.values()), None), next(iter(self._displays.values()), None)
        if question.type == X11_CHANNEL and lent is not None:
            self.spawn(self.join_channel(question, lent.display.connect, far_side=lent.relay))
        elif question.type == AGENT_CHANNEL and path is not None:
            request, connect = binding(self.ssh), self._loop.create_unix_connection
            self.spawn(self.join_channel(question, lambda factory: connect(factory, path),
                                         near_side=lambda: BoundAgent(request)))
        else:
            question.refuse()


def _place(host: str, port: int) -> str:
    return f"{host} {port}"


def _origin(near: Relay) -> tuple[str, int]:
    peer: tuple[str, int] | str | None = near.transport.get_extra_info("peername")
    return (peer[0], peer[1]) if isinstance(peer, tuple) else ("127.0.0.1", 0)


class Connecting(Opening[SSHClient]):
    """``async with connect(...) as connection`` closes it at the end; ``await connect(...)`` leaves that to the
    caller."""


def connect(
    host: str,
    port: int = 22,
    *,
    username: str | None = None,
    known_hosts: KnownHosts | str | os.PathLike[str] | None = None,
    accept_host_key: AcceptHostKey | None = None,
    client_keys: Iterable[ClientKey] = (),
    passphrase: Passphrase = None,
    password: Password | None = None,
    prompts: Prompts | None = None,
    attempts: int = 1,
    agent: str | bool = False,
    identities_only: bool = False,
    host_key_alias: str | None = None,
    on_banner: Callable[[str], object] | None = None,
    tunnel: SSHClient | Connecting | None = None,
    over: Connect | None = None,
    config: SSHConfig | None = None,
    connect_timeout: float | None = None,
    login_timeout: float = 120.0,
    keepalive_interval: float = 0,
    **options: Any,
) -> Connecting:
    """Connect to an SSH server, and log in.

    ``known_hosts``: the hosts that are known, or a file of them; None: none is. An unknown host is refused, unless
    ``accept_host_key(host, port, key)`` says yes. ``host_key_alias``: the name that it is known by, in place of host
    and port. ``client_keys``: keys, or files; ``passphrase``: of those that are encrypted, or what tells it by the
    file's path, when a server would take the key; ``password``: it, or what returns it; ``prompts(name, instruction,
    prompts)``: answers of keyboard-interactive. These four may be coroutines. ``attempts``: how often each of them is
    asked. ``on_banner``: called with what the server says before the login, which must be escaped before it reaches a
    terminal. ``agent``: True for the agent of SSH_AUTH_SOCK, or a socket's path, which has to answer within
    ``connect_timeout``, or ``login_timeout`` where there is none; ``identities_only``: of its keys only
    those that are among ``client_keys``. ``tunnel``: the connection to a jump host, to be connected through, or a
    ``connect(...)`` that has not begun, and that will end with this one. ``over(protocol_factory, host, port)``:
    another way to connect, a coroutine like the event loop's create_connection, on a transport of whatever kind.
    ``config``: what else is to be set, used up by this. Timeouts and intervals are in seconds. What is not named here
    goes on to the event loop's create_connection.

    :mod:`sessile.openssh` has these arguments as OpenSSH's files say."""

    async def begin() -> SSHClient:
        patience = connect_timeout or login_timeout
        helper = await AgentClient.connect(None if agent is True else agent, patience) if agent else None
        jump: SSHClient | None = None
        try:
            answers = Answers(accept_host_key, password, prompts, helper, passphrase, attempts)
            made = await _make_config(config, known_hosts, keys_of(client_keys, passphrase), answers, helper,
                                      identities_only)
            client = SSHClient(asyncio.get_running_loop(), host, port, username or getpass.getuser(), made, answers,
                               keepalive_interval, login_timeout)
            client.on_banner = on_banner
            if host_key_alias:
                client.known_as = (host_key_alias, 22)
            jump = await tunnel if isinstance(tunnel, Connecting) else None
            through = jump or tunnel
            create = through.create_connection if isinstance(through, SSHClient) else over
            await _log_in(client, create, connect_timeout, options)
            client.tunnel = jump
            return client
        except BaseException:
            if jump is not None:
                jump.abort()
                await jump.wait_closed()
            raise
        finally:
            if helper is not None:
                helper.close()

    return Connecting(begin)


async def _make_config(config: SSHConfig | None, known_hosts: KnownHosts | str | os.PathLike[str] | None,
                       keys: Iterable[Key | LockedKey], answers: Answers, helper: AgentClient | None,
                       identities_only: bool) -> SSHConfig:
    config = config or SSHConfig(Role.CLIENT)
    config.set_known_hosts(known_hosts_of(known_hosts))
    held = [listed.key for listed in await helper.keys() if listed.key is not None] if helper is not None else []
    offered: set[bytes] = set()
    wanted: set[Key] = set()
    for key in keys:
        public = key if isinstance(key, Key) else key.public
        wanted.add(public)
        if isinstance(key, LockedKey) and public not in held:
            answers.locked[public] = key
        _offer(config, public, offered)
    for public in held:
        if not identities_only or public in wanted:
            _offer(config, public, offered)
    return config


def _offer(config: SSHConfig, key: Key, offered: set[bytes]) -> None:
    """Add a key that is not there yet."""
    blob = key.blob()
    if blob not in offered:
        offered.add(blob)
        config.add_user_key(key)


async def _log_in(client: SSHClient, over: Connect | None, timeout: float | None, options: Any) -> None:
    create: Any = over or asyncio.get_running_loop().create_connection
    try:
        await asyncio.wait_for(create(lambda: client, client.host, client.port, **options), timeout)
        await client.authenticated
    except BaseException:
        client.authenticated.cancel()
        client.abort()
        raise
