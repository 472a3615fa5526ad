# SPDX-License-Identifier: Apache-2.0
"""SFTP without any I/O: two ends over bytes carried by hand."""

import errno
import gc
import weakref

import pytest

import sessile
from sessile import SFTPFlag, SFTPLimit, SFTPNumber, SFTPOperation, SFTPStatus


class End(sessile.SFTP):
    """One end, whose bytes wait in a queue until they are carried."""

    def __init__(self, role, **callbacks):
        super().__init__(role)
        self.queue = bytearray()
        self.log = []
        self.most = None
        for name, call in callbacks.items():
            setattr(self, name, call)

    def on_send(self, data):
        taken = len(data) if self.most is None else min(self.most, len(data))
        self.queue += data[:taken]
        return taken

    def on_ready(self):
        self.log.append("ready")

    def on_closed(self, error):
        self.log.append(("closed", error))


def carry(one, other, step=None):
    """Until nothing moves any more, in steps of so many bytes."""
    while one.queue or other.queue:
        for source, target in ((one, other), (other, one)):
            while source.queue:
                piece = bytes(source.queue[:step])
                del source.queue[:len(piece)]
                target.receive(piece)


def ends(job, step=None, **server):
    client = End(sessile.Role.CLIENT)
    serving = End(sessile.Role.SERVER, on_job=job, **server)
    for kind in (SFTPOperation.STATVFS, SFTPOperation.USERS_GROUPS, SFTPOperation.POSIX_RENAME):
        serving.serve(kind)
    serving.serve_extended("vendor@example.org", "1")
    serving.start()
    client.start()
    carry(client, serving, step)
    assert client.log == serving.log == ["ready"]
    return client, serving


def answer_of(client, serving, submit, *arguments, take=lambda request: None, step=None):
    """Submit, carry, and what the answer brought: (error, taken)."""
    told = []

    def reply():
        told.append((request.error, take(request) if request.error is None else None))

    request = sessile.SFTPRequest(client, reply)
    submit(request, *arguments)
    carry(client, serving, step)
    assert len(told) == 1
    return told[0]


def files(job):
    """A server of one file, whose bytes are a list's."""
    kind = job.operation
    if kind is SFTPOperation.OPEN:
        assert job.path() == b"/a" and job.flags == SFTPFlag.READ | SFTPFlag.WRITE and job.attrs.permissions == 0o600
        job.answer_handle(7)
    elif kind is SFTPOperation.READ:
        assert job.file() == 7
        data = bytes(CONTENT[job.offset():job.offset() + job.length])
        job.answer_data(data)
    elif kind is SFTPOperation.WRITE:
        CONTENT[job.offset():job.offset() + len(job.data)] = job.data
        job.answer_status(SFTPStatus.OK)
    elif kind is SFTPOperation.FSTAT:
        job.answer_attrs(sessile.SFTPAttrs(size=len(CONTENT), mtime=5))
    elif kind is SFTPOperation.READDIR:
        job.add_name("näme", "a line", sessile.SFTPAttrs(size=1, permissions=0o100644))
        job.add_name(b"\xff", attrs=sessile.SFTPAttrs(permissions=0o40755))
        job.answer_names()
    elif kind is SFTPOperation.OPENDIR:
        job.answer_handle(8)
    elif kind is SFTPOperation.STATVFS:
        job.answer_numbers({SFTPNumber.BSIZE: 4096, SFTPNumber.NAMEMAX: 255})
    elif kind is SFTPOperation.USERS_GROUPS:
        assert (job.ids(False), job.ids(True)) == ([0, 1000], [5])
        for name in ("root", "", "tty"):
            job.add_name(name)
        job.answer_names()
    elif kind is SFTPOperation.EXTENDED:
        assert (job.path(), job.data) == (b"vendor@example.org", b"ask")
        job.answer_data(b"told")
    elif kind is SFTPOperation.POSIX_RENAME:
        assert (job.path(), job.path(1)) == (b"/a", b"/b")
        job.answer_status(SFTPStatus.OK)
    elif kind is SFTPOperation.REALPATH:
        job.answer_name(b"/from/root")
    elif kind is SFTPOperation.CLOSE:
        job.answer_status(SFTPStatus.OK)
    else:
        job.answer_status(SFTPStatus.PERMISSION_DENIED, "not here")


CONTENT = bytearray()


@pytest.fixture(autouse=True)
def content():
    CONTENT[:] = bytes(range(256)) * 400


