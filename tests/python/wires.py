# SPDX-License-Identifier: Apache-2.0
"""Wires in memory: two ends with a queue each, carried by hand, so that every test sees what is on its way."""

import sessile


class End(sessile.Session):
    """One end: what it sends goes to the other's queue; what it does not take stays in its own."""

    def __init__(self, **callbacks):
        self.queue = bytearray()
        self.peer = None
        self.log = []
        self.closed = False
        self.wants_more = False
        self.error_seen = "none yet"
        super().__init__()
        for name, call in callbacks.items():
            setattr(self, name, call)

    def on_send(self, data):
        self.peer.queue += data

    def on_close(self):
        self.closed = True

    def on_resume(self):
        self.wants_more = True

    def on_ready(self):
        self.log.append("ready")

    def on_closed(self, error):
        self.error_seen = error
        self.log.append("closed")

    def take(self):
        """Offer what is queued; whether anything came of it."""
        self.wants_more = False
        if not self.queue:
            return False
        taken = self.receive(bytes(self.queue))
        if taken < 0:
            self.queue.clear()
            return False
        del self.queue[:taken]
        return taken > 0


def link(one=None, other=None):
    """Two ends whose wires are each other."""
    one, other = one or End(), other or End()
    one.peer, other.peer = other, one
    return one, other


def pump(one, other):
    """Carry bytes until nothing moves any more."""
    moving = True
    while moving:
        moving = one.take()
        moving = other.take() or moving


class Collector:
    """What a stream brought."""

    def __init__(self, stream):
        self.data = bytearray()
        self.stderr = bytearray()
        self.events = []
        self.stream = stream
        stream.on_data = self.data.extend
        stream.on_closed = lambda error: self.events.append(("closed", error))
        if isinstance(stream, sessile.Channel):
            stream.on_stderr = self.stderr.extend
            stream.on_open = lambda: self.events.append("open")
            stream.on_reply = lambda yes: self.events.append(yes)
            stream.on_event = self.events.append


def tls_pair(identity, client=None, server=None, client_end=None, server_end=None):
    """A client and a server after their handshake, and their streams."""
    one, other = link(client_end, server_end)
    server = server or sessile.TLSConfig.server(identity.certificate, identity.key)
    client = client or sessile.TLSConfig.client(trust=identity.certificate)
    theirs = Collector(other.tls_accept(server))
    mine = Collector(one.tls_connect(client, "server.test"))
    pump(one, other)
    return one, other, mine, theirs


class Server(End):
    """An SSH server that says yes to what its rules do not mention. Its channels are collected."""

    def __init__(self, **rules):
        self.rules = rules
        self.asked = []
        self.channels = []
        super().__init__()

    def on_question(self, question):
        self.asked.append(question.kind)
        rule = self.rules.get(question.kind.name)
        if rule is None:
            question.accept()
        else:
            rule(question)

    def on_stream(self, stream):
        self.channels.append(Collector(stream))


def ssh_pair(host_key, user_key=None, server=None, client=None, config=None, server_config=None):
    """A client and a server, pumped until both are ready or one has failed."""
    one, other = link(client, server or Server())
    server_config = server_config or sessile.SSHConfig.server([host_key])
    if config is None:
        known = sessile.KnownHosts(sessile.KnownHosts.line("server.test", 22, host_key))
        config = sessile.SSHConfig.client(known_hosts=known, keys=[user_key] if user_key else [])
    other.ssh_accept(server_config)
    one.ssh_connect(config, "server.test", "alice")
    pump(one, other)
    return one, other
