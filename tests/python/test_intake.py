# SPDX-License-Identifier: Apache-2.0
"""The extension's part of sessile.asyncio: how bytes get from a transport into a session, and from it to a protocol."""

import asyncio
import concurrent.futures
import gc
import weakref

import pytest
from sessile import _sessile

import sessile
import sessile.asyncio as aio
from wires import End, pump, tls_pair

SHARED = 256 * 1024


class Wire(_sessile.Intake):
    """An intake, and how often its transport had to be told something."""

    def __init__(self, session=None):
        self.balanced = 0
        if session is not None:
            self.attach(session._handle)

    def _balance(self):
        self.balanced += 1

    def put(self, data):
        room = self.get_buffer(-1)
        room[: len(data)] = data
        self.buffer_updated(len(data))


@pytest.fixture
def ends(identity):
    """A server's session behind an intake, and a client that has written; what the server's stream brings."""
    one, other, mine, theirs = tls_pair(identity)
    return one, other, mine.stream, theirs, Wire(other)


def written(one, stream, data):
    """What a write puts on the wire."""
    stream.write(data)
    sent = bytes(one.peer.queue)
    one.peer.queue.clear()
    return sent


@pytest.mark.parametrize("size", [1, 7, 333, 5000])
def test_pieces_of_any_size_are_joined(ends, size):
    one, _, stream, theirs, wire = ends
    data = bytes(range(256)) * 200
    sent = written(one, stream, data)
    for start in range(0, len(sent), size):
        wire.put(sent[start : start + size])
    assert theirs.data == data
    assert wire.waiting == 0 and wire.balanced == 0


@pytest.mark.parametrize("size", [1, 7, 333, 5000])
def test_pieces_that_are_handed_over_are_joined(ends, size):
    one, _, stream, theirs, wire = ends
    sent = written(one, stream, b"x" * 20000)
    for start in range(0, len(sent), size):
        wire.data_received(memoryview(sent)[start : start + size])
    assert theirs.data == b"x" * 20000
    assert wire.waiting == 0


def test_both_ways_in_turn(ends):
    one, _, stream, theirs, wire = ends
    sent = written(one, stream, b"y" * 3000)
    for at in range(len(sent)):
        (wire.put if at % 2 else wire.data_received)(sent[at : at + 1])
    assert theirs.data == b"y" * 3000


def test_a_part_of_a_record_waits(ends):
    one, _, stream, theirs, wire = ends
    sent = written(one, stream, b"whole")
    wire.put(sent[:-1])
    assert wire.waiting == len(sent) - 1 and not theirs.data
    wire.put(sent[-1:])
    assert wire.waiting == 0 and theirs.data == b"whole"


def test_more_between_the_buffer_and_its_update(ends):
    """A transport that mixes both ways: the room's front is too small for what waits then."""
    one, _, stream, theirs, wire = ends
    sent = written(one, stream, b"whole")
    room = wire.get_buffer(-1)
    wire.data_received(sent[:10])
    room[:5] = sent[10:15]
    wire.buffer_updated(5)
    assert wire.waiting == 15
    wire.data_received(sent[15:])
    assert theirs.data == b"whole"


def test_what_arrives_while_the_session_is_at_work_comes_after(ends):
    one, _, stream, theirs, wire = ends
    pieces = [written(one, stream, b"%04d" % number) for number in range(20)]
    seen = []

    def take(data):
        seen.append(data)
        if pieces:
            (wire.put if len(pieces) % 2 else wire.data_received)(pieces.pop(0))

    theirs.stream.on_data = take
    wire.put(pieces.pop(0))
    assert seen == [b"%04d" % number for number in range(20)]
    assert wire.waiting == 0


def test_a_paused_session_leaves_all_and_the_transport_is_told(ends):
    one, other, stream, theirs, wire = ends
    sent = written(one, stream, b"later")
    other.pause()
    wire.put(sent)
    assert (wire.waiting, wire.balanced, bytes(theirs.data)) == (len(sent), 1, b"")
    wire.deaf = True
    other.on_resume = wire.offer
    other.pause(False)
    assert theirs.data == b"later" and wire.waiting == 0
    assert wire.balanced == 2


