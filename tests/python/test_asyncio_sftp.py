# SPDX-License-Identifier: Apache-2.0
"""SFTP on asyncio: clients, directories that are served, handlers whose methods are coroutines."""

import asyncio
import errno
import gc
import os
import stat

import pytest

import sessile
import sessile.asyncio as aio
from sessile import SFTPFlag, SFTPNumber, SFTPStatus

BULK = bytes(range(256)) * 4096
ODD = ["new\nline", "tab\t", "quote'\"", "ünï", b"\xff\xfe".decode("utf-8", "surrogateescape"), "x" * 255, "*", "-r",
       " ", "\x1b[31m"]


class Handler(aio.SSHServerHandler):
    async def public_key(self, user, key):
        return True


class Setting:
    """A server with files, and a client that is logged in."""

    def __init__(self, host_key, user_key, factory):
        self.host_key, self.user_key, self.factory = host_key, user_key, factory

    async def __aenter__(self):
        self.server = await aio.listen("127.0.0.1", 0, server_host_keys=[self.host_key], handler=Handler,
                                       sftp_factory=self.factory)
        self.client = await aio.connect("127.0.0.1", self.server.port, username="alice", client_keys=[self.user_key],
                                        accept_host_key=lambda *_: True)
        return self.client

    async def __aexit__(self, *_):
        self.client.close()
        await self.client.wait_closed()
        self.server.close()
        await self.server.wait_closed()


@pytest.fixture
def there(tmp_path):
    (tmp_path / "there").mkdir()
    return tmp_path / "there"


@pytest.fixture
def here(tmp_path):
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


@pytest.fixture
def setting(host_key, user_key, there):
    return Setting(host_key, user_key, lambda connection: aio.SFTPDirectory(there))


async def test_files_are_written_and_read(setting, there):
    async with setting as client, client.sftp() as sftp:
        await sftp.write_bytes("a", BULK)
        assert (there / "a").read_bytes() == BULK == await sftp.read_bytes(b"/a")
        async with await sftp.open("a", "r+b") as file:
            assert await file.read(10) == BULK[:10] and file.tell() == 10
            assert await file.read(3, offset=256) == BULK[256:259] and file.tell() == 10
            assert await file.seek(-4, os.SEEK_END) == len(BULK) - 4
            assert await file.read() == BULK[-4:] and await file.read() == b"" and await file.read(0) == b""
            await file.seek(0)
            assert await file.write(b"new") == 3
            await file.truncate()
            await file.fsync()
            assert (await file.stat()).size == 3 and (await file.statvfs())[SFTPNumber.BSIZE]
        assert (there / "a").read_bytes() == b"new" and file.closed
        with pytest.raises(ValueError, match="closed"):
            await file.read()
        async with await sftp.open("a", "ab") as file:
            await file.write(b"er")
        assert await sftp.read_bytes("a") == b"newer"
        with pytest.raises(sessile.SFTPError):
            await sftp.open("a", "xb")


@pytest.mark.parametrize("mode", ["r", "w", "rwb", "b", "rbb", "q", ""])
async def test_a_mode_that_is_none_is_an_error(setting, mode):
    async with setting as client, client.sftp() as sftp:
        with pytest.raises(ValueError):
            await sftp.open("a", mode)


async def test_names_of_all_kinds_go_both_ways(setting, there, here):
    async with setting as client, client.sftp() as sftp:
        for name in ODD:
            await sftp.write_bytes(name, name.encode("utf-8", "surrogateescape"))
        assert sorted(await sftp.listdir()) == sorted(ODD) == sorted(os.listdir(there))
        await sftp.get("/", here / "copy", recursive=True)
        assert sorted(os.listdir(here / "copy")) == sorted(ODD)
        for name in ODD:
            assert (here / "copy" / name).read_bytes() == name.encode("utf-8", "surrogateescape")
        await sftp.put(here / "copy", "again", recursive=True)
        assert sorted(os.listdir(there / "again")) == sorted(ODD)


