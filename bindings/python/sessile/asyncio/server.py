# SPDX-License-Identifier: Apache-2.0
"""The SSH server on asyncio: a handler for each connection decides, in coroutines, who gets in and what is forwarded,
and a process factory runs what is asked for. What nobody decides is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

from .. import _sessile
from ..constants import ChannelEvent, Item, QuestionKind, Role
from ..errors import ClosedError, Error, GoneError, error_for
from ..keys import Key
from ..question import Question
from ..ssh import SSHConfig
from ..stream import Channel
from .agent_forwarding import AGENT_REQUEST, AgentSocket
from .channel import ChannelTransport, Relay, StderrWriter
from .connection import SSHConnection, answer
from .endpoints import LIMIT, StreamProtocol
from .sftp_server import SFTPService
from .unix import UnixListener, listening_unix
from .wire import listening
from .x11 import X11_REQUEST, DisplaySocket, X11Offer


@dataclass(frozen=True)
class Ask:
    """Prompts for keyboard-interactive: each with whether what is typed may be seen."""

    prompts: list[tuple[str, bool]]
    name: str = ""
    instruction: str = ""


class SSHServerHandler:
    """What a server decides about one connection, ``self.connection``. Override what is to be allowed; each method may
    take its time. A key is asked about twice, the second time when its signature is good."""

    connection: SSHServerConnection

    async def none(self, user: str) -> bool:
        """Whether a user gets in without anything."""
        return False

    async def password(self, user: str, password: str) -> bool:
        """Whether a password is right."""
        return False

    async def change_password(self, user: str, password: str, new: str) -> bool:
        """Whether the old password was right and the new one is the user's from now on (RFC 4252, section 8)."""
        return False

    async def public_key(self, user: str, key: Key) -> bool:
        """Whether a key lets a user in. Of a certificate, its authority and its principals are for this to check
        (:class:`AuthorizedKeys`)."""
        return False

    async def keyboard_interactive(self, user: str, responses: list[str] | None) -> Ask | bool:
        """What to ask, first with None and then with the answers; True or False end it."""
        return False

    async def open_tcp(self, host: str, port: int, origin: tuple[str, int]) -> bool:
        """Whether the client may connect there through this server."""
        return False

    async def open_unix(self, path: str) -> bool:
        """The same with a Unix socket."""
        return False

    async def listen_tcp(self, host: str, port: int) -> bool:
        """Whether the client may have this server listen there."""
        return False

    async def listen_unix(self, path: str) -> bool:
        """The same with a Unix socket."""
        return False

    async def terminal(self, term: str, columns: int, rows: int) -> bool:
        """Whether a process may have a terminal."""
        return True

    async def agent(self) -> bool:
        """Whether the client's agent may be used from here: :meth:`ServerProcess.agent_socket`."""
        return False

    async def x11(self, offer: X11Offer) -> bool:
        """Whether the client's display may be used from here: :meth:`ServerProcess.x11_display`."""
        return False

    async def variable(self, name: str, value: str) -> bool:
        """Whether the client may set an environment variable."""
        return False

    def connected(self) -> None:
        """A user is in."""

    def disconnected(self, error: Exception | None) -> None:
        """The connection is over."""


