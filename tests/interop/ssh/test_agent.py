# SPDX-License-Identifier: Apache-2.0
"""The agent's client against ssh-agent, over its socket."""

import pytest
from agentlib import REFUSED, Agent, Ended, sign, verifies
from keylib import Key
from openssh_agent import run

pytestmark = pytest.mark.interop("keys in ssh-agent", role="keys")

MESSAGE = b"Nothing but bytes."
TYPES = {"ed25519": ("-t", "ed25519"), "ecdsa": ("-t", "ecdsa", "-b", "384"), "rsa": ("-t", "rsa", "-b", "2048")}


@pytest.fixture
def agent(ssh_agent):
    connection = Agent(ssh_agent.path)
    yield connection
    connection.free()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Private key files by type."""
    folder = tmp_path_factory.mktemp("agent")
    for name, options in TYPES.items():
        run("ssh-keygen", "-q", *options, "-N", "", "-C", f"{name} key", "-f", folder / name)
    return {name: folder / name for name in TYPES}


def public(path):
    return Key.read_public(path.with_name(f"{path.name}.pub").read_bytes())


def test_an_empty_agent_lists_nothing(agent):
    assert agent.list() == []


def test_keys_are_listed_as_ssh_add_lists_them(ssh_agent, agent, made):
    for path in made.values():
        ssh_agent.add("-q", path)
    keys = agent.list()
    assert [comment for _, comment in keys] == [f"{name} key" for name in made]
    for (key, _), path in zip(keys, made.values()):
        assert key == public(path)
        assert not key.has_certificate
    listed = [line.split()[1] for line in ssh_agent.add("-L").splitlines()]
    assert listed == [key.write_public().decode().split()[1] for key, _ in keys]


@pytest.mark.parametrize("name,algorithm", [
    ("ed25519", None), ("ed25519", "ssh-ed25519"), ("ecdsa", None), ("rsa", None), ("rsa", "rsa-sha2-256"),
    ("rsa", "rsa-sha2-512"),
])
def test_signatures_are_good_and_by_the_algorithm(ssh_agent, agent, made, name, algorithm):
    ssh_agent.add("-q", made[name])
    key = public(made[name])
    signature = agent.sign(key, MESSAGE, algorithm)
    assert verifies(key, MESSAGE, signature, algorithm)
    assert not verifies(key, MESSAGE + b"!", signature, algorithm)
    if name == "rsa":
        other = "rsa-sha2-256" if algorithm != "rsa-sha2-256" else "rsa-sha2-512"
        assert not verifies(key, MESSAGE, signature, other)


def test_a_key_that_the_agent_does_not_have_is_refused(ssh_agent, agent, made):
    ssh_agent.add("-q", made["rsa"])
    assert agent.sign(public(made["ed25519"]), MESSAGE) is None
    assert agent.sign(public(made["rsa"]), MESSAGE) is not None


def test_certificates_are_listed_and_sign(ssh_agent, agent, made, tmp_path):
    copy = tmp_path / "ed25519"
    for suffix in ("", ".pub"):
        copy.with_name(copy.name + suffix).write_bytes(made["ed25519"].with_name("ed25519" + suffix).read_bytes())
    copy.chmod(0o600)
    run("ssh-keygen", "-q", "-s", made["ecdsa"], "-I", "id", "-n", "alice", f"{copy}.pub")
    ssh_agent.add("-q", copy)
    keys = [key for key, _ in agent.list()]
    assert sorted(key.has_certificate for key in keys) == [False, True]
    for key in keys:
        algorithm = "ssh-ed25519-cert-v01@openssh.com" if key.has_certificate else "ssh-ed25519"
        assert verifies(key, MESSAGE, agent.sign(key, MESSAGE, algorithm, key.has_certificate))
    certified = next(key for key in keys if key.has_certificate)
    assert agent.remove(certified, certificate=True) == 0
    assert [key.has_certificate for key, _ in agent.list()] == [False]


def test_keys_are_removed(ssh_agent, agent, made):
    for path in made.values():
        ssh_agent.add("-q", path)
    assert agent.remove(public(made["ecdsa"])) == 0
    assert agent.remove(public(made["ecdsa"])) == REFUSED
    assert [comment for _, comment in agent.list()] == ["ed25519 key", "rsa key"]
    assert agent.remove_all() == 0
    assert agent.list() == []


def test_a_session_is_bound_where_the_host_key_has_signed_it(agent, made):
    host_key = Key.read(made["ed25519"].read_bytes())
    ids = [bytes([letter]) * 32 for letter in b"abc"]
    signatures = [sign(host_key, session_id) for session_id in ids]
    assert agent.bind(host_key, ids[0], signatures[1], forwarding=True) == REFUSED
    assert agent.bind(host_key, ids[0], signatures[0], forwarding=True) == 0
    assert agent.bind(host_key, ids[1], signatures[1]) == 0
    assert agent.bind(host_key, ids[2], signatures[2]) == REFUSED, "bound for authentication, it goes no further"


def test_an_agent_that_ends_while_asked_is_told(ssh_agent, agent, made):
    ssh_agent.add("-q", made["ed25519"])
    assert agent.sign(public(made["ed25519"]), MESSAGE)
    ssh_agent.stop()
    with pytest.raises(Ended):
        agent.list()