def test_what_waits_can_be_dropped(ends):
    one, _, stream, _, wire = ends
    wire.put(written(one, stream, b"data")[:-1])
    wire.forget()
    assert wire.waiting == 0


def test_a_failed_session_leaves_nothing(ends):
    _, other, _, _, wire = ends
    wire.put(b"\x17\x03\x03\x00\x20" + bytes(32) + b"more")
    assert isinstance(other.error_seen, sessile.ProtocolError)
    assert wire.waiting == 0


def test_an_error_of_a_callback_comes_out(ends):
    one, _, stream, theirs, wire = ends
    sent = written(one, stream, b"data")

    def take(data):
        raise KeyError(data)

    theirs.stream.on_data = take
    with pytest.raises(KeyError):
        wire.put(sent)
    wire.offer()


def test_one_room_for_all_and_others_where_it_is_lent(ends):
    other, third = Wire(ends[1]), Wire(ends[1])
    wire = ends[4]
    assert len(wire.get_buffer(-1)) == SHARED
    assert len(other.get_buffer(-1)) < SHARED
    other.get_buffer(-1)[:1] = b"o"
    wire.get_buffer(-1)[:1] = b"w"
    assert (other.get_buffer(-1)[0], wire.get_buffer(-1)[0]) == (ord("o"), ord("w"))
    wire.release()
    assert len(third.get_buffer(-1)) == SHARED
    del third
    gc.collect()
    assert len(wire.get_buffer(-1)) == SHARED
    wire.release()


def test_a_room_outlives_its_intake(ends):
    holder, wire = Wire(ends[1]), ends[4]
    holder.get_buffer(-1)
    room = wire.get_buffer(-1)
    wire.release()
    room[:4] = b"left"
    holder.release()
    assert bytes(room[:4]) == b"left"


def test_misuse(ends):
    wire = ends[4]
    with pytest.raises(ValueError):
        wire.buffer_updated(1)
    room = wire.get_buffer(-1)
    for size in (len(room) + 1, -1, 1 << 70):
        with pytest.raises((ValueError, OverflowError)):
            wire.buffer_updated(size)
    with pytest.raises(TypeError):
        wire.buffer_updated("1")
    for call in (lambda: Wire().put(b"1"), lambda: Wire().data_received(b"1"), lambda: Wire().offer()):
        with pytest.raises(RuntimeError):
            call()
    with pytest.raises(TypeError):
        wire.attach(object())
    with pytest.raises(TypeError):
        wire.data_received("text")
    wire.release()
    gc.collect()


def test_a_freed_session_is_told_of(ends):
    one, other, stream, _, wire = ends
    sent = written(one, stream, b"data")
    other.free()
    with pytest.raises(sessile.GoneError):
        wire.put(sent)


def test_a_session_that_is_freed_by_what_arrives(ends):
    one, other, stream, theirs, wire = ends
    sent = written(one, stream, b"data") + b"\x17\x03\x03\x00\x20" + bytes(32)
    theirs.stream.on_data = lambda _: other.free()
    wire.put(sent)
    with pytest.raises(sessile.GoneError):
        wire.data_received(b"more")


def test_a_room_that_is_lent_cannot_be_resized(ends):
    holder, wire = Wire(ends[1]), ends[4]
    holder.get_buffer(-1)
    room = wire.get_buffer(-1)
    whole = room.obj
    room.release()
    with pytest.raises(BufferError):
        whole.clear()
    wire.buffer_updated(0)
    whole.clear()
    holder.release()


def test_a_session_is_busy_in_another_thread(ends):
    one, other, stream, theirs, wire = ends
    sent = [written(one, stream, data) for data in (b"first", b"data")]
    second, raised = Wire(other), []
    theirs.stream.on_data = lambda _: raised.append(elsewhere(second.put, sent[1]))
    wire.put(sent[0])
    assert isinstance(raised[0], sessile.BusyError) and second.waiting == len(sent[1])
    theirs.stream.on_data = raised.append
    second.offer()
    assert raised[1:] == [b"data"] and second.waiting == 0