class ServerProcess:
    """What a client asked to run: ``command`` (None for a shell), or ``subsystem``. ``stdin`` is a StreamReader,
    ``stdout`` a StreamWriter, ``stderr`` has ``write`` and ``drain``. ``term``: the terminal's type, "" for none.
    ``has_agent``: whether the client lets its agent be used, and the handler too; ``x11``: what the client has said
    where that is so with its display, else None.
    ``on_signal(name)`` and ``on_resize(columns, rows)`` may be set. ``turns``: requests are decided one after the
    other."""

    def __init__(self, connection: SSHServerConnection, channel: Channel) -> None:
        loop = asyncio.get_running_loop()
        self.connection, self.channel = connection, channel
        self.command: bytes | None = None
        self.subsystem: str | None = None
        self.env: dict[str, str] = {}
        self.term = ""
        self.has_agent = False
        self._agent: AgentSocket | None = None
        self.x11: X11Offer | None = None
        self._display: DisplaySocket | None = None
        self.on_signal: Callable[[str], object] | None = None
        self.on_resize: Callable[[int, int], object] | None = None
        self.started = False
        self.turns = asyncio.Lock()
        self.stdin = asyncio.StreamReader(LIMIT, loop)
        protocol = StreamProtocol(self.stdin, loop=loop)
        self._transport = ProcessTransport(loop, connection, channel, protocol)
        self._transport.start()
        self.stderr = self._transport.stderr = StderrWriter(self._transport)
        self._transport.also_flush = self._transport.flush_both
        self.stdout = asyncio.StreamWriter(self._transport, protocol, self.stdin, loop)
        channel.on_event = self._event

    @property
    def user(self) -> str:
        """Who is logged in."""
        return self.connection.ssh.user

    @property
    def size(self) -> tuple[int, int]:
        """The terminal's columns and rows."""
        return self.channel.terminal[:2]

    async def agent_socket(self) -> str:
        """The path of a Unix socket, for SSH_AUTH_SOCK, that leads to the client's agent until the channel is closed.
        :class:`RefusedError` where there is none to be used."""
        if not self.has_agent:
            raise error_for(_sessile.ERR_REFUSED, "the client's agent is not to be used")
        if self._agent is None:
            connection = self.connection
            made = await AgentSocket.listen(
                asyncio.get_running_loop(),
                lambda near: connection.spawn(connection.join_relay(near, connection.ssh.open_agent)),
            )
            self.on_closed(made.close)
            self._agent = self._agent or made
        return self._agent.path

    async def x11_display(self) -> str:
        """The name of a display, for DISPLAY, that leads to the client's until the channel is closed; a program shows
        the cookie of :attr:`x11` there, which is for xauth(1) to tell. :class:`RefusedError` where there is none."""
        if self.x11 is None:
            raise error_for(_sessile.ERR_REFUSED, "the client's display is not to be used")
        if self._display is None:
            connection = self.connection

            def joined(near: Relay) -> None:
                origin = near.transport.get_extra_info("peername")
                connection.spawn(connection.join_relay(near, lambda: connection.ssh.open_x11(*origin[:2])))

            made = await DisplaySocket.listen(joined, self.x11.screen)
            self.on_closed(made.close)
            self._display = self._display or made
        return self._display.name

    def exit(self, status: int = 0) -> None:
        """End it: what was written goes out, then the status."""
        self._transport.finish(lambda: self.channel.send_exit_status(status))

    def exit_signal(self, name: str, message: str = "", core_dumped: bool = False) -> None:
        """End it as if by a signal, named without SIG."""
        self._transport.finish(lambda: self.channel.send_exit_signal(name, core_dumped, message))

    async def wait_closed(self) -> None:
        """Wait until the channel is closed."""
        await asyncio.shield(self._transport.closed)

    def on_closed(self, call: Callable[[], object]) -> None:
        """Have something called when the channel is closed."""
        self._transport.closed.add_done_callback(lambda _: call())

    def gone(self, error: Error | None) -> None:
        """What has taken its channel over says that this is closed."""
        self._transport._channel_closed(error)

    def _event(self, event: ChannelEvent) -> None:
        if event is ChannelEvent.SIGNAL and self.on_signal is not None:
            self.connection.guard(self.on_signal, self.channel.signal)
        elif event is ChannelEvent.WINDOW_CHANGE and self.on_resize is not None:
            self.connection.guard(self.on_resize, *self.size)


class ProcessTransport(ChannelTransport):
    """The transport of a server's process: at the end it waits for both flows, and tells how the process ended."""

    stderr: StderrWriter | None = None
    _last_word: Callable[[], object] | None = None
    _shutting = False

    def finish(self, last_word: Callable[[], object]) -> None:
        """Close, with a last word before the end."""
        if self._last_word is None:
            self._last_word = last_word
            self.close()

    def flush_both(self) -> None:
        """The channel takes more: the second flow's turn, and the end's where it waits for that."""
        if self.stderr is not None:
            self.stderr.flush()
        if self._shutting:
            self._go_on()

    def _shut(self) -> None:
        self._shutting = True
        if self.stderr is not None and not self.stderr.empty:
            return
        try:
            if self._last_word is not None:
                self._last_word()
        except (ClosedError, GoneError):
            pass
        super()._shut()