async def test_what_is_there_is_told(setting, there):
    (there / "d/e").mkdir(parents=True)
    (there / "d/f").write_bytes(b"12345")
    os.symlink("f", there / "d/link")
    async with setting as client, client.sftp() as sftp:
        facts = await sftp.stat("d/f")
        assert facts.size == 5 and facts.is_file and facts.mtime == int((there / "d/f").stat().st_mtime)
        assert (await sftp.lstat("d/link")).is_symlink and (await sftp.stat("d/link")).is_file
        assert await sftp.exists("d") and await sftp.is_dir("d") and not await sftp.is_dir("d/f")
        assert not await sftp.exists("nothing") and not await sftp.is_dir("nothing")
        assert await sftp.realpath("d/../d/e") == "/d/e" and await sftp.readlink("d/link") == "f"
        found = {entry.name: entry async for entry in sftp.scandir("d")}
        assert {name: (e.is_dir, e.is_file, e.is_symlink, e.path) for name, e in found.items()} == {
            "e": (True, False, False, "d/e"), "f": (False, True, False, "d/f"), "link": (False, False, True, "d/link")}
        assert [(at, [e.name for e in folders], sorted(e.name for e in rest))
                async for at, folders, rest in sftp.walk("d")] == [("d", ["e"], ["f", "link"]), ("d/e", [], [])]
        assert await sftp.glob("d/[ef]") == ["d/e", "d/f"] and await sftp.glob("/d/f*") == ["/d/f"]
        assert await sftp.glob("x*") == [] == await sftp.glob("no/such") and await sftp.glob("d") == ["d"]
        assert await sftp.home() == "/" and (await sftp.statvfs())[SFTPNumber.NAMEMAX] == 255


async def test_what_is_changed_is_changed(setting, there):
    async with setting as client, client.sftp() as sftp:
        await sftp.makedirs("a/b/c")
        await sftp.makedirs("a/b", exist_ok=True)
        with pytest.raises(sessile.SFTPError):
            await sftp.makedirs("a/b")
        await sftp.write_bytes("a/file", b"content")
        await sftp.chmod("a/file", 0o640)
        await sftp.truncate("a/file", 4)
        await sftp.utime("a/file", 1000, 2000)
        facts = (there / "a/file").stat()
        assert (stat.S_IMODE(facts.st_mode), facts.st_mtime, facts.st_size) == (0o640, 2000, 4)
        await sftp.chown("a/file", os.getuid(), os.getgid())
        await sftp.write_bytes("a/other", b"x")
        with pytest.raises(sessile.SFTPError):
            await sftp.rename("a/file", "a/other")
        await sftp.replace("a/file", "a/other")
        assert (there / "a/other").read_bytes() == b"cont"
        await sftp.link("a/other", "a/second")
        await sftp.symlink("other", "a/link")
        await sftp.copy("a/other", "a/copied")
        assert (there / "a/second").stat().st_nlink == 2 and os.readlink(there / "a/link") == "other"
        assert (there / "a/copied").read_bytes() == b"cont"
        await sftp.remove("a/second")
        await sftp.rmdir("a/b/c")
        await sftp.rmtree("a")
        assert os.listdir(there) == []


async def test_paths_are_like_pathlibs(setting, there):
    async with setting as client, client.sftp() as sftp:
        folder = sftp.path("a") / "b"
        await folder.mkdir(parents=True)
        file = folder / "näme.txt"
        await file.write_text("täxt")
        assert (there / "a/b/näme.txt").read_text() == "täxt" == await file.read_text()
        assert file.parent == folder and file.name == "näme.txt" and file.pure.suffix == ".txt"
        assert str(await file.resolve()) == "/a/b/näme.txt" and repr(folder) == "SFTPPath('a/b')"
        assert await file.is_file() and await folder.is_dir() and not await (folder / "x").is_file()
        assert [path async for path in folder.iterdir()] == [file] == await folder.glob("*.txt")
        await (folder / "link").symlink_to("näme.txt")
        assert str(await (folder / "link").readlink()) == "näme.txt"
        assert (await (folder / "link").stat(follow_symlinks=False)).is_symlink
        moved = await file.rename(folder / "new")
        assert await moved.read_bytes() == "täxt".encode() and not await file.exists()
        await (folder / "link").unlink()
        await (folder / "link").unlink(missing_ok=True)
        with pytest.raises(FileNotFoundError):
            await (folder / "link").unlink()
        await (await moved.replace(folder / "newer")).chmod(0o600)
        async with await (folder / "newer").open() as opened:
            assert await opened.read(2) == b"t\xc3"


