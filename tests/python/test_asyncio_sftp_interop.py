# SPDX-License-Identifier: Apache-2.0
"""SFTP on asyncio against OpenSSH, asyncssh and paramiko, in both roles."""

import asyncio
import os
import socket
import threading

import asyncssh
import paramiko
import pytest
from test_asyncio_sftp import BULK, ODD, Made, Setting, here, make_tree, setting, there, tree  # noqa: F401
from test_asyncio_sshd import USER, sshd  # noqa: F401

import sessile
import sessile.asyncio as aio


async def exercise(sftp, root, here):  # noqa: F811
    """What every server can. ``root``: its directory here, which it takes for "."."""
    for name in ODD:
        await sftp.write_bytes(f"{root}/{name}", name.encode("utf-8", "surrogateescape"))
    assert sorted(await sftp.listdir(str(root))) == sorted(ODD) == sorted(os.listdir(root))
    await sftp.get(str(root), here / "odd", recursive=True)
    assert tree(here / "odd") == tree(root)
    (here / "made").mkdir()
    made = make_tree(here / "made")
    await sftp.put(made, f"{root}/sent", recursive=True, preserve=True)
    assert tree(root / "sent") == tree(made) and (root / "sent/a/b/1").stat().st_mtime == 2000
    (here / "big").write_bytes(BULK * 20)
    await sftp.put(here / "big", f"{root}/big")
    await sftp.get(f"{root}/big", here / "back")
    assert (root / "big").read_bytes() == BULK * 20 == (here / "back").read_bytes()
    (here / "back").write_bytes(BULK)
    await sftp.get(f"{root}/big", here / "back", resume=True)
    assert (here / "back").read_bytes() == BULK * 20
    os.symlink("big", root / "link")
    assert await sftp.readlink(f"{root}/link") == "big"
    await sftp.rename(f"{root}/link", f"{root}/renamed")
    with pytest.raises(FileNotFoundError):
        await sftp.stat(f"{root}/link")
    await sftp.rmtree(f"{root}/sent")
    assert not (root / "sent").exists()
    async with await sftp.open(f"{root}/big", "r+b") as file:
        await file.seek(5)
        await file.write(b"new")
        assert await file.read(2, offset=4) == bytes([4]) + b"n"


async def test_openssh_serves_files(sshd, there, here):  # noqa: F811
    with open(sshd.folder / "config", "a") as config:
        config.write("Subsystem sftp internal-sftp\n")
    async with sshd, sshd.connect() as client, client.sftp() as sftp:
        await exercise(sftp, there, here)
        await sftp.symlink("target", f"{there}/link")
        assert os.readlink(there / "link") == "target"
        await sftp.replace(f"{there}/renamed", f"{there}/big")
        await sftp.link(f"{there}/{ODD[0]}", f"{there}/second")
        assert (there / "second").stat().st_nlink == 2
        home = os.path.expanduser("~")
        assert [await sftp.home(), await sftp.home(USER), await sftp.expand("~")] == [home] * 3
        assert (await sftp.names_of([0, 4_000_000], [0])) == (["root", ""], ["root"])
        await sftp.copy(f"{there}/{ODD[2]}", f"{there}/copied")
        assert (there / "copied").read_bytes() == ODD[2].encode()


async def test_asyncssh_serves_files(files, there, here, host_key, user_key):  # noqa: F811
    async with await asyncssh.listen("127.0.0.1", 0, server_host_keys=[str(files / "host")], sftp_factory=True,
                                     authorized_client_keys=str(files / "user.pub")) as server:
        async with aio.connect("127.0.0.1", server.get_port(), username="alice", client_keys=[user_key],
                               accept_host_key=lambda *_: True) as client:
            async with client.sftp() as sftp:
                await exercise(sftp, there, here)


@pytest.fixture
def files(tmp_path, host_key, user_key):
    """The keys, as the others read them."""
    (tmp_path / "host").write_bytes(host_key.write())
    (tmp_path / "user").write_bytes(user_key.write())
    (tmp_path / "user.pub").write_text(user_key.write_public() + "\n")
    return tmp_path


# ---- Clients of a directory that is served here ----


async def ran(*words, input=None):
    process = await asyncio.create_subprocess_exec(
        *map(str, words), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT)
    said, _ = await process.communicate(input)
    assert process.returncode == 0, said.decode("utf-8", "replace")
    return said


def options(files, port, host_key):
    (files / "known").write_text(sessile.KnownHosts.line("127.0.0.1", port, host_key))
    os.chmod(files / "user", 0o600)
    return ["-F", "none", "-q", "-P", str(port), "-i", files / "user", "-o", f"UserKnownHostsFile={files}/known",
            "-o", "IdentityAgent=none"]


async def test_openssh_gets_and_puts(setting, files, there, here, host_key):  # noqa: F811
    (here / "made").mkdir()
    made = make_tree(here / "made")
    async with setting:
        port = setting.server.port
        how = options(files, port, host_key)
        batch = f'put -pR "{made}" sent\nls -la\nget -pR sent "{here}/back"\nrename sent/a sent/z\ndf\n'.encode()
        await ran("sftp", "-b", "-", *how, "alice@127.0.0.1", input=batch)
        assert tree(here / "back") == tree(made) and (there / "sent/z/2").exists()
        await ran("scp", *how, "-rp", made, "alice@127.0.0.1:copied")
        assert tree(there / "copied") == tree(made)
        await ran("scp", *how, "-rp", "alice@127.0.0.1:copied", here / "again")
        assert tree(here / "again") == tree(made)


