# SPDX-License-Identifier: Apache-2.0
"""A TLS peer on Python's ssl: client or server, one job per connection, one line of JSON about each.

The options and the JSON are those of go/main.go. Jobs of a client: echo (send, and expect the same back), get (ask
for a file by name, and read to the end), cut (as echo, then the socket is closed without close_notify). A server
echoes.
"""

import argparse
import hashlib
import json
import socket
import ssl
import sys

PIECE = 65536
TIMEOUT = 20


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["client", "server"])
    for name in ("cert", "key", "ca", "name", "alpn", "tls", "text", "group"):
        parser.add_argument(f"-{name}", default="")
    parser.add_argument("-job", default="echo")
    parser.add_argument("-port", type=int, default=0)
    parser.add_argument("-size", type=int, default=0)
    parser.add_argument("-count", type=int, default=1)
    return parser.parse_args()


def make_context(options):
    server = options.role == "server"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    if options.tls:
        version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[options.tls]
        context.minimum_version = context.maximum_version = version
    if options.cert:
        context.load_cert_chain(options.cert, options.key)
    if options.ca:
        context.load_verify_locations(options.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    if options.alpn:
        context.set_alpn_protocols(options.alpn.split(","))
    if options.group:
        context.set_ecdh_curve(options.group)
    return context


def facts(wire, result):
    result["version"] = wire.version().replace("TLSv", "")
    result["cipher"] = wire.cipher()[0]
    result["alpn"] = wire.selected_alpn_protocol() or ""
    result["resumed"] = bool(wire.session_reused)
    subject = (wire.getpeercert() or {}).get("subject", ())
    result["peer"] = dict(pair[0] for pair in subject).get("commonName", "")


def digest(result, name, value):
    result[name] = value.hexdigest()


def receive(wire, size, into):
    left = size
    while left:
        data = wire.recv(min(left, PIECE))
        if not data:
            raise EOFError
        into.update(data)
        left -= len(data)


def client_echo(wire, options, result):
    data = options.text.encode() or bytes(range(256)) * (options.size // 256)
    back = hashlib.sha256()
    for start in range(0, len(data), PIECE):
        wire.sendall(data[start:start + PIECE])
        receive(wire, len(data[start:start + PIECE]), back)
    result["bytes"] = len(data)
    digest(result, "sent", hashlib.sha256(data))
    digest(result, "received", back)


def read_to_end(wire, result, echo=False):
    received, count = hashlib.sha256(), 0
    while True:
        data = wire.recv(PIECE)
        if not data:
            break
        received.update(data)
        count += len(data)
        if echo:
            wire.sendall(data)
    result["bytes"] = count
    digest(result, "received", received)


def client_job(wire, options, result):
    if options.job == "get":
        wire.sendall(options.text.encode() + b"\n")
        read_to_end(wire, result)
    else:
        client_echo(wire, options, result)
    facts(wire, result)


def server_job(wire, _options, result):
    facts(wire, result)
    read_to_end(wire, result, echo=True)


def converse(wire, options, result):
    """The job, then close_notify both ways; what went wrong goes into the result. The session is returned."""
    session = None
    try:
        (client_job if options.role == "client" else server_job)(wire, options, result)
        session = wire.session
        if options.job == "cut":
            result["end"] = "cut"
        else:
            wire.unwrap()
            result["end"] = "clean"
    except (OSError, EOFError) as error:
        truncated = isinstance(error, (ssl.SSLEOFError, EOFError)) or "unexpected eof" in str(error)
        result.update(end="truncated" if truncated else "failed", error=str(error))
    return session


def open_tls(context, wire, options, result, session=None):
    wire.settimeout(TIMEOUT)
    server = options.role == "server"
    name = {} if server else {"server_hostname": options.name, "session": session}
    try:
        return context.wrap_socket(wire, server_side=server, suppress_ragged_eofs=False, **name)
    except OSError as error:
        result.update(end="failed", error=str(error))
        return None


def tell(line):
    print(json.dumps(line), flush=True)


def run_client(context, options):
    session = None
    for _ in range(options.count):
        result = {"end": "", "error": ""}
        with socket.create_connection(("127.0.0.1", options.port)) as plain:
            wire = open_tls(context, plain, options, result, session)
            if wire:
                session = converse(wire, options, result)
                wire.close()
        tell(result)


def run_server(context, options):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        tell({"listening": listener.getsockname()[1]})
        for _ in range(options.count):
            plain, _ = listener.accept()
            result = {"end": "", "error": "", "sni": ""}
            context.sni_callback = lambda _wire, name, _context, told=result: told.update(sni=name or "")
            wire = open_tls(context, plain, options, result)
            if wire:
                converse(wire, options, result)
                wire.close()
            tell(result)


if __name__ == "__main__":
    chosen = parse()
    try:
        (run_client if chosen.role == "client" else run_server)(make_context(chosen), chosen)
    except KeyboardInterrupt:
        sys.exit(1)