@pytest.mark.parametrize("step", [None, 1, 7, 100])
def test_every_kind_of_answer_arrives(step):
    client, serving = ends(files, step)

    def ask(*arguments, **more):
        return answer_of(client, serving, *arguments, step=step, **more)

    Request = sessile.SFTPRequest
    attrs = sessile.SFTPAttrs(permissions=0o600)
    error, handle = ask(Request.open, "/a", SFTPFlag.READ | SFTPFlag.WRITE, attrs, take=lambda r: r.handle)
    assert error is None and handle
    assert ask(Request.read, handle, 256, 5, take=lambda r: r.data) == (None, b"\0\1\2\3\4")
    assert ask(Request.write, handle, 1, b"new") == (None, None)
    assert CONTENT[:5] == b"\0new\4"
    assert ask(Request.fstat, handle, take=lambda r: r.attrs) == (
        None, sessile.SFTPAttrs(size=102400, atime=0, mtime=5))
    assert ask(Request.statvfs, "/", take=lambda r: r.numbers[SFTPNumber.NAMEMAX]) == (None, 255)
    assert ask(Request.realpath, b".", take=lambda r: r.name) == (None, b"/from/root")
    assert ask(Request.posix_rename, "/a", "/b") == (None, None)
    assert ask(Request.extended, "vendor@example.org", b"ask", take=lambda r: r.data) == (None, b"told")
    assert ask(Request.users_groups, [0, 1000], [5], take=lambda r: [each.name for each in r.names]) == (
        None, [b"root", b"", b"tty"])
    error, directory = ask(Request.opendir, "/", take=lambda r: r.handle)
    error, names = ask(Request.readdir, directory, take=lambda r: r.names)
    assert [(each.name, each.longname, each.attrs.is_dir) for each in names] == [
        ("näme".encode(), b"a line", False), (b"\xff", b"", True)]
    error, _ = ask(Request.remove, "/a")
    assert isinstance(error, sessile.SFTPPermissionError) and isinstance(error, PermissionError)
    assert (error.status, error.errno, error.text) == (SFTPStatus.PERMISSION_DENIED, errno.EACCES, "not here")
    assert client.supports(SFTPOperation.STATVFS) and not client.supports(SFTPOperation.FSYNC)
    assert client.extensions[b"vendor@example.org"] == b"1"
    assert client.limit(SFTPLimit.READ) >= 32768
    with pytest.raises(sessile.UnsupportedError):
        Request(client).fsync(handle)


@pytest.mark.parametrize("step", [None, 1000])
def test_whole_files_go_both_ways(step):
    client, serving = ends(files)
    _, handle = answer_of(client, serving, sessile.SFTPRequest.open, "/a", SFTPFlag.READ | SFTPFlag.WRITE,
                          sessile.SFTPAttrs(permissions=0o600), take=lambda r: r.handle)
    transfer = sessile.SFTPTransfer(client)
    got, ended, moved = bytearray(), [], []

    def sink(offset, data):
        assert offset == len(got)
        got.extend(data)

    transfer.on_sink = sink
    transfer.on_done = lambda: ended.append(transfer.error)
    transfer.on_progress = lambda: moved.append(transfer.position)
    transfer.get(handle)
    carry(client, serving, step)
    assert got == CONTENT and ended == [None] and moved[-1] == len(CONTENT)
    wanted = bytes(reversed(CONTENT)) * 3
    transfer.on_source = lambda offset, size: wanted[offset:offset + size]
    transfer.put(handle)
    carry(client, serving, step)
    assert CONTENT == wanted and ended == [None, None]


def test_a_sink_that_pauses_is_given_nothing_until_it_resumes():
    client, serving = ends(files)
    _, handle = answer_of(client, serving, sessile.SFTPRequest.open, "/a", SFTPFlag.READ | SFTPFlag.WRITE,
                          sessile.SFTPAttrs(permissions=0o600), take=lambda r: r.handle)
    transfer = sessile.SFTPTransfer(client)
    got = []

    def sink(offset, data):
        got.append(len(data))
        return sessile.sftp.PAUSE

    transfer.on_sink = sink
    transfer.get(handle)
    carry(client, serving)
    while sum(got) < len(CONTENT):
        before = len(got)
        carry(client, serving)
        assert len(got) == before
        transfer.resume()
    carry(client, serving)
    assert transfer.error is None and sum(got) == len(CONTENT)


def test_a_source_that_has_nothing_yet_is_asked_again_and_too_much_is_an_error():
    client, serving = ends(files)
    _, handle = answer_of(client, serving, sessile.SFTPRequest.open, "/a", SFTPFlag.READ | SFTPFlag.WRITE,
                          sessile.SFTPAttrs(permissions=0o600), take=lambda r: r.handle)
    transfer = sessile.SFTPTransfer(client)
    ready = []
    transfer.on_source = lambda offset, size: (b"end" if offset < 3 else b"") if ready else None
    transfer.put(handle)
    carry(client, serving)
    assert CONTENT[:3] == b"\0\1\2"
    ready.append(True)
    transfer.resume()
    carry(client, serving)
    assert CONTENT[:3] == b"end" and transfer.error is None
    transfer.on_source = lambda offset, size: bytes(size + 1)
    with pytest.raises(ValueError, match="were asked for"):
        transfer.put(handle)
        carry(client, serving)
    assert isinstance(transfer.error, sessile.CallbackError)


