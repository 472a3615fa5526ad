# SPDX-License-Identifier: Apache-2.0
"""The agent forwarded, from asyncio's client and to its server: with OpenSSH's agent, ssh and sshd, and with each
other."""

import asyncio
import os
import subprocess

import pytest
from loops import settle
from test_asyncio_ssh import Handler, connect, listen  # noqa: F401
from test_asyncio_sshd import Sshd, sshd  # noqa: F401

import sessile
import sessile.asyncio as aio
from sessile.asyncio.agent_forwarding import BoundAgent


@pytest.fixture
def agent(tmp_path, user_key):
    """An ssh-agent that has the user's key."""
    path = str(tmp_path / "agent")
    read, write = os.pipe()
    process = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=write)
    os.close(write)
    with process, open(read, "rb", buffering=0) as said:
        try:
            assert said.read(1)  # It tells its path when it listens.
            add(path, user_key, tmp_path)
            yield path
        finally:
            process.terminate()


def add(path, key, folder, *options):
    file = folder / f"key-{len(list(folder.iterdir()))}"
    file.write_bytes(key.write())
    file.chmod(0o600)
    subprocess.run(["ssh-add", "-q", *options, file], check=True, env={**os.environ, "SSH_AUTH_SOCK": path})


async def run(process):
    """The server's command runs here, with the client's agent where there is one."""
    env = {name: value for name, value in os.environ.items() if name != "SSH_AUTH_SOCK"}
    if process.has_agent:
        env["SSH_AUTH_SOCK"] = await process.agent_socket()
    child = await asyncio.create_subprocess_exec("sh", "-c", process.command, env=env, stdin=-3, stdout=-1, stderr=-2)
    output, _ = await child.communicate()
    process.stdout.write(output)
    return child.returncode


class Trusting(Handler):
    async def agent(self):
        return True


async def test_sshd_is_lent_an_agent(sshd, agent, user_key):  # noqa: F811
    async with sshd:
        async with sshd.connect() as client:
            listed = await client.run("ssh-add -L; ssh-add -l", agent_forwarding=agent)
            assert listed.stdout.split()[1] in user_key.write_public().encode() and listed.exit_status == 0
            assert user_key.fingerprint() in listed.stdout.decode()
        async with sshd.connect() as client:
            assert (await client.run("echo [$SSH_AUTH_SOCK]")).stdout == b"[]\n"


async def test_sshd_takes_an_agent_once_for_all_that_run_meanwhile(sshd, agent, user_key):  # noqa: F811
    async with sshd, sshd.connect() as client:
        async with await client.create_process("cat", agent_forwarding=agent):
            listed = await asyncio.gather(*[client.run("ssh-add -l", agent_forwarding=agent) for _ in range(3)])
            assert all(user_key.fingerprint() in each.stdout.decode() for each in listed)
        with pytest.raises(sessile.RefusedError, match="takes no agent"):
            await client.run("ssh-add -l", agent_forwarding=agent)
        after = await client.run("ssh-add -l")
        assert after.exit_status != 0 and after.stdout == b""


async def test_the_agent_of_the_environment(sshd, agent, user_key, monkeypatch):  # noqa: F811
    async with sshd, sshd.connect() as client:
        monkeypatch.setenv("SSH_AUTH_SOCK", agent)
        assert user_key.fingerprint() in (await client.run("ssh-add -l", agent_forwarding=True)).stdout.decode()
        monkeypatch.delenv("SSH_AUTH_SOCK")
        with pytest.raises(FileNotFoundError, match="SSH_AUTH_SOCK"):
            await client.run("true", agent_forwarding=True)


async def test_a_forwarded_agent_knows_to_where(sshd, agent, tmp_path):  # noqa: F811
    """A key that is for logging in to that host is not for going on from there."""
    async with sshd, sshd.connect() as client:
        (tmp_path / "known").write_text(sessile.KnownHosts.line("127.0.0.1", sshd.port, sshd.host_key))
        bound = sessile.Key.generate("ssh-ed25519")
        add(agent, bound, tmp_path, "-H", tmp_path / "known", "-h", f"[127.0.0.1]:{sshd.port}")
        here = subprocess.run(["ssh-add", "-l"], capture_output=True, env={**os.environ, "SSH_AUTH_SOCK": agent})
        assert bound.fingerprint() in here.stdout.decode()
        there = await client.run("ssh-add -l", agent_forwarding=agent)
        assert there.exit_status == 0 and bound.fingerprint() not in there.stdout.decode()


async def test_a_key_for_one_host_logs_in_there(sshd, agent, tmp_path):  # noqa: F811
    async with sshd:
        (tmp_path / "known").write_text(sessile.KnownHosts.line("127.0.0.1", sshd.port, sshd.host_key))
        bound = sessile.Key.generate("ssh-ed25519")
        (tmp_path / "authorized").write_text(bound.write_public() + "\n")
        add(agent, bound, tmp_path, "-H", tmp_path / "known", "-h", f"[127.0.0.1]:{sshd.port}")
        async with sshd.connect(client_keys=[], agent=agent) as client:
            assert (await client.run("echo in")).stdout == b"in\n"


