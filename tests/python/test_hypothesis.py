# SPDX-License-Identifier: Apache-2.0
"""What Hypothesis makes up: wires cut into pieces anywhere, and sequences of operations on pairs that are open. The
model is the bytes that must arrive. The examples are the same in every run."""

import datetime

import pytest
from hypothesis import HealthCheck, Phase, given, settings, target
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from wires import Collector, Server, link, ssh_pair, tls_pair

import sessile

# What fails is shown as it was found: making it smaller takes a minute.
PHASES = (Phase.explicit, Phase.generate)
settings.register_profile("repeatable", derandomize=True, database=None, report_multiple_bugs=False, phases=PHASES,
                          deadline=datetime.timedelta(seconds=5), max_examples=40, stateful_step_count=30,
                          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
settings.load_profile("repeatable")

SIZES = st.lists(st.one_of(st.integers(1, 40), st.integers(1, 20_000)), min_size=1, max_size=20)
SOME = st.one_of(st.binary(max_size=200), st.integers(0, 5000).map(lambda size: (bytes(range(251)) * 20)[:size]))
DATA = st.one_of(st.binary(max_size=200), st.integers(0, 100_000).map(lambda size: (bytes(range(251)) * 400)[:size]))


def carry_cut(one, other, sizes):
    """Carry bytes by pieces of these sizes, in turn and over again, until nothing moves. What an end does not take is
    offered again with more behind it."""
    offered, at, moving = {one: 0, other: 0}, 0, True
    while moving:
        moving = False
        for end in (one, other):
            if not end.queue or end.over:
                continue
            size = sizes[at % len(sizes)]
            at += 1
            seen = min(offered[end] + size, len(end.queue))
            taken = end.receive(bytes(end.queue[:seen]))
            assert taken <= seen
            if taken < 0:
                end.queue.clear()
                offered[end] = 0
                continue
            del end.queue[:taken]
            moving = moving or taken > 0 or seen > offered[end]
            offered[end] = seen - taken
    assert not [end for end in (one, other) if end.queue and not end.over]


@given(sizes=SIZES, there=SOME, back=SOME)
def test_tls_does_not_care_how_the_wire_is_cut(identity, sizes, there, back):
    one, other = link()
    theirs = Collector(other.tls_accept(sessile.TLSConfig.server(identity.certificate, identity.key)))
    mine = Collector(one.tls_connect(sessile.TLSConfig.client(trust=identity.certificate), "server.test"))
    carry_cut(one, other, sizes)
    assert one.log == other.log == ["ready"]
    for end, data in ((mine, there), (theirs, back)):
        assert end.stream.write(data) == len(data)
    carry_cut(one, other, sizes)
    assert theirs.data == there and mine.data == back
    one.end()
    carry_cut(one, other, sizes)
    assert one.error_seen is None and other.error_seen is None


@settings(max_examples=15)
@given(sizes=SIZES, there=SOME, back=SOME)
def test_ssh_does_not_care_how_the_wire_is_cut(host_key, user_key, sizes, there, back):
    one, other = link(None, Server())
    known = sessile.KnownHosts(sessile.KnownHosts.line("server.test", 22, host_key))
    other.ssh_accept(sessile.SSHConfig.server([host_key]))
    one.ssh_connect(sessile.SSHConfig.client(known_hosts=known, keys=[user_key]), "server.test", "alice")
    carry_cut(one, other, sizes)
    assert "ready" in one.log and "ready" in other.log
    mine = Collector(one.ssh.open_session())
    carry_cut(one, other, sizes)
    theirs, = other.channels
    mine.stream.request_exec("anything")
    carry_cut(one, other, sizes)
    assert mine.stream.write(there) == len(there) and theirs.stream.write(back) == len(back)
    assert theirs.stream.write_stderr(back[:100]) == len(back[:100])
    carry_cut(one, other, sizes)
    assert theirs.data == there and mine.data == back and mine.stderr == back[:100] and True in mine.events
    one.end()
    carry_cut(one, other, sizes)
    assert one.error_seen is None


@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), size=st.integers(1, 5000))
def test_a_record_that_was_touched_ends_tls_and_delivers_nothing_of_it(identity, where, bit, size):
    one, other, mine, theirs = tls_pair(identity)
    mine.stream.write(bytes(size))
    at = int(where * len(other.queue))
    other.queue[at] ^= 1 << bit
    target(float(at))
    while other.take():
        pass
    # A length that became longer only has the session wait for what never comes.
    other.wire_closed()
    assert theirs.data == b"" and isinstance(other.error, sessile.PeerFaultError)


class Side:
    """One end of a stream, and what the model says about it."""

    def __init__(self, collector):
        self.collector, self.stream = collector, collector.stream
        self.sent = bytearray()
        self.ended = False
        # Without it the stream would end with its peer's.
        self.stream.on_end = lambda: None

    def write(self, data):
        taken = self.stream.write(data)
        assert 0 <= taken <= len(data)
        self.sent += data[:taken]