async def test_asyncssh_gets_and_puts(setting, files, there, here, host_key):  # noqa: F811
    (here / "made").mkdir()
    made = make_tree(here / "made")
    async with setting:
        (files / "known").write_text(sessile.KnownHosts.line("127.0.0.1", setting.server.port, host_key))
        async with asyncssh.connect("127.0.0.1", setting.server.port, username="alice", config=None, agent_path=None,
                                    client_keys=[str(files / "user")], known_hosts=str(files / "known")) as client:
            async with client.start_sftp_client() as sftp:
                await sftp.put(str(made), "sent", recurse=True, preserve=True)
                assert tree(there / "sent") == tree(made)
                await sftp.get("sent", str(here / "back"), recurse=True, preserve=True)
                assert tree(here / "back") == tree(made)
                async with sftp.open("sent/a/58", "rb") as file:
                    assert await file.read(10, 5) == BULK[5:15]
                for name in ODD:
                    await sftp.mkdir(name.encode("utf-8", "surrogateescape"))
    assert set(ODD) <= set(os.listdir(there))


async def test_paramiko_gets_and_puts(setting, user_key, here, there):  # noqa: F811
    (here / "big").write_bytes(BULK * 5)

    def work(port):
        transport = paramiko.Transport(socket.create_connection(("127.0.0.1", port)))
        try:
            import io
            key = paramiko.Ed25519Key.from_private_key(io.StringIO(user_key.write().decode()))
            transport.connect(username="alice", pkey=key)
            with paramiko.SFTPClient.from_transport(transport) as sftp:
                sftp.put(str(here / "big"), "big")
                sftp.get("big", str(here / "back"))
                sftp.mkdir("d")
                sftp.rename("big", "d/big")
                with sftp.open("d/big", "r") as file:
                    file.seek(256)
                    assert file.read(3) == b"\0\1\2"
                with pytest.raises(FileNotFoundError):
                    sftp.stat("nothing")
                return sftp.listdir("d")
        finally:
            transport.close()

    async with setting:
        assert await asyncio.to_thread(work, setting.server.port) == ["big"]
    assert (here / "back").read_bytes() == BULK * 5 == (there / "d/big").read_bytes()


async def test_openssh_speaks_to_a_handler(host_key, user_key, files, here):  # noqa: F811
    made = Made()
    there_is = Setting(host_key, user_key, lambda connection: made)
    (here / "sent").write_bytes(BULK)
    async with there_is:
        how = options(files, there_is.server.port, host_key)
        batch = f'ls /\nget /a "{here}/a"\nput "{here}/sent" /b\n'.encode()
        assert b"/a" in await ran("sftp", "-b", "-", *how, "alice@127.0.0.1", input=batch)
    assert (here / "a").read_bytes() == b"content" and made.files[b"/b"] == BULK


# ---- paramiko's server ----


class Interface(paramiko.SFTPServerInterface):
    """A directory, without any confinement."""

    def list_folder(self, path):
        found = []
        for name in os.listdir(path):
            attrs = paramiko.SFTPAttributes.from_stat(os.lstat(os.path.join(path, name)))
            attrs.filename = name
            found.append(attrs)
        return found

    def stat(self, path):
        try:
            return paramiko.SFTPAttributes.from_stat(os.stat(path))
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    lstat = stat

    def open(self, path, flags, attr):
        try:
            descriptor = os.open(path, flags, 0o666)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)
        handle = paramiko.SFTPHandle(flags)
        handle.readfile = handle.writefile = os.fdopen(descriptor, "r+b" if flags & (os.O_WRONLY | os.O_RDWR) else "rb")
        return handle

    def mkdir(self, path, attr):
        os.mkdir(path)
        return paramiko.SFTP_OK


class Door(paramiko.ServerInterface):
    def check_auth_publickey(self, username, key):
        return paramiko.AUTH_SUCCESSFUL

    def get_allowed_auths(self, username):
        return "publickey"

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED


async def test_paramiko_serves_files(host_key, user_key, files, there, here):  # noqa: F811
    (here / "made").mkdir()
    made = make_tree(here / "made")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        def serve():
            connection, _ = listening.accept()
            transport = paramiko.Transport(connection)
            transport.add_server_key(paramiko.Ed25519Key.from_private_key_file(str(files / "host")))
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Interface)
            transport.start_server(server=Door())
            done.wait()
            transport.close()

        done = threading.Event()
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            async with aio.connect("127.0.0.1", listening.getsockname()[1], username="alice", client_keys=[user_key],
                                   accept_host_key=lambda *_: True) as client:
                async with client.sftp() as sftp:
                    await sftp.put(made, f"{there}/sent", recursive=True)
                    assert tree(there / "sent") == tree(made)
                    await sftp.get(f"{there}/sent", here / "back", recursive=True)
                    assert tree(here / "back") == tree(made)
        finally:
            done.set()
            await asyncio.to_thread(thread.join, 20)
