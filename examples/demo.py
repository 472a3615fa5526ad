#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The demonstration behind ./run demo: one real file over three wires, fetched by Sessile and by others.

A key and a certificate are made for the occasion, in a folder that is removed at the end. Whatever arrives is compared
with what was served; any difference, and any program that fails, ends the demonstration with an error.
"""

import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BUILD = Path(os.environ.get("SESSILE_BUILD", Path(__file__).resolve().parents[1] / "build" / "release"))
PROGRAMS = BUILD / "examples" / "c"
PATIENCE = 30  # seconds that any one program gets


def fail(text):
    sys.exit(f"demo: {text}")


def run(command, **options):
    """Run a program to its end; its output."""
    result = subprocess.run([str(part) for part in command], capture_output=True, timeout=PATIENCE, **options)
    if result.returncode != 0:
        fail(f"{Path(command[0]).name} ended with {result.returncode}:\n{result.stderr.decode(errors='replace')}")
    return result


def facts(result):
    """The line of JSON that the examples print at the end of a session."""
    lines = [line for line in result.stderr.decode().splitlines() if line.startswith("{")]
    if not lines:
        fail("a program told nothing about its session")
    return json.loads(lines[-1])


def digest(data):
    return hashlib.sha256(data).hexdigest()


def number(value):
    return f"{value:,}".replace(",", " ")


def title(wire, text):
    print(f"\n{wire:<8}{text}")


def told(who, size, seconds, same):
    speed = f"{size / seconds / 1e6:6.0f} MB/s" if seconds > 0 else "      -    "
    print(f"  {who:<18}{size / 1e6:7.1f} MB in {seconds:6.3f} s {speed}   {same}")


def explained(session):
    again = session["offered"] - session["taken"]
    print(f"  {'':<18}handshake  {session['version']}, {session['cipher']}, {session['group']}; "
          f"peer {session['peer']}, verified: {session['verify']}")
    print(f"  {'':<18}handed in  {number(session['offered'])} bytes "
          f"({number(again)} of them again, as parts of records)")
    print(f"  {'':<18}taken      {number(session['taken'])} bytes, {number(session['units'])} records")
    print(f"  {'':<18}sent       {number(session['sent'])} bytes in {number(session['sends'])} sends")


class Demo:
    def __init__(self, folder):
        self.folder = folder
        self.served = folder / "served"
        self.served.mkdir()
        self.chain, self.key = folder / "certificate.pem", folder / "key.pem"
        self.trust = ["--ca", self.chain]
        self.identity = ["--cert", self.chain, "--key", self.key]

    def prepare(self):
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", self.key,
             "-out", self.chain])
        source = self.real_file()
        shutil.copy(source, self.served / source.name)
        self.name, self.content = source.name, source.read_bytes()
        print("A key and a certificate for localhost, made for the occasion.")
        print(f"The file: {source}, {len(self.content) / 1e6:.1f} MB, SHA-256 {digest(self.content)[:16]}...")

    def real_file(self):
        """The libcrypto that the examples run on: some megabytes, and there on every machine that runs this."""
        for line in run(["ldd", PROGRAMS / "tls_client"]).stdout.decode().splitlines():
            if "libcrypto" in line:
                return Path(line.split("=>")[1].split()[0])
        return fail("the examples are not linked with libcrypto")

    def compare(self, data):
        if digest(data) != digest(self.content):
            fail(f"{len(data)} bytes arrived, and they are not the file")
        return "same file"

    # ---- TCP ----

    def tcp(self):
        port_file = self.folder / "port"
        server = subprocess.Popen([str(part) for part in (PROGRAMS / "tls_server", *self.identity, "--quiet", "--http",
                                                          self.served, "--port-file", port_file)],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            server.stdout.readline()  # "listening on ..."
            if not port_file.exists():
                fail(f"tls_server does not start: {server.stderr.read().decode()}")
            port = port_file.read_text().strip()
            title("TCP", f"tls_server on 127.0.0.1:{port}, epoll; three clients")
            self.tcp_sessile(port)
            self.tcp_curl(port)
            self.tcp_openssl(port)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(PATIENCE)

    def tcp_sessile(self, port):
        output = self.folder / "by-sessile"
        session = facts(run([PROGRAMS / "tls_client", f"localhost:{port}", "--connect-to", f"127.0.0.1:{port}",
                             *self.trust, "--http", "/" + self.name, "-o", output, "--stats-json"]))
        told("Sessile", len(self.content), session["seconds"], self.compare(output.read_bytes()))
        explained(session)

    def tcp_curl(self, port):
        output = self.folder / "by-curl"
        result = run(["curl", "-sS", "--noproxy", "*", "--resolve", f"localhost:{port}:127.0.0.1", "--cacert",
                      self.chain, "-o", output, "-w", "%{time_total}", f"https://localhost:{port}/{self.name}"])
        told("curl", len(self.content), float(result.stdout), self.compare(output.read_bytes()))

    def tcp_openssl(self, port):
        start = time.monotonic()
        result = run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost",
                      "-verify_hostname", "localhost", "-verify_return_error", "-CAfile", self.chain, "-quiet"],
                     input=f"GET /{self.name} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        seconds = time.monotonic() - start
        told("openssl s_client", len(self.content), seconds, self.compare(result.stdout.partition(b"\r\n\r\n")[2]))

    # ---- Other wires ----

    def pipe(self):
        title("Pipe", "tls_pipe and its child process, joined by two pipes")
        output = self.folder / "by-pipe"
        server = [PROGRAMS / "tls_pipe", "--server", *self.identity, "--files", self.served]
        session = facts(run([PROGRAMS / "tls_pipe", "--client", "--name", "localhost", *self.trust, "--exec",
                             shlex.join(str(part) for part in server), "--get", self.name, "-o", output,
                             "--stats-json"]))
        told("Sessile", len(self.content), session["seconds"], self.compare(output.read_bytes()))
        explained(session)

    def memory(self):
        title("Memory", "tls_memory, both ends in one process, no wire at all")
        session = facts(run([PROGRAMS / "tls_memory", "--name", "localhost", *self.identity, *self.trust,
                             "--stats-json"]))
        told("Sessile", session["bytes"], session["seconds"], "all of it")
        explained(session)


def main():
    with tempfile.TemporaryDirectory(prefix="sessile-demo-") as folder:
        demo = Demo(Path(folder))
        demo.prepare()
        demo.tcp()
        demo.pipe()
        demo.memory()
    print("\nThe same engine each time. It was handed bytes and handed bytes back; the wires were the programs' own.")


if __name__ == "__main__":
    main()