class Pair(RuleBasedStateMachine):
    """Two ends and a wire that is carried by pieces. What was written arrives, in order, and nothing else does."""

    def __init__(self):
        super().__init__()
        self.sides, self.dead = [], False

    def open(self, one, other, mine, theirs):
        self.one, self.other = one, other
        self.sides.append((Side(mine), Side(theirs)))
        self.paused = {one: False, other: False}

    def ends(self):
        return self.one, self.other

    @precondition(lambda self: not self.dead)
    @rule(data=DATA, which=st.integers(0, 7), turn=st.booleans())
    def write(self, data, which, turn):
        if not self.sides:
            return
        side = self.sides[which % len(self.sides)][turn]
        if side.ended:
            with pytest.raises(sessile.Error):
                side.stream.write(data or b"x")
        else:
            side.write(data)

    @precondition(lambda self: not self.dead)
    @rule(which=st.integers(0, 7), turn=st.booleans())
    def end(self, which, turn):
        if self.sides and not (side := self.sides[which % len(self.sides)][turn]).ended:
            side.ended = True
            side.stream.end()

    @precondition(lambda self: not self.dead)
    @rule(turn=st.booleans(), on=st.booleans())
    def pause(self, turn, on):
        end = self.ends()[turn]
        self.paused[end] = on
        end.pause(on)

    @precondition(lambda self: not self.dead)
    @rule(turn=st.booleans(), on=st.booleans())
    def hold(self, turn, on):
        self.ends()[turn].hold(on)

    @rule(turn=st.booleans(), size=st.integers(1, 50_000))
    def carry(self, turn, size):
        end = self.ends()[turn]
        taken = end.receive(bytes(end.queue[:size]))
        if taken < 0:
            end.queue.clear()
        else:
            assert taken == 0 or not self.paused[end] or end.over
            del end.queue[:taken]

    @rule()
    def settle(self):
        """Everything goes on, and all that was written has come through."""
        for end in self.ends():
            if not end.over:
                end.hold(False)
                end.pause(False)
            self.paused[end] = False
        carry_cut(self.one, self.other, [100_000])
        if not self.dead:
            for mine, theirs in self.sides:
                assert mine.collector.data == theirs.sent and theirs.collector.data == mine.sent

    @precondition(lambda self: not self.dead)
    @rule(turn=st.booleans())
    def abort(self, turn):
        if len(self.sides) and len(self.sides[0][0].sent) % 3:
            return
        end = self.ends()[turn]
        if end.over:
            with pytest.raises(sessile.ClosedError):
                end.abort()
            return
        end.abort()
        self.dead = True
        assert end.over and end.closed
        self.ends()[not turn].wire_closed()

    @invariant()
    def nothing_but_what_was_sent(self):
        for mine, theirs in self.sides:
            assert theirs.sent.startswith(mine.collector.data) and mine.sent.startswith(theirs.collector.data)

    @invariant()
    def nobody_failed(self):
        for end in self.ends() if self.sides else ():
            assert self.dead or end.error is None, end.error

    def teardown(self):
        if self.sides:
            self.settle()
            for end in self.ends():
                if not end.over:
                    end.end()
            carry_cut(self.one, self.other, [100_000])
            for end in self.ends():
                if not end.over:
                    end.wire_closed()
                assert end.log.count("closed") == 1


class TLSPair(Pair):
    identity = None

    @initialize()
    def begin(self):
        self.open(*tls_pair(self.identity))

    @precondition(lambda self: not self.dead and not any(side.ended for pair in self.sides for side in pair))
    @rule(turn=st.booleans())
    def new_keys(self, turn):
        self.ends()[turn].tls.key_update()


class SSHPair(Pair):
    keys = None

    @initialize()
    def begin(self):
        one, other = ssh_pair(*self.keys)
        mine = Collector(one.ssh.open_session())
        carry_cut(one, other, [100_000])
        mine.stream.request_exec("anything")
        carry_cut(one, other, [100_000])
        self.open(one, other, mine, other.channels[0])

    @precondition(lambda self: not self.dead and len(self.sides) < 4)
    @rule()
    def open_channel(self):
        self.settle()
        mine = Collector(self.one.ssh.open_tcp("host.test", 80))
        carry_cut(self.one, self.other, [100_000])
        self.sides.append((Side(mine), Side(self.other.channels[-1])))

    @precondition(lambda self: not self.dead)
    @rule(name=st.sampled_from(["A", "LONG" * 50]), value=st.text(max_size=20))
    def request(self, name, value):
        if self.sides and not self.sides[0][0].ended:
            self.sides[0][0].stream.request_env(name, value.replace("\0", ""))

    @precondition(lambda self: not self.dead)
    @rule(turn=st.booleans())
    def new_keys(self, turn):
        self.ends()[turn].ssh.rekey()


def test_operations_on_tls_in_any_order(identity):
    from hypothesis.stateful import run_state_machine_as_test

    TLSPair.identity = identity
    run_state_machine_as_test(TLSPair, settings=settings(max_examples=50))


def test_operations_on_ssh_in_any_order(host_key, user_key):
    from hypothesis.stateful import run_state_machine_as_test

    SSHPair.keys = (host_key, user_key)
    run_state_machine_as_test(SSHPair, settings=settings(max_examples=60))
