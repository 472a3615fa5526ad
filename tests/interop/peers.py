# SPDX-License-Identifier: Apache-2.0
"""The other implementations, behind one way to talk to each: five as clients, four as servers.

Client.talk() sends a message to a Sessile server, expects it back, and says what came of it. A Server answers each line
that a Sessile client sends. What only some of them can do, tests ask for by extra options.
"""

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from child import free_port

HERE = Path(__file__).parent
MESSAGE = b"Nothing but bytes.\n"


@dataclass
class Outcome:
    """What a peer's client says: whether all went well, what came back, and what it calls what was negotiated."""

    status: int
    received: bytes
    version: str
    alpn: str
    text: str

    @property
    def ok(self):
        return self.status == 0 and self.received == MESSAGE


def first(pattern, text):
    found = re.search(pattern, text, re.M)
    return found.group(1) if found else ""


def converse(child):
    """The message, its echo (or the end of the program), and the end of input."""
    child.write(MESSAGE)
    child.out.wait(lambda data: MESSAGE in data)
    status = child.finish()
    return status, MESSAGE if MESSAGE in child.out.data else b""


def options_of(**given):
    """A list of options from those names that have a value."""
    return [word for name, value in given.items() if value
            for word in (f"-{name}", *([str(value)] if value is not True else []))]


# ---- clients ----


class OpensslClient:
    name = "openssl s_client"

    def command(self, port, pki, name="localhost", ca=None, cert=None, alpn=None, tls=None, more=()):
        return ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", name, "-verify_hostname", name,
                "-CAfile", ca or pki.ca.cert, "-verify_return_error",
                *options_of(alpn=alpn, cert=cert and cert.cert, key=cert and cert.key),
                *([f"-tls{tls.replace('.', '_')}"] if tls else []), *more]

    def service(self, children):
        return ["--echo"]

    def talk(self, children, port, pki, **what):
        child = children.start(*self.command(port, pki, **what))
        status, received = converse(child)
        text = child.text()
        return Outcome(status, received, first(r"^(?:New|Reused), TLSv([\d.]+)", text),
                       first(r"^ALPN protocol: (.*)", text), text)


class GnutlsClient:
    name = "gnutls-cli"

    def command(self, port, pki, log, name="localhost", ca=None, cert=None, alpn=None, tls=None, more=()):
        certificate = ["--x509certfile", cert.cert, "--x509keyfile", cert.key] if cert else []
        return ["gnutls-cli", f"--logfile={log}", "--port", port, "--x509cafile", ca or pki.ca.cert, "--sni-hostname",
                name, "--verify-hostname", name, *[f"--alpn={one}" for one in (alpn or "").split(",") if one],
                "--priority", gnutls_priority(tls), *certificate, *more, "127.0.0.1"]

    def service(self, children):
        return ["--echo"]

    def talk(self, children, port, pki, **what):
        log = children.path(".log")
        child = children.start(*self.command(port, pki, log, **what))
        status, received = converse(child)
        text = child.text() + (log.read_text(errors="replace") if log.exists() else "")
        return Outcome(status, received, first(r"^- Description: \(TLS([\d.]+)", text),
                       first(r"^- Application protocol: (.*)", text), text)


def gnutls_priority(tls):
    return f"NORMAL:-VERS-ALL:+VERS-TLS{tls}" if tls else "NORMAL"


class CurlClient:
    name = "curl"

    def command(self, port, pki, name="localhost", ca=None, cert=None, alpn=None, tls=None, more=()):
        versions = {None: [], "1.2": ["--tls-max", "1.2"], "1.3": ["--tlsv1.3"]}[tls]
        certificate = ["--cert", cert.cert, "--key", cert.key] if cert else []
        return ["curl", "--silent", "--show-error", "--verbose", "--noproxy", "*", "--max-time", "20", "--cacert",
                ca or pki.ca.cert, "--resolve", f"{name}:{port}:127.0.0.1", *versions, *certificate, *more,
                f"https://{name}:{port}/message"]

    def service(self, children):
        (children.folder / "message").write_bytes(MESSAGE)
        return ["--http", children.folder]

    def talk(self, children, port, pki, **what):
        child = children.start(*self.command(port, pki, **what))
        status = child.finish()
        text = child.text()
        return Outcome(status, bytes(child.out.data), first(r"SSL connection using TLSv([\d.]+)", text),
                       first(r"ALPN[:,] server accepted (?:to use )?(\S+)", text), text)


