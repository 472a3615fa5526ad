# SPDX-License-Identifier: Apache-2.0
"""Between a client and a server: a relay that records what goes through as a pcap file, for tshark to read."""

import contextlib
import dataclasses
import re
import shutil
import socket
import struct
import subprocess
import threading
import time

from child import TIMEOUT, connected

PIECE = 16384
# Of the made-up packets: what tshark takes for SSH without being told.
SSH_PORT = 22
CLIENT_PORT = 40000
LINKTYPE_RAW = 101
ACK, PUSH, SYN = 0x10, 0x08, 0x02


def tshark_version():
    """Zeros where it is not there, which the tests that need it will say."""
    if not shutil.which("tshark"):
        return 0, 0
    said = subprocess.run(["tshark", "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, re.search(r"(\d+)\.(\d+)", said).groups()))


class Capture:
    """with Capture(port, path) as between: clients connect to between.port. One connection."""

    def __init__(self, port, path):
        self.target = port
        self.path = path
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(TIMEOUT)
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        # The sequence number of what the client sends next, and the server.
        self.sequence = {True: 1, False: 1}
        # What each side sent, beside the packets.
        self.streams = {True: path.with_suffix(".client"), False: path.with_suffix(".server")}
        for stream in self.streams.values():
            stream.touch()
        self.file = path.open("wb")
        self.file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, LINKTYPE_RAW))
        self.record(True, b"", SYN)
        self.record(False, b"", SYN | ACK)
        self.thread = threading.Thread(target=self.relay, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.thread.join(TIMEOUT)
        self.listener.close()
        self.file.close()

    def job(self, job, children, keys):
        """A job for the server, sent by way of this."""
        known = keys.known_hosts(children.path(".known_hosts"), self.port, job.known_keys)
        return dataclasses.replace(job, port=self.port, known_hosts=known)

    def relay(self):
        client, _ = self.listener.accept()
        with client, connected(self.target) as server:
            there = threading.Thread(target=self.pump, args=(client, server, True), daemon=True)
            there.start()
            self.pump(server, client, False)
            there.join(TIMEOUT)

    def pump(self, source, sink, from_client):
        with contextlib.suppress(OSError):
            while data := source.recv(PIECE):
                self.record(from_client, data, PUSH | ACK)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def record(self, from_client, data, flags):
        with self.lock:
            ports = (CLIENT_PORT, SSH_PORT) if from_client else (SSH_PORT, CLIENT_PORT)
            start = 0 if flags & SYN else self.sequence[from_client]
            segment = struct.pack(">HHIIBBHHH", *ports, start, self.sequence[not from_client] if flags & ACK else 0,
                                  0x50, flags, 65535, 0, 0) + data
            addresses = [socket.inet_aton(f"10.0.0.{last}") for last in ((1, 2) if from_client else (2, 1))]
            packet = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(segment), 0, 0, 64, 6, 0, *addresses) + segment
            now = time.time()
            self.file.write(struct.pack("<IIII", int(now), int(now % 1 * 1e6), len(packet), len(packet)) + packet)
            self.sequence[from_client] += len(data)
            with self.streams[from_client].open("ab") as stream:
                stream.write(data)

    def bytes_of(self, side):
        """The file of what the server sent, or the client."""
        return self.streams[side == "client"]

    def tshark(self, *options):
        assert shutil.which("tshark"), "tshark is not installed, and this test needs it"
        done = subprocess.run(["tshark", "-n", "-r", self.path, *options], capture_output=True, text=True, check=False,
                              timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def message_codes(self, side, keylog=None):
        """The numbers of the messages that came from the server, or the client, in order: those that are in the clear,
        and with a key log the others too."""
        port = SSH_PORT if side == "server" else CLIENT_PORT
        keys = ["-o", f"ssh.keylog_file:{keylog}"] if keylog else []
        lines = self.tshark(*keys, "-Y", f"ssh.message_code && tcp.srcport == {port}", "-T", "fields", "-e",
                            "ssh.message_code")
        return [int(number) for line in lines for number in line.split(",")]

    def complaints(self):
        """Packets of which tshark says that something is wrong with what is in them."""
        return self.tshark("-Y", "_ws.malformed || _ws.expert.severity == error")