def test_what_a_callback_raises_comes_out_of_the_call():
    client, serving = ends(files)
    request = sessile.SFTPRequest(client)
    request.on_reply = lambda: 1 / 0
    request.realpath(".")
    with pytest.raises(ZeroDivisionError):
        carry(client, serving)
    assert isinstance(client.error, sessile.CallbackError)


def test_a_job_that_nobody_holds_is_a_failure_and_a_held_one_waits():
    held = []
    client, serving = ends(held.append)
    answered = []
    request = sessile.SFTPRequest(client)
    request.on_reply = lambda: answered.append(request.error)
    request.remove("x")
    carry(client, serving)
    assert not answered
    held.pop().answer_status(SFTPStatus.OK)
    carry(client, serving)
    assert answered == [None]
    request.remove("y")
    carry(client, serving)
    job = held.pop()
    del job
    gc.collect()
    carry(client, serving)
    assert answered[1].status == SFTPStatus.FAILURE


def test_a_job_takes_one_answer_of_its_kind():
    raised = []

    def work(job):
        for wrong in (lambda: job.answer_data(b"x"), lambda: job.answer_handle(1), lambda: job.answer_names()):
            with pytest.raises(sessile.MisuseError):
                wrong()
        job.answer_status(SFTPStatus.OK)
        with pytest.raises(sessile.GoneError):
            job.answer_status(SFTPStatus.OK)
        raised.append(True)

    client, serving = ends(work)
    assert answer_of(client, serving, sessile.SFTPRequest.remove, "x") == (None, None)
    assert raised


def test_jobs_that_are_of_no_interest_any_more_are_withdrawn_and_files_released():
    held, withdrawn, released = [], [], []

    def work(job):
        if job.operation is SFTPOperation.OPEN:
            job.answer_handle(41)
        else:
            held.append(job)

    client, serving = ends(work, on_withdrawn=withdrawn.append, on_release=released.append)
    answer_of(client, serving, sessile.SFTPRequest.open, "x", SFTPFlag.READ)
    request = sessile.SFTPRequest(client)
    request.remove("x")
    carry(client, serving)
    serving.end()
    assert withdrawn == held and released == [41]
    with pytest.raises(sessile.GoneError):
        held[0].answer_status(SFTPStatus.OK)
    client.receive_end()
    assert isinstance(request.error, sessile.TruncatedError)
    assert isinstance(client.log[-1][1], sessile.TruncatedError)


def test_a_forged_handle_is_refused_before_anybody_hears_of_it():
    client, serving = ends(lambda job: pytest.fail("a job"))
    error, _ = answer_of(client, serving, sessile.SFTPRequest.read, b"\0" * 12, 0, 1)
    assert isinstance(error, sessile.SFTPError)


def test_a_server_that_only_reads_refuses_changes():
    client = End(sessile.Role.CLIENT)
    serving = End(sessile.Role.SERVER, on_job=lambda job: pytest.fail("a job"))
    serving.set_read_only()
    serving.set_limits(files=2, jobs=3)
    serving.start()
    client.start()
    carry(client, serving)
    error, _ = answer_of(client, serving, sessile.SFTPRequest.mkdir, "x")
    assert error.status == SFTPStatus.PERMISSION_DENIED


def test_a_wire_that_takes_little_gets_the_rest_later():
    client, serving = ends(files)
    client.most = 3
    request = sessile.SFTPRequest(client)
    told = []
    request.on_reply = lambda: told.append(request.name)
    request.realpath(".")
    assert len(client.queue) == 3
    for _ in range(100):
        client.writable()
        carry(client, serving)
    assert told == [b"/from/root"]


def test_what_is_no_sftp_fails_with_a_text():
    client = End(sessile.Role.CLIENT)
    client.start()
    with pytest.raises(sessile.ProtocolError):
        client.receive(b"HTTP/1.1 400 Bad Request\r\n")
        client.receive(b"x")
    assert isinstance(client.error, sessile.ProtocolError) and str(client.error)


@pytest.mark.parametrize("wrong", ["a\0b", b"a\0b", "x" * 4097])
def test_a_path_that_cannot_be_is_an_argument_error(wrong):
    client, _ = ends(files)
    with pytest.raises(sessile.ArgumentError):
        sessile.SFTPRequest(client).stat(wrong)


def test_a_freed_end_leaves_nothing_behind():
    client, serving = ends(files)
    request = sessile.SFTPRequest(client)
    request.realpath(".")
    client.free()
    with pytest.raises(sessile.GoneError):
        request.realpath(".")
    seen = weakref.ref(client)
    del client, request
    gc.collect()
    assert seen() is None


def test_a_request_that_is_freed_gets_no_callback():
    client, serving = ends(files)
    request = sessile.SFTPRequest(client, lambda: pytest.fail("a reply"))
    request.realpath(".")
    request.free()
    carry(client, serving)


def test_attributes_of_a_local_file(tmp_path):
    attrs = sessile.SFTPAttrs.of_stat(tmp_path.stat())
    assert attrs.is_dir and not attrs.is_file and not attrs.is_symlink
    assert attrs.mtime == int(tmp_path.stat().st_mtime)