class OwnClient:
    """A program of ours on another implementation; python_peer.py and go/main.go have the same options."""

    def __init__(self, name, program):
        self.name = name
        self.program = program

    def service(self, children):
        return ["--echo"]

    def start(self, children, port, pki, name="localhost", ca=None, cert=None, alpn=None, tls=None, more=()):
        return children.start(*self.program, "client", *options_of(
            port=port, name=name, ca=ca or pki.ca.cert, cert=cert and cert.cert, key=cert and cert.key, alpn=alpn,
            tls=tls), *more)

    def results(self, children, port, pki, **what):
        """One result for each connection."""
        child = self.start(children, port, pki, **what)
        assert child.finish() == 0, child.log()
        return [json.loads(line) for line in child.out.data.splitlines()]

    def talk(self, children, port, pki, more=(), **what):
        result = self.results(children, port, pki, more=("-text", MESSAGE.decode(), *more), **what)[-1]
        same = result.get("received") and result["received"] == result.get("sent")
        return Outcome(result["end"] != "clean", MESSAGE if same else b"", result.get("version", ""),
                       result.get("alpn", ""), json.dumps(result))


# ---- servers ----


class OpensslServer:
    """With -rev: answers each line with the same backwards."""

    name = "openssl s_server"

    def __init__(self, children, pki, pair, alpn=None, tls=None, client_ca=None, service=("-rev",), more=()):
        self.reverse = "-rev" in service
        certificate = ["-cert", pair.cert, "-cert_chain", pair.cert, "-key", pair.key] if pair else ["-nocert"]
        clients = ["-CAfile", client_ca, "-Verify", "1", "-verify_return_error"] if client_ca else []
        self.child = children.start("openssl", "s_server", "-accept", "127.0.0.1:0", *certificate, *clients, *service,
                                    *options_of(alpn=alpn), *([f"-tls{tls.replace('.', '_')}"] if tls else []), *more)
        self.port = int(self.child.wait_for(r"^ACCEPT .*:(\d+)").group(1))

    def answer(self, line):
        return line[-2::-1] + b"\n"

    def check_clean_end(self):
        self.child.wait_for("^(CONNECTION CLOSED|DONE)", self.child.err if self.reverse else self.child.out)
        assert b"unexpected eof" not in self.child.err.data

    def check_cut(self):
        self.child.wait_for("^ERROR$")

    def check_sni(self, name):
        """It tells of a name only where it has a certificate for it: see test_names.py."""


class GnutlsServer:
    name = "gnutls-serv"

    def __init__(self, children, pki, pair, alpn=None, tls=None, client_ca=None, service=("--echo",), more=()):
        certificate = ["--x509certfile", pair.cert, "--x509keyfile", pair.key] if pair else []
        clients = ["--x509cafile", client_ca, "--require-client-cert", "--verify-client-cert"] if client_ca else []
        priority = [] if "--priority" in more else ["--priority", gnutls_priority(tls)]
        protocols = [f"--alpn={one}" for one in (alpn or "").split(",") if one]
        for _ in range(5):
            self.port = free_port()
            self.child = children.start("gnutls-serv", "--port", self.port, *service, *certificate, *clients,
                                        *priority, *protocols, *more)
            if self.child.err.wait(lambda data: b"IPv4 0.0.0.0 port" in data and data.endswith(b"done\n")):
                return
        raise AssertionError(self.child.log())

    def answer(self, line):
        return line

    def check_clean_end(self):
        assert b"non-properly terminated" not in self.child.err.data

    def check_cut(self):
        self.child.wait_for("non-properly terminated", self.child.err)

    def check_sni(self, name):
        self.child.wait_for(rf"Given server name\[1\]: {re.escape(name)}")


class OwnServer:
    def __init__(self, program, children, pki, pair, alpn=None, tls=None, client_ca=None, more=()):
        self.child = children.start(*program, "server", *options_of(
            cert=pair.cert, key=pair.key, ca=client_ca, alpn=alpn, tls=tls, count=1000), *more)
        self.port = json.loads(self.child.wait_for(r"^\{.*\}\n").group(0))["listening"]

    def answer(self, line):
        return line

    def check_clean_end(self):
        assert self.result()["end"] == "clean"

    def check_cut(self):
        assert self.result()["end"] == "truncated"

    def check_sni(self, name):
        assert self.result()["sni"] == name

    def result(self):
        """About the next connection that ends."""
        return json.loads(self.child.wait_for(r"^\{.*\}\n").group(0))


PYTHON = (sys.executable, HERE / "python_peer.py")
CLIENTS = ("openssl s_client", "gnutls-cli", "curl", "Python client", "Go client")
SERVERS = ("openssl s_server", "gnutls-serv", "Python server", "Go server")


def client_of(name, go_program):
    known = {"openssl s_client": OpensslClient, "gnutls-cli": GnutlsClient, "curl": CurlClient}
    if name in known:
        return known[name]()
    return OwnClient(name, PYTHON if name.startswith("Python") else [go_program])


def server_of(name, go_program):
    """What makes a server: the arguments of the classes above."""
    if name.startswith("openssl"):
        return OpensslServer
    if name.startswith("gnutls"):
        return GnutlsServer
    program = PYTHON if name.startswith("Python") else [go_program]
    return lambda *given, **named: OwnServer(program, *given, **named)