ProcessFactory = Callable[[ServerProcess], Awaitable[int | None]]
SFTPFactory = Callable[["SSHServerConnection"], "SFTPService | None"]
HandlerFactory = Callable[[], SSHServerHandler]


class SSHServerConnection(SSHConnection):
    """A connection of a client's."""

    def __init__(self, loop: asyncio.AbstractEventLoop, config: SSHConfig, handler: SSHServerHandler,
                 process_factory: ProcessFactory | None, login_timeout: float, keepalive_interval: float,
                 of: Connections, sftp_factory: SFTPFactory | None = None) -> None:
        super().__init__(loop, keepalive_interval)
        self._config = config
        self._handler = handler
        handler.connection = self
        self._process_factory = process_factory
        self._sftp_factory = sftp_factory
        self._served: list[list[object]] = []
        self._login_timeout = login_timeout
        self._processes: dict[Channel, ServerProcess] = {}
        self._listeners: dict[tuple[str, int] | str, asyncio.AbstractServer | UnixListener] = {}
        self._of = of

    def _connected(self) -> None:
        if self._of.closed:
            self.abort()
            return
        self._of.add(self)
        self._patience = self._loop.call_later(self._login_timeout, self._too_late)
        peer: tuple[str, int] | str | None = self.below.get_extra_info("peername")
        address: str | None = peer[0] if isinstance(peer, tuple) else None
        self.session.ssh_accept(self._config, peer_address=address)
        self.offer()

    def _too_late(self) -> None:
        self.fail(TimeoutError(f"no login within {self._login_timeout} seconds"))

    def _ready(self) -> None:
        super()._ready()
        self.guard(self._handler.connected)

    def _rest(self) -> None:
        self._of.discard(self)
        for listener in self._listeners.values():
            listener.close()
        self._listeners.clear()
        try:
            self._handler.disconnected(self.error)
        except Exception as error:
            self._loop.call_exception_handler({"message": "disconnected() raised", "exception": error})

    # ---- Questions ----

    def _question(self, question: Question) -> None:
        kind = question.kind
        if kind in (QuestionKind.SSH_USER, QuestionKind.SSH_RESPONSES):
            self._decide(question, self._user)
        elif kind is QuestionKind.SSH_CHANNEL:
            self._channel(question)
        elif kind is QuestionKind.SSH_REQUEST:
            self._decide(question, self._request)
        elif kind is QuestionKind.SSH_FORWARD:
            self._decide(question, self._forward)
        else:
            question.refuse()

    def _decide(self, question: Question, work: Callable[[Question], Coroutine[Any, Any, None]]) -> None:
        """Have a task answer. What it raises is a no, and is told."""

        async def decide() -> None:
            try:
                await work(question)
            except BaseException:
                answer(question, False)
                raise

        self.spawn(decide())

    async def _user(self, question: Question) -> None:
        handler, user, method = self._handler, question.user, question.method
        if question.kind is QuestionKind.SSH_RESPONSES:
            self._interact(question, await handler.keyboard_interactive(user, question.responses))
        elif method == "keyboard-interactive":
            self._interact(question, await handler.keyboard_interactive(user, None))
        elif method == "password":
            if question.get(Item.NEW_PASSWORD) is None:
                answer(question, await handler.password(user, question.password))
            else:
                answer(question, await handler.change_password(user, question.password,
                                                              question.text(Item.NEW_PASSWORD)))
        elif method == "publickey" and (key := question.key) is not None:
            answer(question, await handler.public_key(user, key))
        else:
            answer(question, method == "none" and await handler.none(user))

    def _interact(self, question: Question, verdict: Ask | bool) -> None:
        if isinstance(verdict, bool):
            answer(question, verdict)
            return
        question.put(Item.NAME, verdict.name)
        question.put(Item.INSTRUCTION, verdict.instruction)
        for text, echo in verdict.prompts:
            question.put(Item.PROMPT, text)
            question.put(Item.ECHO, "1" if echo else "0")
        answer(question, True)

    # ---- Channels ----

    def _channel(self, question: Question) -> None:
        kind = question.type
        if kind == "session" and (self._process_factory is not None or self._sftp_factory is not None):
            self.take_channel(question, self._new_process)
        elif kind in ("direct-tcpip", "direct-streamlocal@openssh.com"):
            self._decide(question, self._open)
        else:
            question.refuse()

    def _new_process(self, channel: Channel) -> None:
        process = self._processes[channel] = ServerProcess(self, channel)
        process.on_closed(lambda: self._processes.pop(channel, None))

    async def _open(self, question: Question) -> None:
        loop, path = self._loop, question.text(Item.PATH)
        if path:
            allowed = await self._handler.open_unix(path)
        else:
            origin = (question.text(Item.ORIGIN), question.number(Item.ORIGIN_PORT))
            allowed = await self._handler.open_tcp(question.host, question.port, origin)
        if not allowed:
            answer(question, False)
        elif path:
            await self.join_channel(question, lambda factory: loop.create_unix_connection(factory, path))
        else:
            host, port = question.host, question.port
            await self.join_channel(question, lambda factory: loop.create_connection(factory, host, port))

    async def _request(self, question: Question) -> None:
        channel = question.stream
        process = None if channel is None else self._processes.get(channel)
        if process is None:
            answer(question, False)
            return
        # A command waits for what is decided about its terminal and its variables.
        async with process.turns:
            await self._process_request(process, question)

    async def _process_request(self, process: ServerProcess, question: Question) -> None:
        if question.type == "pty-req":
            term = question.text(Item.TERM)
            allowed = await self._handler.terminal(
                term, question.number(Item.COLUMNS), question.number(Item.ROWS))
            process.term = term if allowed else ""
            answer(question, allowed)
        elif question.type == "env":
            name, value = question.text(Item.NAME), question.text(Item.VALUE)
            if allowed := await self._handler.variable(name, value):
                process.env[name] = value
            answer(question, allowed)
        elif question.type == AGENT_REQUEST:
            allowed = await self._handler.agent()
            process.has_agent = process.has_agent or allowed
            answer(question, allowed)
        elif question.type == X11_REQUEST:
            offer = X11Offer(question.text(Item.PROTOCOL), question.text(Item.COOKIE), question.number(Item.SCREEN),
                             question.get(Item.SINGLE) == b"1")
            allowed = await self._handler.x11(offer)
            process.x11 = offer if allowed else process.x11
            answer(question, allowed)
        elif question.type in ("shell", "exec", "subsystem") and not process.started:
            self._launch(process, question)
        else:
            answer(question, False)

    def _launch(self, process: ServerProcess, question: Question) -> None:
        process.started = True
        if self._sftp_factory is not None and question.type == "subsystem" and question.text(Item.NAME) == "sftp":
            self._serve_files(process, question, self._sftp_factory)
            return
        process.command = question.command if question.type == "exec" else None
        process.subsystem = question.text(Item.NAME) if question.type == "subsystem" else None
        if self._process_factory is None:
            answer(question, False)
            return
        answer(question, True)
        task = self.spawn(self._run(process))
        process.on_closed(task.cancel)

    def _serve_files(self, process: ServerProcess, question: Question, factory: SFTPFactory) -> None:
        """Files in place of a process. They take the channel over before the client hears that they may."""

        def over(error: Error | None) -> None:
            try:
                process.channel.send_exit_status(0 if error is None else 1)
            except Error:
                pass
            held.clear()
            process.gone(error)

        held: list[object] = []
        service = factory(self)
        if service is None:
            answer(question, False)
            return
        held.append(service.serve(self, process.channel, over))
        self._served.append(held)
        process.on_closed(lambda: self._served.remove(held))
        answer(question, True)

    async def _run(self, process: ServerProcess) -> None:
        assert self._process_factory is not None
        # The answer goes out when the question's callback returns, and a task may be an eager one.
        await asyncio.sleep(0)
        try:
            status = await self._process_factory(process)
        except asyncio.CancelledError:
            raise
        except Exception:
            process.exit(1)
            raise
        process.exit(status or 0)

    # ---- Remote forwarding ----

    async def _forward(self, question: Question) -> None:
        path = question.text(Item.PATH)
        place: tuple[str, int] | str = path or (question.host, question.port)
        if question.type.startswith("cancel-"):
            listener = self._listeners.pop(place, None)
            if listener is not None:
                listener.close()
            answer(question, listener is not None)
        elif path:
            await self._listen_unix(question, path)
        else:
            await self._listen_tcp(question, question.host, question.port)

    async def _listen_tcp(self, question: Question, host: str, port: int) -> None:
        if not await self._handler.listen_tcp(host, port):
            answer(question, False)
            return
        bound = port

        def joined(near: Relay) -> None:
            peer = near.transport.get_extra_info("peername")
            self._join(near, lambda: self.ssh.open_forwarded_tcp(host, bound, peer[0], peer[1]))

        address = {"": None, "localhost": "127.0.0.1"}.get(host, host)
        try:
            server = await listening(self._loop.create_server, lambda: Relay(joined), address, port)
        except OSError:
            answer(question, False)
            return
        bound = server.sockets[0].getsockname()[1]
        self._keep(question, (host, bound), server, port=str(bound))

    async def _listen_unix(self, question: Question, path: str) -> None:
        if not await self._handler.listen_unix(path):
            answer(question, False)
            return

        def joined(near: Relay) -> None:
            self._join(near, lambda: self.ssh.open_forwarded_unix(path))

        try:
            server = await listening_unix(self._loop, lambda: Relay(joined), path)
        except OSError:
            answer(question, False)
            return
        self._keep(question, path, server)

    def _keep(self, question: Question, place: tuple[str, int] | str, server: asyncio.AbstractServer | UnixListener,
              **items: str) -> None:
        self._listeners[place] = server
        try:
            question.accept(**items)
        except Error:
            self._listeners.pop(place).close()

    def _join(self, near: Relay, open_channel: Callable[[], Channel]) -> None:
        self.spawn(self.join_relay(near, open_channel))


