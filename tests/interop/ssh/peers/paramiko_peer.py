# SPDX-License-Identifier: Apache-2.0
"""An SSH peer on paramiko."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import paramiko
from peer_options import fail, parse, passwords, place, shell

PIECE = 32768
TIMEOUT = 20


def restrict(transport, options):
    """Only what is named, in that order."""
    security = transport.get_security_options()
    for wanted, attribute in ((options.kex, "kex"), (options.ciphers, "ciphers"), (options.macs, "digests"),
                              (options.host_key_algorithms, "key_types"), (options.compression, "compression")):
        if wanted:
            setattr(security, attribute, wanted)
    if options.rekey_bytes:
        transport.packetizer.REKEY_BYTES = options.rekey_bytes


def pump(read, write, end):
    with contextlib.suppress(OSError, EOFError):
        while data := read(PIECE):
            write(data)
    with contextlib.suppress(OSError, EOFError, ValueError):
        end()


def background(*work):
    thread = threading.Thread(target=work[0], args=work[1:], daemon=True)
    thread.start()
    return thread


def join(channel, wire):
    """A channel and a socket, both ways until both have ended."""
    out = background(pump, channel.recv, wire.sendall, lambda: wire.shutdown(socket.SHUT_WR))
    pump(wire.recv, channel.sendall, channel.shutdown_write)
    out.join()
    channel.close()
    wire.close()


# ---- client ----


def check_host(transport, options):
    key = transport.get_remote_server_key()
    if options.host_key_check == "no":
        return
    known = paramiko.HostKeys(options.known_hosts)
    if not known.check(f"[{options.host}]:{options.port}", key):
        fail("host key", "not known")


def load_key(path):
    key = paramiko.PKey.from_path(path)
    if os.path.exists(f"{path}-cert.pub"):
        key.load_certificate(f"{path}-cert.pub")
    return key


def connected(options):
    wire = socket.create_connection((options.host, options.port), TIMEOUT)
    # A certificate's signature is named like that of the key in it.
    allowed = [name.removesuffix("-cert-v01@openssh.com") for name in options.user_key_algorithms]
    disabled = {"pubkeys": [name for name in paramiko.Transport._preferred_pubkeys if name not in allowed]}
    transport = paramiko.Transport(wire, disabled_algorithms=disabled if allowed else None)
    if options.compression and options.compression != ["none"]:
        transport.use_compression()
        options.compression = []
    restrict(transport, options)
    try:
        transport.start_client(timeout=TIMEOUT)
        check_host(transport, options)
        if options.key:
            transport.auth_publickey(options.user, load_key(options.key))
        else:
            transport.auth_password(options.user, options.password_file.read_text().rstrip("\n"))
    except paramiko.AuthenticationException as error:
        fail("denied", error)
    except (paramiko.SSHException, EOFError, OSError) as error:
        fail("connect", error)
    return transport


def write_all(number):
    def write(data):
        while data:
            data = data[os.write(number, data):]
    return write


def run(transport, options):
    channel = transport.open_session(timeout=TIMEOUT)
    if options.pty:
        channel.get_pty("vt100", 80, 24)
    channel.exec_command(options.command)
    outputs = [background(pump, channel.recv, write_all(1), lambda: None),
               background(pump, channel.recv_stderr, write_all(2), lambda: None)]
    background(pump, lambda size: os.read(0, size), channel.sendall, channel.shutdown_write)
    for output in outputs:
        output.join()
    return channel.recv_exit_status()


def relay(transport, options):
    channel = transport.open_channel("direct-tcpip", options.direct, ("127.0.0.1", 0), timeout=TIMEOUT)
    out = background(pump, channel.recv, write_all(1), lambda: None)
    pump(lambda size: os.read(0, size), channel.sendall, channel.shutdown_write)
    out.join()
    return 0


def listen(transport, options):
    port, target = options.remote.split(":", 1)
    transport.request_port_forward("127.0.0.1", int(port))
    while True:
        channel = transport.accept()
        if channel is None:
            return 0
        background(join, channel, socket.create_connection(place(target), TIMEOUT))


def client(options):
    transport = connected(options)
    try:
        job = relay if options.direct else listen if options.remote else run
        return job(transport, options)
    except (paramiko.SSHException, EOFError, OSError) as error:
        return fail("session", error)
    finally:
        transport.close()


# ---- server ----


class Host(paramiko.ServerInterface):
    """What one connection may do."""

    def __init__(self, transport, options):
        self.transport = transport
        self.options = options
        self.terminals = {}
        self.targets = {}
        self.asked = None
        lines = Path(options.authorized_keys).read_text().splitlines() if options.authorized_keys else []
        self.keys = [line.split()[1] for line in lines if not line.startswith("cert-authority")]
        self.passwords = passwords(options.password_file) if options.password_file else {}

    def get_allowed_auths(self, _username):
        if self.options.auth_methods:
            return ",".join(self.options.auth_methods)
        return ",".join(["publickey"] * bool(self.keys) + ["password"] * bool(self.passwords))

    def check_auth_publickey(self, _username, key):
        return paramiko.AUTH_SUCCESSFUL if key.get_base64() in self.keys else paramiko.AUTH_FAILED

    def check_auth_password(self, username, password):
        return paramiko.AUTH_SUCCESSFUL if self.passwords.get(username) == password else paramiko.AUTH_FAILED

    def check_auth_interactive(self, username, _submethods):
        if "keyboard-interactive" not in self.options.auth_methods:
            return paramiko.AUTH_FAILED
        self.asked = username
        return paramiko.InteractiveQuery("", "", ("Password: ", False))

    def check_auth_interactive_response(self, responses):
        good = self.passwords.get(self.asked) in responses
        return paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, _number):
        return paramiko.OPEN_SUCCEEDED if kind == "session" else paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_pty_request(self, channel, _term, width, height, _pixelwidth, _pixelheight, _modes):
        self.terminals[channel.get_id()] = height, width
        return True

    def check_channel_env_request(self, _channel, _name, _value):
        return True

    def check_channel_exec_request(self, channel, command):
        background(execute, channel, command.decode(), self.terminals.get(channel.get_id()))
        return True

    def check_channel_direct_tcpip_request(self, number, _origin, target):
        if not self.options.allow_forward:
            return paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        self.targets[number] = target
        return paramiko.OPEN_SUCCEEDED

    def check_port_forward_request(self, address, port):
        if not self.options.allow_forward:
            return False
        listener = socket.create_server(("127.0.0.1", port))
        background(self.forward, listener, address, listener.getsockname()[1])
        return listener.getsockname()[1]

    def forward(self, listener, address, port):
        while True:
            wire, origin = listener.accept()
            background(join, self.transport.open_forwarded_tcpip_channel(origin, (address, port)), wire)


def execute(channel, command, terminal):
    child = subprocess.Popen(shell(command, terminal), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, bufsize=0)
    outputs = [background(pump, child.stdout.read, channel.sendall, lambda: None),
               background(pump, child.stderr.read, channel.sendall_stderr, lambda: None)]
    background(pump, channel.recv, child.stdin.write, child.stdin.close)
    for output in outputs:
        output.join()
    channel.send_exit_status(child.wait())
    channel.shutdown_write()
    channel.close()


def serve_one(wire, options):
    transport = paramiko.Transport(wire)
    restrict(transport, options)
    for path in options.host_key:
        transport.add_server_key(load_key(path))
    host = Host(transport, options)
    try:
        transport.start_server(server=host)
    except (paramiko.SSHException, EOFError, OSError) as error:
        print(f"handshake: {error}", file=sys.stderr, flush=True)
        return
    while transport.is_active():
        channel = transport.accept(TIMEOUT)
        if channel and channel.get_id() in host.targets:
            try:
                wire = socket.create_connection(host.targets.pop(channel.get_id()), TIMEOUT)
            except OSError:
                channel.close()
                continue
            background(join, channel, wire)


def server(options):
    # Without groups of its own it has no group exchange to offer.
    assert paramiko.Transport.load_server_moduli(), "there is no /etc/ssh/moduli"
    with socket.create_server(("127.0.0.1", options.port)) as listener:
        print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
        while True:
            background(serve_one, listener.accept()[0], options)


if __name__ == "__main__":
    chosen = parse()
    # The interpreter would wait for threads that read what never ends.
    status = client(chosen) if chosen.role == "client" else server(chosen)
    sys.stdout.flush()
    os._exit(status)
