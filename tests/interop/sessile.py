# SPDX-License-Identifier: Apache-2.0
"""Sessile's side: the example programs tls_server and tls_client, as a test sees them."""

import json
import re

OK, USAGE, CONNECT, VERIFY, TRUNCATED, PEER, SESSION, CONTENT = range(8)


class Server:
    """tls_server --verbose: one line of facts for each connection that has ended."""

    def __init__(self, children, bin_folder, pair, *options, service=("--echo",)):
        certificate = ["--cert", pair.cert, "--key", pair.key] if pair else []
        self.child = children.start(bin_folder / "tls_server", "--verbose", *certificate, *service, *options)
        self.killed = False
        self.port = int(self.child.wait_for(r"^listening on 127\.0\.0\.1:(\d+)\n").group(1))

    def closed(self):
        """The facts about the next connection that ends, by name."""
        line = self.child.wait_for(r"^closed (.*)\n").group(1).decode()
        facts = {}
        for name, quoted, plain in re.findall(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))', line):
            facts[name] = quoted if quoted or not plain else plain
        facts["version"] = facts["version"].replace("TLSv", "")
        return {name: int(value) if name in COUNTED else value for name, value in facts.items()}

    def kill(self):
        self.killed = True
        self.child.kill()

    def stop(self):
        if not self.killed:
            self.child.process.terminate()
            assert self.child.status() == OK, self.child.log()


COUNTED = {"resumed", "verify_code", "offered", "taken", "units", "sent", "sends", "data_in", "data_out"}


class Client:
    """tls_client, run to its end, or left running where the test talks to it."""

    def __init__(self, children, bin_folder, port, ca, *options, name="localhost", job=("--send-stdin",)):
        trust = ["--ca", ca] if ca else []
        self.child = children.start(bin_folder / "tls_client", f"{name}:{port}", "--connect-to", f"127.0.0.1:{port}",
                                    *trust, "--stats-json", *job, *options)

    def finish(self, data=b""):
        """The exit status; then facts, the messages on stderr and received are known."""
        self.status = self.child.finish(data)
        self.messages = self.child.err.data.decode(errors="replace")
        self.received = bytes(self.child.out.data)
        found = re.search(r"^\{.*\}$", self.messages, re.M)
        self.facts = json.loads(found.group(0)) if found else {}
        if self.facts:
            self.facts["version"] = self.facts["version"].replace("TLSv", "")
        return self.status
