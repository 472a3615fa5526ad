# SPDX-License-Identifier: Apache-2.0
"""The options of ssh_config: which there are, and how each one's value is read."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable

FLAGS = {"yes": "yes", "true": "yes", "no": "no", "false": "no"}
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_TIME = re.compile(r"(\d+)([smhdw]?)", re.IGNORECASE)

Reader = Callable[[list[str]], list[str]]


def _one(words: list[str]) -> list[str]:
    if len(words) != 1:
        raise ValueError("one word is wanted" if words else "a value is missing")
    return words


def _some(words: list[str]) -> list[str]:
    if not words:
        raise ValueError("a value is missing")
    return words


def _flag(words: list[str]) -> list[str]:
    word = _one(words)[0].lower()
    if word not in FLAGS:
        raise ValueError(f"{word!r} is neither yes nor no")
    return [FLAGS[word]]


def _choice(*values: str) -> Reader:
    def read(words: list[str]) -> list[str]:
        word = _one(words)[0].lower()
        word = FLAGS.get(word, word)
        if word not in values:
            raise ValueError(f"{word!r} is none of {', '.join(values)}")
        return [word]

    return read


def _number(words: list[str]) -> list[str]:
    word = _one(words)[0]
    if not re.fullmatch(r"\d{1,9}", word):
        raise ValueError(f"{word!r} is no number")
    return [str(int(word))]


def read_port(word: str) -> int:
    """A port by number or by name; ValueError for anything else."""
    if re.fullmatch(r"\d+", word):
        port = int(word)
    else:
        try:
            port = socket.getservbyname(word, "tcp")
        except OSError:
            port = 0
    if not 0 < port < 65536:
        raise ValueError(f"{word!r} is no port")
    return port


def _port(words: list[str]) -> list[str]:
    return [str(read_port(_one(words)[0]))]


def _time(words: list[str]) -> list[str]:
    word = _one(words)[0].lower()
    if word == "none":
        return ["0"]
    parts = _TIME.findall(word)
    if not parts or "".join(number + unit for number, unit in parts) != word:
        raise ValueError(f"{word!r} is no time")
    return [str(sum(int(number) * _UNITS[unit] for number, unit in parts))]


def _forward(words: list[str]) -> list[str]:
    if not 1 <= len(words) <= 2:
        raise ValueError("where to listen and where to connect are wanted")
    return words


def _settings(words: list[str]) -> list[str]:
    for word in _some(words):
        if not re.fullmatch(r"[^=]+=.*", word, re.DOTALL):
            raise ValueError(f"{word!r} is no NAME=value")
    return words


READERS: dict[str, Reader] = {
    "batchmode": _flag, "casignaturealgorithms": _one, "certificatefile": _one, "ciphers": _one, "compression": _flag,
    "connecttimeout": _time, "dynamicforward": _one, "exitonforwardfailure": _flag, "globalknownhostsfile": _some,
    "hashknownhosts": _flag, "hostkeyalgorithms": _one, "hostkeyalias": _one, "hostname": _one,
    "identitiesonly": _flag, "identityagent": _one, "identityfile": _one, "ignoreunknown": _one, "include": _some,
    "kbdinteractiveauthentication": _flag, "kexalgorithms": _one, "localforward": _forward, "macs": _one,
    "numberofpasswordprompts": _number, "passwordauthentication": _flag, "port": _port, "proxyjump": _one,
    "pubkeyacceptedalgorithms": _one, "pubkeyauthentication": _choice("yes", "no", "unbound", "host-bound"),
    "remoteforward": _forward, "requesttty": _choice("yes", "no", "force", "auto"), "sendenv": _some,
    "serveraliveinterval": _time, "setenv": _settings,
    "stricthostkeychecking": _choice("yes", "no", "ask", "accept-new", "off"), "user": _one,
    "userknownhostsfile": _some, "visualhostkey": _flag,
}
# Those that add up; of all others the first value counts.
ADDING = {"certificatefile", "dynamicforward", "identityfile", "localforward", "remoteforward", "sendenv"}
# Those whose value is the rest of the line, as it is.
WHOLE = {"proxycommand", "remotecommand", "localcommand", "knownhostscommand"}
ALIASES = {
    "challengeresponseauthentication": "kbdinteractiveauthentication", "dsaauthentication": "pubkeyauthentication",
    "keepalive": "tcpkeepalive", "pubkeyacceptedkeytypes": "pubkeyacceptedalgorithms",
    "skeyauthentication": "kbdinteractiveauthentication",
}
# Known, and without an effect here.
IDLE = set("""
    addkeystoagent addressfamily bindaddress bindinterface canonicaldomains canonicalizefallbacklocal
    canonicalizehostname canonicalizemaxdots canonicalizepermittedcnames channeltimeout checkhostip cipher
    clearallforwardings connectionattempts controlmaster controlpath controlpersist enableescapecommandline
    enablesshkeysign escapechar fingerprinthash forkafterauthentication forwardagent forwardx11 forwardx11timeout
    forwardx11trusted gatewayports gssapiauthentication gssapiclientidentity gssapidelegatecredentials
    gssapikexalgorithms gssapikeyexchange gssapirenewalforcesrekey gssapiserveridentity gssapitrustdns
    hostbasedacceptedalgorithms hostbasedauthentication hostbasedkeytypes ipqos kbdinteractivedevices
    loglevel logverbose nohostauthenticationforlocalhost obscurekeystroketiming permitlocalcommand permitremoteopen
    pkcs11provider preferredauthentications protocol proxyusefdpass refuseconnection rekeylimit requiredrsasize
    revokedhostkeys rhostsrsaauthentication rsaauthentication securitykeyprovider serveralivecountmax sessiontype
    smartcarddevice stdinnull streamlocalbindmask streamlocalbindunlink syslogfacility tag tcpkeepalive tunnel
    tunneldevice updatehostkeys useprivilegedport userkeychain verifyhostkeydns versionaddendum warnweakcrypto
    xauthlocation
""".split())