def elsewhere(call, *arguments):
    """What a call raises in a thread of its own."""
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        return threads.submit(call, *arguments).exception()


# ---- Methods in C ----


def test_methods_that_are_done_in_c():
    class Mine(End):
        def receive(self, data):
            return 1000 + super().receive(data)

    assert Mine().receive(b"") == 1000
    with pytest.raises(sessile.MisuseError):
        sessile.Session.__new__(sessile.Session).receive(b"")
    with pytest.raises(TypeError):
        sessile.Session.receive(object(), b"")
    with pytest.raises(TypeError):
        End().receive("text")
    with pytest.raises(TypeError):
        _sessile.quicken(1)
    assert "whole units" in sessile.Session.receive.__doc__


# ---- Flow ----


class Transport:
    """What a flow has to do with."""

    def __init__(self, stream):
        self.flow = _sessile.Flow(self, stream._handle)
        self.log = []

    def _arrived(self, data):
        self.log.append(("arrived", data))

    def _write(self, data):
        self.log.append(("write", data))

    def _left(self, data, taken):
        self.log.append(("left", len(data) - taken))

    def _raised(self, error):
        self.log.append(("raised", repr(error)))


class Protocol:
    def __init__(self):
        self.data = bytearray()

    def data_received(self, data):
        self.data += data


def test_a_flow_is_short_only_where_it_may_be(identity):
    one, other, mine, theirs = tls_pair(identity)
    transport, protocol = Transport(mine.stream), Protocol()
    flow = transport.flow
    flow.protocol = protocol
    flow.write(b"no")
    flow.arrived(b"no")
    assert transport.log == [("write", b"no"), ("arrived", b"no")]
    flow.reading = flow.writing = True
    mine.stream.on_data = flow.arrived
    flow.write(bytearray(b"there"))
    flow.write(b"")
    theirs.stream.write(b"back")
    pump(one, other)
    assert (theirs.data, protocol.data) == (b"there", b"back")
    flow.write("text")
    assert transport.log[2:] == [("write", "text")]


def test_what_a_flow_cannot_send_is_left(identity):
    one, other, mine, theirs = tls_pair(identity)
    transport = Transport(mine.stream)
    transport.flow.writing = True
    one.hold()
    transport.flow.write(b"12345")
    assert transport.log == [("left", 5)]
    assert transport.flow.put(b"12345") == 0
    one.hold(False)
    assert transport.flow.put(b"12345") == 5
    one.abort()
    assert transport.flow.put(b"12345") == 5
    one.free()
    assert transport.flow.put(b"12345") == 5
    with pytest.raises(TypeError):
        transport.flow.put("text")


def test_a_write_from_inside_a_write_is_not_short(identity):
    one, other, mine, theirs = tls_pair(identity)
    transport = Transport(mine.stream)
    flow = transport.flow
    flow.writing = True

    def send(data):
        assert flow.busy
        flow.again = True
        flow.write(b"inner")

    one.on_send = send
    flow.write(b"outer")
    assert transport.log == [("write", b"inner"), ("left", 0)]
    assert not flow.busy


def test_what_a_protocol_raises_goes_to_the_transport(identity):
    one, other, mine, theirs = tls_pair(identity)
    transport = Transport(mine.stream)
    flow, protocol = transport.flow, Protocol()
    flow.protocol, flow.reading = protocol, True
    protocol.data_received = lambda data: {}[data]
    flow.arrived(b"key")
    assert transport.log == [("raised", "KeyError(b'key')")]

    def interrupt(data):
        raise KeyboardInterrupt

    protocol.data_received = interrupt
    with pytest.raises(KeyboardInterrupt):
        flow.arrived(b"key")