class Connections(set[SSHServerConnection]):
    """Those of a server. ``closed``: it takes no more of them."""

    closed = False


class SSHServer:
    """A server that listens. ``async with`` closes it, and ends its connections."""

    def __init__(self, server: asyncio.Server, connections: Connections) -> None:
        self._server = server
        self._connections = connections

    @property
    def sockets(self) -> tuple[Any, ...]:
        """What it listens on."""
        return tuple(self._server.sockets)

    @property
    def port(self) -> int:
        """The first socket's port."""
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def connections(self) -> tuple[SSHServerConnection, ...]:
        """Those that are open."""
        return tuple(self._connections)

    def close(self) -> None:
        """Listen no more, and end the connections gracefully."""
        self._server.close()
        self._connections.closed = True
        for connection in self.connections:
            connection.close()

    async def wait_closed(self) -> None:
        """Wait until all of them are over."""
        for connection in self.connections:
            await connection.wait_closed()
        await self._server.wait_closed()

    async def __aenter__(self) -> SSHServer:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
        await self.wait_closed()


async def listen(
    host: str | None = None,
    port: int = 22,
    *,
    server_host_keys: Iterable[Key],
    handler: HandlerFactory = SSHServerHandler,
    process_factory: ProcessFactory | None = None,
    sftp_factory: SFTPFactory | None = None,
    config: SSHConfig | None = None,
    login_timeout: float = 120.0,
    keepalive_interval: float = 0,
    **options: Any,
) -> SSHServer:
    """Listen for SSH clients. ``handler()``: makes what decides about a connection. ``process_factory(process)``: a
    coroutine that runs what a client asks for; what it returns is the exit status. ``sftp_factory(connection)``: what
    serves files, an :class:`SFTPDirectory` or an :class:`SFTPHandler`, or None for nothing. ``config``: what else is to
    be set, used up by this. What is not named here goes on to the event loop's create_server."""
    config = config or SSHConfig(Role.SERVER)
    for key in server_host_keys:
        config.add_host_key(key)
    settled = config.check()
    loop = asyncio.get_running_loop()
    connections = Connections()

    def factory() -> SSHServerConnection:
        return SSHServerConnection(
            loop, settled, handler(), process_factory, login_timeout, keepalive_interval, connections, sftp_factory
        )

    create: Any = loop.create_server
    return SSHServer(await listening(create, factory, host, port, **options), connections)