async def test_refusals_are_the_systems_errors(setting, there):
    (there / "d").mkdir()
    async with setting as client, client.sftp() as sftp:
        with pytest.raises(FileNotFoundError) as caught:
            await sftp.stat("nothing")
        assert caught.value.errno == errno.ENOENT and caught.value.status == SFTPStatus.NO_SUCH_FILE
        with pytest.raises(sessile.SFTPError):
            await sftp.rmdir("nothing")
        with pytest.raises(IsADirectoryError):
            await sftp.get("d")
        with pytest.raises(FileNotFoundError, match="nothing fits"):
            await sftp.mget("x*")


@pytest.mark.parametrize("path", ["../outside", "/../outside", "link/outside", "d/../../outside", "absolute"])
async def test_nothing_leads_out_of_the_directory(setting, tmp_path, there, path):
    (tmp_path / "outside").write_bytes(b"secret")
    os.symlink("..", there / "link")
    os.symlink(tmp_path / "outside", there / "absolute")
    (there / "d").mkdir()
    async with setting as client, client.sftp() as sftp:
        with pytest.raises(sessile.SFTPError):
            await sftp.read_bytes(path)
        with pytest.raises(sessile.SFTPError):
            await sftp.chmod(path, 0o777)


async def test_a_directory_for_reading_only_stays_as_it_is(host_key, user_key, there):
    (there / "a").write_bytes(b"as it was")
    factory = lambda connection: aio.SFTPDirectory(there, read_only=True)  # noqa: E731
    async with Setting(host_key, user_key, factory) as client, client.sftp() as sftp:
        assert await sftp.read_bytes("a") == b"as it was"
        for change in (sftp.write_bytes("b", b""), sftp.remove("a"), sftp.mkdir("c"), sftp.chmod("a", 0o777)):
            with pytest.raises(PermissionError):
                await change
    assert os.listdir(there) == ["a"]


def make_tree(root):
    """A tree with files of many sizes."""
    for folder in ("", "a", "a/b", "empty"):
        (root / folder).mkdir(exist_ok=True)
    for number in range(60):
        (root / ("a", "a/b")[number % 2] / str(number)).write_bytes(BULK[:number * number * 40])
    os.chmod(root / "a/2", 0o600)
    os.utime(root / "a", (5000, 6000))
    os.utime(root / "a/b/1", (1000, 2000))
    return root


def tree(root):
    return {str(path.relative_to(root)): path.read_bytes() if path.is_file() else None for path in root.rglob("*")}


async def test_trees_go_both_ways_with_what_is_to_be_preserved(setting, there, here):
    made = make_tree(here / "made")
    told = []
    async with setting as client, client.sftp() as sftp:
        await sftp.put(made, "sent", recursive=True, preserve=True, progress=lambda *how: told.append(how))
        assert tree(there / "sent") == tree(made)
        done = {path: (position, total) for path, position, total in told}
        assert done[str(made / "a/b/59")] == (59 * 59 * 40, 59 * 59 * 40)
        assert (there / "sent/a").stat().st_mtime == 6000 and (there / "sent/a/b/1").stat().st_mtime == 2000
        await sftp.get("sent", here / "back", recursive=True, preserve=True)
        assert tree(here / "back") == tree(made)
        assert (here / "back/a").stat().st_mtime == 6000 and (here / "back/a/b/1").stat().st_mtime == 2000
        await sftp.get(["sent/a/58", "sent/a/b/59"], here)
        assert (here / "58").stat().st_size == 58 * 58 * 40 and (here / "59").exists()
        await sftp.mget("sent/a/1*", here)
        assert sorted(path.name for path in here.glob("1*")) == ["10", "12", "14", "16", "18"]
        await sftp.mput(str(here / "1*"), "/")
        assert sorted(path.name for path in there.glob("1*")) == ["10", "12", "14", "16", "18"]


