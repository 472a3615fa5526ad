# SPDX-License-Identifier: Apache-2.0
"""Read a recorded session with its key log: the messages' numbers, those of the client on the first line of stdout.

Arguments: the bytes of the client, those of the server, the key log. curve25519-sha256 and AES-GCM, one key exchange.
"""

import hashlib
import struct
import sys
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEXINIT, NEWKEYS = 20, 21
TAG = 16


class Side:
    """What one side sent: its identification, its packets in the clear as far as NEWKEYS, and what is left."""

    def __init__(self, data):
        line, _, self.left = data.partition(b"\n")
        self.identification = line.rstrip(b"\r")
        self.clear = [self.packet()]
        while self.clear[-1][0] != NEWKEYS:
            self.clear.append(self.packet())

    def packet(self):
        length, padding = struct.unpack_from(">IB", self.left)
        payload = self.left[5:4 + length - padding]
        self.left = self.left[4 + length:]
        return payload

    def decrypt(self, key, iv):
        """AES-GCM as OpenSSH has it: the length in the clear, the last 8 bytes of the IV a counter."""
        while self.left:
            length, = struct.unpack_from(">I", self.left)
            plain = AESGCM(key).decrypt(iv, self.left[4:4 + length + TAG], self.left[:4])
            yield plain[1:length - plain[0]]
            self.left = self.left[4 + length + TAG:]
            iv = iv[:4] + (int.from_bytes(iv[4:], "big") + 1).to_bytes(8, "big")


def string(data):
    return struct.pack(">I", len(data)) + data


def strings(data):
    while data:
        size, = struct.unpack_from(">I", data)
        yield data[4:4 + size]
        data = data[4 + size:]


def secret_of(path, cookies):
    """K as it is hashed: an mpint."""
    for line in path.read_text().splitlines():
        cookie, label, secret = line.split()
        if bytes.fromhex(cookie) in cookies and label == "SHARED_SECRET":
            data = bytes.fromhex(secret)
            return string(b"\0" * (data[0] >> 7) + data)
    sys.exit("no line of the key log has the cookie of either side")


def read(client, server, keylog):
    inits = [next(packet for packet in side.clear if packet[0] == KEXINIT) for side in (client, server)]
    secret = secret_of(keylog, [init[1:17] for init in inits])
    public, = strings(client.clear[1][1:])
    host_key, answer, _ = strings(server.clear[1][1:])
    session_id = hashlib.sha256(b"".join(map(string, (
        client.identification, server.identification, *inits, host_key, public, answer))) + secret).digest()

    def derive(letter, size):
        return hashlib.sha256(secret + session_id + letter + session_id).digest()[:size]
    size = 32 if inits[0].find(b"aes256-gcm@openssh.com") >= 0 and \
        inits[1].find(b"aes256-gcm@openssh.com") >= 0 else 16
    for side, iv, key in ((client, b"A", b"C"), (server, b"B", b"D")):
        print(*(packet[0] for packet in side.decrypt(derive(key, size), derive(iv, 12))))


if __name__ == "__main__":
    data = [Path(name).read_bytes() for name in sys.argv[1:3]]
    read(Side(data[0]), Side(data[1]), Path(sys.argv[3]))
