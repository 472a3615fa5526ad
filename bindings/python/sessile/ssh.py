# SPDX-License-Identifier: Apache-2.0
"""SSH-2: what a session may do (:class:`SSHConfig`), and what it has negotiated and can do (:class:`SSH`)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING

from . import _sessile
from ._base import Buffer, Owner, Text, filled_text, names, octets
from .constants import Role
from .errors import MisuseError
from .keys import Key
from .stream import Channel

if TYPE_CHECKING:
    from ._sessile import Handle
    from .session import Session
    from .trust import KRL, KnownHosts


class Algorithms(IntEnum):
    """Kinds of algorithm lists."""

    KEX = _sessile.SSH_KEX
    HOST_KEYS = _sessile.SSH_HOST_KEYS
    CIPHERS = _sessile.SSH_CIPHERS
    MACS = _sessile.SSH_MACS
    COMPRESSION = _sessile.SSH_COMPRESSION
    USER_KEYS = _sessile.SSH_USER_KEYS
    CA_SIGNATURES = _sessile.SSH_CA_SIGNATURES


class Limit(IntEnum):
    """What a session may hold or let pass; the library's ssh.h has the units and the defaults."""

    MEMORY = _sessile.SSH_LIMIT_MEMORY
    CHANNELS = _sessile.SSH_LIMIT_CHANNELS
    WINDOW = _sessile.SSH_LIMIT_WINDOW
    EARLY_PACKETS = _sessile.SSH_LIMIT_EARLY_PACKETS


class SSHInfo(IntEnum):
    """What :meth:`SSH.info` tells."""

    KEX = _sessile.SSH_INFO_KEX
    HOST_KEY = _sessile.SSH_INFO_HOST_KEY
    CIPHER_OUT = _sessile.SSH_INFO_CIPHER_OUT
    CIPHER_IN = _sessile.SSH_INFO_CIPHER_IN
    MAC_OUT = _sessile.SSH_INFO_MAC_OUT
    MAC_IN = _sessile.SSH_INFO_MAC_IN
    COMPRESSION_OUT = _sessile.SSH_INFO_COMPRESSION_OUT
    COMPRESSION_IN = _sessile.SSH_INFO_COMPRESSION_IN
    PEER = _sessile.SSH_INFO_PEER
    USER = _sessile.SSH_INFO_USER
    METHODS = _sessile.SSH_INFO_METHODS
    CAN_CONTINUE = _sessile.SSH_INFO_CAN_CONTINUE
    SIGNATURES = _sessile.SSH_INFO_SIGNATURES
    STRICT = _sessile.SSH_INFO_STRICT


def algorithms(kind: Algorithms) -> list[str]:
    """Everything that this build has for a kind, what is insecure included."""
    return filled_text(_sessile.ssh_algorithms, kind).split(",")


