# SPDX-License-Identifier: Apache-2.0
"""Names of algorithms: what Sessile knows, what each peer has in common with it, and lists of what is to be met.

The table is the basis of the matrix; test_peers.py compares it with what each peer offers in its KEXINIT.
"""

import functools
import itertools
import re
import ssl
import subprocess
from dataclasses import dataclass, replace

import build

HYBRID = "mlkem768x25519-sha256"
KEX = (
    *((HYBRID,) if ssl.OPENSSL_VERSION_INFO >= (3, 5) else ()),
    "curve25519-sha256", "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521",
    "diffie-hellman-group-exchange-sha256", "diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512",
    "diffie-hellman-group14-sha256",
)
CHACHA = "chacha20-poly1305@openssh.com"
GCM = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
AEAD = (CHACHA, *GCM)
CTR = ("aes128-ctr", "aes192-ctr", "aes256-ctr")
CIPHERS = (*AEAD, *CTR)
MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")
PLAIN_KEYS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512",
              "rsa-sha2-256")
CERTIFICATES = tuple(f"{name}-cert-v01@openssh.com" for name in PLAIN_KEYS)
KEYS = (*PLAIN_KEYS, *CERTIFICATES)
COMPRESSION = ("none", "zlib@openssh.com")


@dataclass(frozen=True)
class Known:
    """What a peer has in common with Sessile. User keys are in no KEXINIT, certificates not as what they are here."""

    kex: tuple
    ciphers: tuple
    macs: tuple
    host_keys: tuple
    user_keys: tuple
    compression: tuple


def without(names, *missing):
    return tuple(name for name in names if name not in missing)


def known(kex=KEX, ciphers=CIPHERS, macs=MACS, host_keys=PLAIN_KEYS, user_keys=PLAIN_KEYS, compression=COMPRESSION):
    return Known(kex, ciphers, macs, host_keys, user_keys, compression)


@functools.cache
def query(kind):
    """What the installed ssh knows of a kind."""
    done = subprocess.run(["ssh", "-Q", kind], capture_output=True, text=True, check=True)
    return frozenset(done.stdout.split())


def openssh():
    keys = tuple(name for name in KEYS if name in query("HostKeyAlgorithms"))
    return known(tuple(name for name in KEX if name in query("kex")),
                 tuple(name for name in CIPHERS if name in query("cipher")),
                 tuple(name for name in MACS if name in query("mac")), keys, keys)


ETM = tuple(name for name in MACS if "-etm@" in name)
GEX, GROUP14, GROUP16, GROUP18 = (f"diffie-hellman-group{which}" for which in (
    "-exchange-sha256", "14-sha256", "16-sha512", "18-sha512"))
NO_RSA = without(PLAIN_KEYS, "rsa-sha2-512", "rsa-sha2-256")
NONE = ("none",)
RSA_CERTIFICATE = re.compile("rsa-.*-cert-")
DROPBEAR = known(
    without(KEX, HYBRID, GEX, GROUP16, GROUP18), (CHACHA, "aes128-ctr", "aes256-ctr"), ("hmac-sha2-256",),
    without(PLAIN_KEYS, "rsa-sha2-512"), without(PLAIN_KEYS, "rsa-sha2-512"))