async def test_links_in_a_tree_are_followed_where_that_is_asked_for(setting, there, here):
    (there / "t").mkdir()
    (there / "t/file").write_bytes(b"content")
    os.symlink("file", there / "t/link")
    async with setting as client, client.sftp() as sftp:
        await sftp.get("t", here / "without", recursive=True)
        await sftp.get("t", here / "with", recursive=True, follow_symlinks=True)
        assert os.listdir(here / "without") == ["file"]
        assert (here / "with/link").read_bytes() == b"content" and not (here / "with/link").is_symlink()
        await sftp.put(there / "t", "sent", recursive=True)
        assert os.listdir(there / "sent") == ["file"]


async def test_a_transfer_goes_on_where_it_broke_off(setting, there, here):
    (there / "a").write_bytes(BULK)
    (here / "a").write_bytes(BULK[:100_000])
    seen = []
    async with setting as client, client.sftp() as sftp:
        await sftp.get("a", here, resume=True, progress=lambda path, done, total: seen.append(done))
        assert (here / "a").read_bytes() == BULK and min(seen) == 100_000
        (there / "a").write_bytes(BULK[:200_000])
        seen.clear()
        await sftp.put(here / "a", "/", resume=True, progress=lambda path, done, total: seen.append(done))
        assert (there / "a").read_bytes() == BULK and min(seen) == 200_000


async def test_holes_stay_holes(setting, there, here):
    with open(here / "sparse", "wb") as file:
        file.seek(1 << 30)
        file.write(b"middle")
        file.truncate(5 << 30)
    async with setting as client, client.sftp() as sftp:
        await sftp.put(here / "sparse", "/")
        async with await sftp.open("sparse") as file:
            assert await file.read(8, offset=(1 << 30) - 1) == b"\0middle\0"
    facts = (there / "sparse").stat()
    assert facts.st_size == 5 << 30 and facts.st_blocks * 512 < 1 << 20


async def test_an_error_ends_a_tree_or_is_told(setting, there, here):
    make_tree(there)
    (here / "taken").mkdir()
    (here / "taken/a").write_bytes(b"a file where a directory is to be")
    told = []
    async with setting as client, client.sftp() as sftp:
        with pytest.raises(OSError):
            await sftp.get("/", here / "taken", recursive=True)
        await sftp.get("/", here / "taken", recursive=True, on_error=lambda path, error: told.append((path, error)))
        assert [path for path, _ in told] == ["/a"] and (here / "taken/empty").is_dir()
        with pytest.raises(FileNotFoundError):
            await sftp.get(["nothing", "empty"], here, recursive=True)


async def test_a_full_disk_here_is_told_and_leaves_the_connection(setting, there, here):
    (there / "a").write_bytes(BULK)
    os.symlink("/dev/full", here / "full")
    async with setting as client, client.sftp() as sftp:
        with pytest.raises(OSError) as caught:
            await sftp.get("a", here / "full")
        assert caught.value.errno == errno.ENOSPC
        assert await sftp.read_bytes("a") == BULK


async def test_what_is_cancelled_ends_and_the_rest_goes_on(setting, there, here):
    (there / "a").write_bytes(BULK * 20)
    async with setting as client, client.sftp() as sftp:
        begun = asyncio.Event()
        task = asyncio.ensure_future(sftp.get("a", here, progress=lambda path, done, size: done and begun.set()))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert 0 < (here / "a").stat().st_size <= len(BULK) * 20
        await sftp.get("a", here, resume=True)
        assert (here / "a").read_bytes() == BULK * 20


