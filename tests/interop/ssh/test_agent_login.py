# SPDX-License-Identifier: Apache-2.0
"""The agent where somebody logs in: its keys, those that may be used for some hosts alone, and its forwarding."""

import pytest
from checks import check_refused
from clients import Openssh, settings
from keys import HOST

IN = "echo in"
LIST = "ssh-add -L"


def check_in(outcome, out=b"in\n"):
    assert (outcome.status, outcome.out) == (0, out), outcome.log


def add_for(ssh_agent, key, known, port):
    """The key, to be used for that host alone: the agent wants to be bound to the session, and the host's key known."""
    ssh_agent.add("-q", "-H", known, "-h", f"[{HOST}]:{port}", key.path)


@pytest.mark.interop("keys of the agent")
@pytest.mark.parametrize("kind", ["ed25519", "ecdsa384", "rsa"])
@pytest.mark.parametrize("server", ["OpenSSH", "asyncssh"], indirect=True)
def test_our_client_signs_by_the_agent(server, with_agent, ssh_agent, children, keys, kind):
    theirs = server()
    ours = with_agent("--agent")
    job = theirs.job(children, keys, command=IN)
    check_refused(ours, ours.run(children, job), ours.denied)
    ssh_agent.add("-q", keys.user[kind].path)
    check_in(ours.run(children, job))


@pytest.mark.interop("a key that the agent may use for some hosts alone")
@pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
def test_our_client_binds_the_agent(server, with_agent, ssh_agent, children, keys):
    theirs = server()
    ours = with_agent("--agent")
    job = theirs.job(children, keys, command=IN)
    elsewhere = keys.known_hosts(children.path(".elsewhere"), 1, (keys.other_host,))
    add_for(ssh_agent, keys.user["ed25519"], elsewhere, 1)
    check_refused(ours, ours.run(children, job), ours.denied)
    ssh_agent.add("-q", "-D")
    add_for(ssh_agent, keys.user["ed25519"], job.known_hosts, theirs.port)
    check_in(ours.run(children, job))


class Forwarding(Openssh):
    """ssh that lets the server use an agent."""

    def __init__(self, agent):
        super().__init__()
        self.agent = agent

    def common(self, job):
        # What is said first counts.
        return [*settings(IdentityAgent=self.agent.path, ForwardAgent="yes"), *super().common(job)]


@pytest.mark.interop("the agent forwarded, where the server allows it")
@pytest.mark.parametrize("allowed", [True, False])
def test_our_server_forwards_the_agent(serve, ssh_agent, children, keys, allowed):
    ours = serve(forward=allowed)
    key = keys.user["ed25519"]
    ssh_agent.add("-q", keys.stranger.path)
    outcome = Forwarding(ssh_agent).run(children, ours.job(children, keys, key=key, command=LIST))
    if allowed:
        check_in(outcome, f"{keys.stranger.line} stranger\n".encode())
    else:
        assert outcome.status == 2 and not outcome.out, outcome.log


@pytest.mark.interop("the agent forwarded, where the client wants it")
@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
def test_our_client_forwards_the_agent(server, with_agent, ssh_agent, children, keys, wanted):
    theirs = server()
    ours = with_agent(*(["-A"] if wanted else []))
    ssh_agent.add("-q", keys.stranger.path)
    outcome = ours.run(children, theirs.job(children, keys, key=keys.user["ed25519"], command=LIST))
    if wanted:
        check_in(outcome, f"{keys.stranger.line} stranger\n".encode())
    else:
        assert outcome.status == 2 and not outcome.out, outcome.log