class SSHConfig(Owner):
    """What SSH sessions have in common: algorithms, keys, what is trusted, limits. Filled once, shared by any number of
    sessions and threads, and immutable once it is used: setters raise :class:`MisuseError` then. Each setter returns
    the config, so that they can be chained. What it leaves open is asked."""

    def __init__(self, role: Role) -> None:
        self._handle = _sessile.ssh_config_new(role)

    @classmethod
    def client(cls, *, known_hosts: KnownHosts | None = None, keys: Iterable[Key] = ()) -> SSHConfig:
        """A client's. ``known_hosts``: host keys that are accepted without asking; ``keys``: tried in this order before
        any question is asked, private, or public where the signature is to be asked for."""
        config = cls(Role.CLIENT)
        if known_hosts is not None:
            config.set_known_hosts(known_hosts)
        for key in keys:
            config.add_user_key(key)
        return config

    @classmethod
    def server(cls, host_keys: Iterable[Key] = ()) -> SSHConfig:
        """A server's, with host keys, one of each type."""
        config = cls(Role.SERVER)
        for key in host_keys:
            config.add_host_key(key)
        return config

    def check(self) -> SSHConfig:
        """Raise what is missing (a server's host key), and make it immutable. Connecting does this too."""
        _sessile.ssh_config_check(self._handle)
        return self

    # ---- Algorithms ----

    def set_algorithms(self, kind: Algorithms, value: str | Iterable[str]) -> SSHConfig:
        """A list by preference; or with OpenSSH's "+" (append), "-" (remove) or "^" (put first) before it."""
        _sessile.ssh_config_set_algorithms(self._handle, kind, names(value))
        return self

    def algorithms(self, kind: Algorithms) -> list[str]:
        """The list as it is."""
        text = _sessile.ssh_config_algorithms(self._handle, kind)
        return text.split(",") if text else []

    def use_default(self) -> SSHConfig:
        """What a current OpenSSH offers."""
        _sessile.ssh_config_use_default(self._handle)
        return self

    def use_hardened(self) -> SSHConfig:
        """No NIST curves for key exchange, no SHA-1, 2048-bit groups or encrypt-and-MAC."""
        _sessile.ssh_config_use_hardened(self._handle)
        return self

    def insecure_compatible(self) -> SSHConfig:
        """SHA-1 at the lists' ends, for old gear."""
        _sessile.ssh_config_insecure_compatible(self._handle)
        return self

    def require_strict_kex(self, on: bool = True) -> SSHConfig:
        """Fail where the peer does not offer strict key exchange."""
        _sessile.ssh_config_require_strict_kex(self._handle, on)
        return self

    def set_software(self, software: str) -> SSHConfig:
        """What the identification line says behind "SSH-2.0-"."""
        _sessile.ssh_config_set_software(self._handle, software)
        return self

    def set_rekey(self, size: int = 0, packets: int = 0) -> SSHConfig:
        """New keys after so many bytes, or packets, in one direction; 0: the default."""
        _sessile.ssh_config_set_rekey(self._handle, size, packets)
        return self

    def set_group_sizes(self, minimum: int, preferred: int, maximum: int) -> SSHConfig:
        """Group exchange: sizes in bits, 2048 to 8192."""
        _sessile.ssh_config_set_group_sizes(self._handle, minimum, preferred, maximum)
        return self

    def set_moduli(self, data: Text | Buffer) -> SSHConfig:
        """Server: the text of a moduli file."""
        _sessile.ssh_config_set_moduli(self._handle, octets(data))
        return self

    def set_limit(self, limit: Limit, value: int) -> SSHConfig:
        """Change a limit."""
        _sessile.ssh_config_set_limit(self._handle, limit, value)
        return self

    # ---- A server ----

    def add_host_key(self, key: Key) -> SSHConfig:
        """Private, or public where each signature is a question (:attr:`QuestionKind.SSH_SIGN`)."""
        _sessile.ssh_config_add_host_key(self._handle, key._handle)
        return self

    def set_banner(self, text: Text) -> SSHConfig:
        """For users to read before authentication, at most 16 KiB."""
        _sessile.ssh_config_set_banner(self._handle, octets(text))
        return self

    def set_auth_methods(self, methods: str) -> SSHConfig:
        """Which methods together authenticate a user: "publickey,password publickey,keyboard-interactive"."""
        _sessile.ssh_config_set_auth_methods(self._handle, methods)
        return self

    def set_auth_tries(self, tries: int) -> SSHConfig:
        """Attempts that may fail before the session ends, 1 to 100."""
        _sessile.ssh_config_set_auth_tries(self._handle, tries)
        return self

    def insecure_no_touch(self, on: bool = True) -> SSHConfig:
        """Security keys need not be touched."""
        _sessile.ssh_config_insecure_no_touch(self._handle, on)
        return self

    def require_user_verification(self, on: bool = True) -> SSHConfig:
        """Security keys must verify their user."""
        _sessile.ssh_config_require_user_verification(self._handle, on)
        return self

    # ---- A client ----

    def set_known_hosts(self, known_hosts: KnownHosts) -> SSHConfig:
        """Host keys that are trusted. Another key than the known fails; an unknown one is asked about."""
        _sessile.ssh_config_set_known_hosts(self._handle, known_hosts._handle)
        return self

    def add_user_key(self, key: Key) -> SSHConfig:
        """A key of the user's, at most 64."""
        _sessile.ssh_config_add_user_key(self._handle, key._handle)
        return self

    def ask_new_host_keys(self, on: bool = True) -> SSHConfig:
        """Ask about further host keys that the server proves to have (:attr:`QuestionKind.SSH_HOST_KEYS`)."""
        _sessile.ssh_config_ask_new_host_keys(self._handle, on)
        return self

    def set_krl(self, krl: KRL) -> SSHConfig:
        """Revoked keys: host keys and authorities on a client, users' keys and authorities on a server."""
        _sessile.ssh_config_set_krl(self._handle, krl._handle)
        return self

    def insecure_any_host_key(self, on: bool = True) -> SSHConfig:
        """Any host key is accepted. Whoever sits on the wire can read and change everything."""
        _sessile.ssh_config_insecure_any_host_key(self._handle, on)
        return self

    def insecure_keylog(self, on: bool = True) -> SSHConfig:
        """Let sessions give key log lines (:attr:`Notice.SSH_KEYLOG`)."""
        _sessile.ssh_config_insecure_keylog(self._handle, on)
        return self