PARAMIKO = known(without(KEX, "curve25519-sha256", GROUP18), without(CIPHERS, CHACHA), compression=NONE)
# Of the two versions that build.sh knows, the older has no hybrid.
GO_LACKS = (GROUP18, *(() if build.go_crypto() >= (0, 40) else (HYBRID,)))
CLIENTS = {
    "OpenSSH": openssh(),
    "dropbear": DROPBEAR,
    "PuTTY": known(without(KEX, HYBRID), macs=("hmac-sha2-256-etm@openssh.com", "hmac-sha2-256"), host_keys=KEYS,
                   user_keys=KEYS),
    # It looks for the types of RSA certificates by a name that says SHA-1.
    "libssh": known(without(KEX, HYBRID), user_keys=tuple(name for name in KEYS if not RSA_CERTIFICATE.match(name))),
    # Its RSA is ssh-rsa alone: see test_algorithms.py.
    "libssh2": known(without(KEX, HYBRID), CTR, without(MACS, *ETM), NO_RSA, NO_RSA, NONE),
    "paramiko": replace(PARAMIKO, user_keys=KEYS),
    "asyncssh": known(host_keys=KEYS, user_keys=KEYS),
    "Go x/crypto/ssh": known(without(KEX, *GO_LACKS), host_keys=KEYS, user_keys=KEYS, compression=NONE),
    "russh": known(host_keys=KEYS, user_keys=KEYS),
    # Of RSA it takes the first that it finds named, and that is never rsa-sha2-512.
    "Node ssh2": known(without(KEX, HYBRID), user_keys=without(PLAIN_KEYS, "rsa-sha2-512")),
    "JSch": known(host_keys=KEYS, user_keys=KEYS),
    "Apache MINA": known(host_keys=KEYS, user_keys=KEYS),
}
SERVERS = {
    "OpenSSH": openssh(),
    "dropbear": DROPBEAR,
    "libssh": known(without(KEX, HYBRID)),
    "paramiko": PARAMIKO,
    "asyncssh": known(host_keys=KEYS, user_keys=KEYS),
    "Go x/crypto/ssh": known(without(KEX, *GO_LACKS, GEX), host_keys=KEYS, user_keys=KEYS, compression=NONE),
    "russh": known(host_keys=KEYS, user_keys=KEYS),
    # In what it says of signatures, the comma between these two is missing.
    "Node ssh2": known(without(KEX, HYBRID, GEX), user_keys=without(PLAIN_KEYS, "ecdsa-sha2-nistp521", "rsa-sha2-512")),
    "Apache MINA": known(host_keys=KEYS, user_keys=KEYS),
}


@dataclass(frozen=True)
class Suite:
    """One of each."""

    kex: str
    cipher: str
    mac: str
    host_key: str
    user_key: str
    compression: str = "none"

    def __str__(self):
        mac = "" if self.cipher in AEAD else f"+{self.mac}"
        text = f"{self.kex}/{self.cipher}{mac}/{self.host_key}/{self.user_key}"
        return text if self.compression == "none" else f"{text}/{self.compression}"


def pick(names, number):
    return names[number % len(names)]


def cover(peer):
    """As few suites as meet each name once. MACs count beside a cipher that needs one, so these pairs come first."""
    needing = [name for name in peer.ciphers if name not in AEAD]
    pairs = [(pick(needing, number), pick(peer.macs, number)) for number in range(max(len(needing), len(peer.macs)))]
    pairs += [(name, peer.macs[0]) for name in peer.ciphers if name in AEAD]
    count = max(len(peer.kex), len(pairs), len(peer.host_keys), len(peer.user_keys), len(peer.compression))
    return [Suite(pick(peer.kex, number), *pick(pairs, number), pick(peer.host_keys, number),
                  pick(peer.user_keys, number), pick(peer.compression, number)) for number in range(count)]


def protections(peer):
    """Each cipher, with each MAC where it needs one."""
    return [(cipher, mac) for cipher in peer.ciphers for mac in (peer.macs[:1] if cipher in AEAD else peer.macs)]


def pairs(peer):
    """Any two of: a key exchange, a cipher with its MAC, a host key, a user key. Each suite begins with a pair that none
    before it has; its other parts are those that make the most new pairs with what it has already."""
    parts = (peer.kex, protections(peer), peer.host_keys, peer.user_keys)
    places = range(len(parts))
    left = {frozenset(pair): pair for one, other in itertools.combinations(places, 2)
            for pair in itertools.product(((one, value) for value in parts[one]),
                                          ((other, value) for value in parts[other]))}

    def gain(chosen, part):
        return sum(frozenset((one, part)) in left for one in chosen.items())

    while left:
        chosen = dict(next(iter(left.values())))
        for place in places:
            if place not in chosen:
                chosen[place] = max(parts[place], key=lambda value: gain(chosen, (place, value)))
        for pair in itertools.combinations(chosen.items(), 2):
            left.pop(frozenset(pair), None)
        yield Suite(chosen[0], *chosen[1], chosen[2], chosen[3])