async def test_our_server_uses_the_clients_agent(listen, connect, agent, user_key):  # noqa: F811
    async with await listen(handler=Trusting, process_factory=run) as server, connect(server) as client:
        listed = await client.run("ssh-add -l; ssh-add -L", agent_forwarding=agent)
        assert user_key.fingerprint() in listed.stdout.decode() and listed.exit_status == 0
        path = (await client.run("echo $SSH_AUTH_SOCK", agent_forwarding=agent)).stdout.decode().strip()
        assert path and await settle(lambda: not os.path.exists(os.path.dirname(path)), 10_000)


async def test_a_bastion_logs_on_with_the_clients_agent(listen, connect, sshd, agent):  # noqa: F811
    async def on(process):
        async with sshd.connect(client_keys=[], agent=await process.agent_socket()) as inner:
            process.stdout.write((await inner.run("echo inside")).stdout)
        return 0

    async with sshd, await listen(handler=Trusting, process_factory=on) as server, connect(server) as client:
        assert (await client.run("go", agent_forwarding=agent)).stdout == b"inside\n"


async def test_openssh_lends_its_agent(listen, host_key, agent, user_key, tmp_path):  # noqa: F811
    async with await listen(handler=Trusting, process_factory=run) as server:
        (tmp_path / "known").write_text(sessile.KnownHosts.line("127.0.0.1", server.port, host_key))
        ssh = await asyncio.create_subprocess_exec(
            "ssh", "-A", "-F", "none", "-o", f"UserKnownHostsFile={tmp_path}/known", "-o", "BatchMode=yes", "-p",
            str(server.port), "alice@127.0.0.1", "ssh-add -l", stdin=-3, stdout=-1, stderr=-1,
            env={**os.environ, "SSH_AUTH_SOCK": agent})
        output, errors = await ssh.communicate()
        assert user_key.fingerprint() in output.decode() and ssh.returncode == 0, errors


async def test_a_server_takes_no_agent_unless_told(listen, connect, agent):  # noqa: F811
    async with await listen(process_factory=run) as server, connect(server) as client:
        with pytest.raises(sessile.RefusedError, match="takes no agent"):
            await client.run("true", agent_forwarding=agent)
        assert client._agents == {}


async def test_there_is_no_agent_that_the_client_has_not_lent(listen, connect):  # noqa: F811
    caught = []

    async def grab(process):
        for attempt in (process.agent_socket, lambda: asyncio.sleep(0, process.connection.ssh.open_agent())):
            with pytest.raises((sessile.RefusedError, sessile.MisuseError)) as refused:
                await attempt()
            caught.append(type(refused.value))

    async with await listen(handler=Trusting, process_factory=grab) as server, connect(server) as client:
        await client.run("true")
    assert caught == [sessile.RefusedError, sessile.MisuseError]


async def test_an_agent_is_lent_while_its_process_is_open(listen, connect, agent):  # noqa: F811
    """Another process, which was lent none, gets none by what the first one leaves behind."""
    paths, gone = asyncio.Queue(), asyncio.Event()

    async def keep(process):
        if process.has_agent:
            paths.put_nowait(await process.agent_socket())
        await gone.wait()

    async with await listen(handler=Trusting, process_factory=keep) as server, connect(server) as client:
        async with await client.create_process("first", agent_forwarding=agent):
            path = await paths.get()
            with pytest.raises(ValueError, match="one agent at a time"):
                await client.run("second", agent_forwarding=agent + "2")
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(b"\0\0\0\1\x0b")  # Which keys there are.
            assert (await reader.readexactly(5))[4] == 12
            writer.close()
            await writer.wait_closed()
        assert await settle(lambda: not client._agents and not os.path.exists(path), 10_000)
        with pytest.raises(sessile.MisuseError):
            next(iter(server.connections)).ssh.open_agent()
        gone.set()


async def test_an_agent_that_is_not_there_is_refused_to_the_server(listen, connect, tmp_path):  # noqa: F811
    async with await listen(handler=Trusting, process_factory=run) as server, connect(server) as client:
        listed = await client.run("ssh-add -l", agent_forwarding=str(tmp_path / "nothing"))
        assert listed.exit_status != 0 and b"SHA256:" not in listed.stdout


class Sink(asyncio.Transport):
    def __init__(self):
        super().__init__()
        self.written, self.aborted = b"", False

    def write(self, data):
        self.written += data

    def pause_reading(self):
        pass

    def abort(self):
        self.aborted = True


@pytest.mark.parametrize("size", [1, 3, 100])
def test_what_the_agent_says_to_the_binding_stays_here(size):
    bound, sink = BoundAgent(b"request"), Sink()
    bound.connection_made(sink)
    answers = b"\0\0\0\1\x05" + b"\0\0\0\1\x06more"
    for at in range(0, len(answers), size):
        bound.data_received(answers[at : at + size])
    assert sink.written == b"request" and bytes(bound._early) == b"\0\0\0\1\x06more" and not sink.aborted


def test_an_answer_without_measure_ends_the_agents_connection():
    bound, sink = BoundAgent(b"request"), Sink()
    bound.connection_made(sink)
    bound.data_received(b"\xff\xff\xff\xff")
    assert sink.aborted