class SSH:
    """What an SSH session has negotiated and can do. ``session.ssh`` is it.

    The ``open_`` methods return the channel at once. It is open when its ``on_open`` is called; where the peer refuses,
    its ``on_closed`` follows with a :class:`RefusedError`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._handle = session._handle

    def info(self, info: SSHInfo) -> str:
        """Something that was negotiated or said; "" while there is none. What the peer said is as it said it: escape it
        before it reaches a terminal."""
        return _sessile.ssh_info(self._handle, info)

    @property
    def user(self) -> str:
        """The user being authenticated, then the one that is."""
        return self.info(SSHInfo.USER)

    @property
    def session_id(self) -> bytes:
        """The first exchange hash."""
        buffer = bytearray(64)
        size = _sessile.ssh_session_id(self._handle, buffer)
        return bytes(buffer[:size])

    @property
    def host_key(self) -> Key | None:
        """The server's host key, once it is proven."""
        return Key._maybe(_sessile.ssh_host_key(self._handle))

    @property
    def host_signature(self) -> bytes:
        """Client: the server's signature over the session id, as :meth:`Agent.bind` takes it."""
        buffer = bytearray(_sessile.ssh_host_signature(self._handle, bytearray()))
        size = _sessile.ssh_host_signature(self._handle, buffer)
        return bytes(buffer[:size])

    @property
    def user_key(self) -> Key | None:
        """Server: the key, with its certificate, that authenticated the user."""
        return Key._maybe(_sessile.ssh_user_key(self._handle))

    def rekey(self) -> None:
        """Start a key exchange now."""
        _sessile.ssh_rekey(self._handle)

    def keepalive(self) -> None:
        """Ask for a sign of life: :attr:`Notice.SSH_ALIVE` follows."""
        _sessile.ssh_keepalive(self._handle)

    def send_ignore(self, size: int) -> None:
        """Send IGNORE with so many bytes, at most 32768."""
        _sessile.ssh_send_ignore(self._handle, size)

    def send_debug(self, text: str, always_display: bool = False) -> None:
        """Send DEBUG."""
        _sessile.ssh_send_debug(self._handle, text, always_display)

    def disconnect(self, reason: int, description: str) -> None:
        """End with a reason (RFC 4253, section 11.1) and a description."""
        _sessile.ssh_disconnect(self._handle, reason, description)

    def no_more_sessions(self) -> None:
        """Client: have the server refuse any further session channel."""
        _sessile.ssh_no_more_sessions(self._handle)

    # ---- Channels ----

    def _opened(self, handle: Handle | None) -> Channel:
        if handle is None:
            raise MisuseError(_sessile.ERR_MISUSE, "no channel: the session is not ready, over, or has too many, or an "
                                                   "argument cannot be")
        channel = Channel(self._session, handle)
        self._session._open(channel)
        return channel

    def open_session(self) -> Channel:
        """A channel for a shell, a command or a subsystem."""
        with self._session.batch():
            return self._opened(_sessile.ssh_open_session(self._handle, None, None))

    def open_tcp(self, host: str, port: int, origin: str = "127.0.0.1", origin_port: int = 0) -> Channel:
        """A connection from the server to host and port; ``origin``: from where, for the server's logs."""
        with self._session.batch():
            return self._opened(_sessile.ssh_open_tcp(self._handle, host, port, origin, origin_port, None, None))

    def open_unix(self, path: str) -> Channel:
        """A connection from the server to a Unix socket of its own."""
        with self._session.batch():
            return self._opened(_sessile.ssh_open_unix(self._handle, path, None, None))

    def open_forwarded_tcp(self, bound_host: str, bound_port: int, origin: str, origin_port: int) -> Channel:
        """Server: a connection that came in where the client asked to be forwarded from."""
        with self._session.batch():
            return self._opened(
                _sessile.ssh_open_forwarded_tcp(self._handle, bound_host, bound_port, origin, origin_port, None, None)
            )

    def open_forwarded_unix(self, path: str) -> Channel:
        """Server: the same, from a Unix socket."""
        with self._session.batch():
            return self._opened(_sessile.ssh_open_forwarded_unix(self._handle, path, None, None))

    def open_x11(self, origin: str, origin_port: int) -> Channel:
        """Server: an X11 connection."""
        with self._session.batch():
            return self._opened(_sessile.ssh_open_x11(self._handle, origin, origin_port, None, None))

    def open_agent(self) -> Channel:
        """Server: a connection to the client's agent."""
        with self._session.batch():
            return self._opened(_sessile.ssh_open_agent(self._handle, None, None))

    # ---- Forwarding ----

    def forward_tcp(self, host: str, port: int) -> None:
        """Client: have the server listen: ``host`` "" for all addresses, ``port`` 0 for one of its choice.
        :attr:`Notice.SSH_FORWARDED` or :attr:`Notice.SSH_FORWARD_REFUSED` follows, in the order asked."""
        _sessile.ssh_forward_tcp(self._handle, host, port)

    def forward_unix(self, path: str) -> None:
        """The same with a Unix socket."""
        _sessile.ssh_forward_unix(self._handle, path)

    def cancel_tcp(self, host: str, port: int) -> None:
        """Have it stop; channels that are open stay."""
        _sessile.ssh_cancel_tcp(self._handle, host, port)

    def cancel_unix(self, path: str) -> None:
        """The same with a Unix socket."""
        _sessile.ssh_cancel_unix(self._handle, path)