async def test_a_lost_connection_leaves_what_can_be_resumed(setting, there, here):
    (there / "a").write_bytes(BULK * 20)
    async with setting as client:
        sftp = await client.sftp()
        begun = asyncio.Event()
        task = asyncio.ensure_future(sftp.get("a", here, progress=lambda path, done, size: done and begun.set()))
        await begun.wait()
        client.abort()
        with pytest.raises(sessile.Error):
            await task
        with pytest.raises(sessile.Error):
            await sftp.stat("a")
        await sftp.wait_closed()
        part = (here / "a").read_bytes()
        assert part and (BULK * 20).startswith(part)


async def test_many_calls_at_once_are_all_answered(setting):
    async with setting as client, client.sftp() as sftp:
        found = await asyncio.gather(*(sftp.exists(f"no{number}") for number in range(5000)))
        assert found == [False] * 5000


async def test_a_server_without_files_says_so(host_key, user_key):
    async with Setting(host_key, user_key, None) as client:
        with pytest.raises(sessile.RefusedError):
            await client.sftp()
    async with Setting(host_key, user_key, lambda connection: None) as client:
        with pytest.raises(sessile.RefusedError, match="does not start 'sftp'"):
            await client.sftp()


class Made(aio.SFTPHandler):
    """Files that are made up."""

    def __init__(self):
        self.files = {b"/a": bytearray(b"content")}
        self.closed = []
        self.opened = 0

    async def open(self, path, flags, attrs):
        await asyncio.sleep(0)
        if path == b"/raise":
            raise ZeroDivisionError("a handler's mistake")
        if flags & SFTPFlag.CREATE:
            self.files[path] = bytearray()
        if path not in self.files:
            raise FileNotFoundError(path)
        self.opened += 1
        return path

    async def close(self, file):
        self.closed.append(file)

    async def read(self, file, offset, size):
        await asyncio.sleep(0)
        return bytes(self.files[file][offset:offset + size])

    async def write(self, file, offset, data):
        if file == b"/full":
            raise OSError(errno.ENOSPC, "the disk is full")
        self.files[file][offset:offset + len(data)] = data

    async def opendir(self, path):
        return iter([list(self.files)])

    async def readdir(self, directory):
        return [(name[1:], sessile.SFTPAttrs(size=len(self.files[name]))) for name in next(directory, [])]

    async def stat(self, path):
        if path == b"/wait":
            await asyncio.Event().wait()
        if path == b"/":
            return sessile.SFTPAttrs(permissions=0o40755)
        if path not in self.files:
            raise FileNotFoundError(path)
        return sessile.SFTPAttrs(size=len(self.files[path]))

    async def statvfs(self, path):
        return {SFTPNumber.BSIZE: 1}


async def test_a_handlers_files_are_what_it_says(host_key, user_key):
    made = Made()
    async with Setting(host_key, user_key, lambda connection: made) as client:
        async with client.sftp() as sftp:
            assert await sftp.read_bytes("/a") == b"content" and await sftp.listdir("/") == ["a"]
            await sftp.write_bytes("/b", BULK)
            assert made.files[b"/b"] == BULK and (await sftp.stat("/b")).size == len(BULK)
            assert await sftp.realpath("/x/../y/./z") == "/y/z"
            assert (await sftp.statvfs())[SFTPNumber.BSIZE] == 1
            with pytest.raises(FileNotFoundError):
                await sftp.open("/c")
            with pytest.raises(sessile.SFTPError, match="the disk is full"):
                await sftp.write_bytes("/full", b"x")
            with pytest.raises(sessile.SFTPUnsupportedError):
                await sftp.remove("/a")
            with pytest.raises(sessile.UnsupportedError):
                await sftp.replace("/a", "/b")
            left = await sftp.open("/a")
        assert not left.closed
    assert len(made.closed) == made.opened + 1 and made.connection.ssh.user == "alice"