def test_a_wire_that_raises_is_told_of_and_nothing_is_left(identity):
    one, other, mine, theirs = tls_pair(identity)
    transport = Transport(mine.stream)
    transport.flow.writing = True
    one.on_send = lambda data: {}[len(data)]
    transport.flow.write(b"12345")
    assert [name for name, _ in transport.log] == ["raised"] and "KeyError" in transport.log[0][1]
    assert not transport.flow.busy and isinstance(one.error, sessile.Error)

    one, other, mine, theirs = tls_pair(identity)
    transport = Transport(mine.stream)

    def interrupt(data):
        raise KeyboardInterrupt

    one.on_send = interrupt
    with pytest.raises(KeyboardInterrupt):
        transport.flow.put(b"12345")
    assert not transport.log and not transport.flow.busy


def test_nothing_is_lost_where_the_session_is_busy_in_another_thread(identity):
    one, other, mine, theirs = tls_pair(identity)
    transport = Transport(mine.stream)
    transport.flow.writing = True
    raised = []
    mine.stream.on_data = lambda data: raised.extend(
        elsewhere(call, data) for call in (transport.flow.write, transport.flow.put))
    theirs.stream.write(b"data")
    pump(one, other)
    assert [type(error) for error in raised] == 2 * [sessile.BusyError]
    transport.flow.write(b"data")
    pump(one, other)
    assert theirs.data == b"data" and not transport.log


def test_views_that_are_not_plain_are_the_transports_matter(identity):
    transport = Transport(tls_pair(identity)[2].stream)
    transport.flow.writing = True
    every_other = memoryview(b"a.b.c.")[::2]
    transport.flow.write(every_other)
    assert transport.log == [("write", every_other)]


def test_a_flow_is_collected(identity):
    transport = Transport(tls_pair(identity)[2].stream)
    transport.flow.protocol = transport
    gone = weakref.ref(transport)
    del transport
    gc.collect()
    assert gone() is None
    with pytest.raises(TypeError):
        _sessile.Flow(None, None)
    with pytest.raises(TypeError):
        _sessile.Flow()


# ---- Wires that are each other ----


class Loopback(asyncio.Transport):
    """A transport that hands over inside write(), and is full after each until the loop's next round."""

    def __init__(self):
        super().__init__()
        self.closing = self.full = False

    def write(self, data):
        self.peer.protocol.data_received(data)
        if not self.full:
            self.full = True
            self.protocol.pause_writing()
            asyncio.get_running_loop().call_soon(self.drain)

    def drain(self):
        self.full = False
        self.protocol.resume_writing()

    def is_closing(self):
        return self.closing

    def close(self):
        self.closing = True

    abort = close

    def pause_reading(self):
        raise NotImplementedError


class Recorder(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.data = transport, bytearray()

    def data_received(self, data):
        self.data += data


async def test_order_where_everything_is_on_one_stack(identity):
    """Writes from inside a write that is taken short come behind what is left of that."""
    loop = asyncio.get_running_loop()
    near, far = Loopback(), Loopback()
    near.peer, far.peer = far, near
    mine, theirs = Recorder(), Recorder()
    sent = []

    def answer(data):
        theirs.data += data
        if len(sent) < 20:
            sent.append(b"%06d" % len(sent) * 60000)
            mine.transport.write(sent[-1])

    theirs.data_received = answer
    client = aio.tls.TLSWire(loop, mine, sessile.TLSConfig.client(trust=identity.certificate),
                             server_hostname="server.test")
    server = aio.tls.TLSWire(loop, theirs, sessile.TLSConfig.server(identity.certificate, identity.key),
                             server_side=True)
    near.protocol, far.protocol = client, server
    server.connection_made(far)
    client.connection_made(near)
    while near.full or far.full:
        await asyncio.sleep(0)
    first = b"begin" * 150000
    mine.transport.write(first)
    while len(theirs.data) < len(first) + sum(map(len, sent)):
        await asyncio.sleep(0)
    assert theirs.data == first + b"".join(sent)
    for wire in (client, server):
        wire.abort()
        wire.connection_lost(None)