class Long(Made):
    """More names than fit into an answer, at once; errors with many words."""

    async def opendir(self, path):
        return iter([[f"/{number}-{'x' * 200}" for number in range(3000)]])

    async def readdir(self, directory):
        return [(name[1:], sessile.SFTPAttrs(size=1)) for name in next(directory, [])]

    async def remove(self, path):
        raise OSError(errno.EIO, "ü" * 300 + "\0")


async def test_what_does_not_fit_into_an_answer_comes_with_the_next(host_key, user_key):
    async with Setting(host_key, user_key, lambda connection: Long()) as client, client.sftp() as sftp:
        assert [int(name.split("-")[0]) for name in await sftp.listdir("/")] == list(range(3000))
        with pytest.raises(sessile.SFTPError, match=r"^(\\xc3\\xbc){30}"):
            await sftp.remove("/x")


async def test_what_is_private_there_is_private_here(setting, there, here):
    (there / "d").mkdir(mode=0o700)
    (there / "d/secret").write_bytes(b"secret")
    (there / "d/secret").chmod(0o400)
    async with setting as client, client.sftp() as sftp:
        await sftp.get("d", here / "got", recursive=True)
    assert stat.S_IMODE((here / "got").stat().st_mode) == 0o700
    assert stat.S_IMODE((here / "got/secret").stat().st_mode) == 0o600


async def test_a_link_here_is_sent_under_its_own_name(setting, there, here):
    (here / "file").write_bytes(b"content")
    os.symlink("file", here / "link")
    async with setting as client, client.sftp() as sftp:
        await sftp.put(here / "link", "/")
    assert os.listdir(there) == ["link"] and (there / "link").read_bytes() == b"content"


async def test_a_file_that_is_not_closed_is_warned_of(setting, there):
    (there / "a").write_bytes(b"")
    async with setting as client, client.sftp() as sftp:
        with pytest.warns(ResourceWarning, match="not closed"):
            await sftp.open("a")
            gc.collect()


class Hasty(Made):
    """Is done with later writes before earlier ones."""

    def __init__(self):
        super().__init__()
        self.turns = []

    async def write(self, file, offset, data):
        self.turns.append(asyncio.Event())
        if len(self.turns) == 4:
            for turn in reversed(self.turns):
                turn.set()
                await asyncio.sleep(0)
        await self.turns[len(self.turns) - 1].wait()
        if offset == 2 * len(data):
            raise OSError(errno.EIO, "broken")
        await super().write(file, offset, data)


async def test_writes_are_answered_in_their_order(host_key, user_key):
    answered = []
    async with Setting(host_key, user_key, lambda connection: Hasty()) as client, client.sftp() as sftp:
        handle = await sftp.open_handle("/b", SFTPFlag.WRITE | SFTPFlag.CREATE)

        async def write(number):
            try:
                await sftp.ask(sessile.SFTPRequest.write, handle, number * 3, b"abc")
                answered.append(number)
            except sessile.SFTPError:
                answered.append(-number)

        await asyncio.gather(*map(write, range(4)))
        assert answered == [0, 1, -2, 3]
        await sftp.close_handle(handle)


async def test_a_handlers_mistake_is_a_failure_and_is_told(host_key, user_key):
    told = []
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
    try:
        async with Setting(host_key, user_key, lambda connection: Made()) as client, client.sftp() as sftp:
            with pytest.raises(sessile.SFTPError) as caught:
                await sftp.open("/raise")
            assert caught.value.status == SFTPStatus.FAILURE and "mistake" not in caught.value.text
            assert await sftp.read_bytes("/a") == b"content"
    finally:
        loop.set_exception_handler(before)
    assert [type(error) for error in told] == [ZeroDivisionError]


async def test_a_handler_that_is_asked_no_more_is_cancelled(host_key, user_key):
    made = Made()
    async with Setting(host_key, user_key, lambda connection: made) as client:
        sftp = await client.sftp()
        waiting = asyncio.ensure_future(sftp.stat("/wait"))
        await sftp.stat("/a")
        sftp.close()
        with pytest.raises(sessile.Error):
            await waiting
        await sftp.wait_closed()
