# SPDX-License-Identifier: Apache-2.0
"""OpenSSH's configuration files: what is read of them is what the real ssh reads."""

import getpass
import os
import socket
import subprocess
from pathlib import Path

import pytest

import sessile
from sessile import openssh
from sessile.openssh import ConfigError

USER = getpass.getuser()

CONFIGS = {
    "nothing": "",
    "the first value wins": "Host target\n  Port 1\nHost *\n  Port 2\n  User other\n",
    "patterns": "Host t?rget b*\n Port 11\nHost *.test !target *\n Port 12\n",
    "negation": "Host * !target\n User no\nHost !other *\n User yes\n",
    "negation alone matches nothing": "Host !other\n User no\n",
    "equals signs": "Host=target\nPort=22\nUser = me\n  HostName=\tthere\n",
    "quotes": "HostName \"quoted\"\nIdentityFile \"~/a key\"\nIdentityFile '~/b \"key\"'\nIdentityFile ~/c\\ key\n",
    "comments": "# Port 1\n\n   # Port 2\nPort 3 # Port 4\nUser a#b\n",
    "keywords in any case": "hOST target\nPORT 2200\nUSER me\n",
    "carriage returns": "Host target\r\n  Port 99\r\n",
    "the host's name": "HostName %h.example.test\n",
    "percent": "HostName %h%%x\nPort 8\n",
    "in capitals": "HostName UPPER.Example\n",
    "matching all": "Match all\n Port 5\nMatch host target\n Port 6\n",
    "matching a host": "Match host other,t*\n Port 7\nMatch host=other\n User x\n",
    "matching the host's own name":
        "Host target\n HostName real\nMatch host real\n Port 70\nMatch host target\n User no\n",
    "matching what was asked for": "HostName real\nMatch originalhost target\n Port 71\n",
    "matching a user": "User bob\nMatch user bob\n Port 8\nMatch user alice\n HostName no\n",
    "matching the local user": f"Match localuser {USER}\n Port 9\nMatch !localuser {USER}\n User no\n",
    "matching both": "User bob\nMatch host target user alice\n Port 1\nMatch host target user bob\n Port 2\n",
    "matching a negated list": "Match host *,!target\n Port 1\nMatch host *,!other\n Port 2\n",
    "matching not": "Match !host other\n Port 72\nMatch !host target\n User no\n",
    "the second time": "HostName real\nMatch final host real\n User final\nMatch host real\n Port 12\n",
    "the second time, for all": "Match final all\n User late\nHost target\n Port 4\n",
    "canonical": "Match canonical all\n User no\n",
    "identities add up":
        "IdentityFile ~/.ssh/one\nHost target\nIdentityFile /two/%h/%r/%u%d\nIdentityFile ~/.ssh/one\n",
    "certificates": "CertificateFile ~/x-cert.pub\nCertificateFile /y\nIdentitiesOnly yes\n",
    "known hosts":
        "UserKnownHostsFile /a \"/b c\"\nGlobalKnownHostsFile none\nHostKeyAlias alias\nHashKnownHosts yes\n",
    "known hosts with tokens": "UserKnownHostsFile /a/%h/%p/%n/%r/%k ~/x\nPort 77\nHostName real\nHostKeyAlias nick\n",
    "strict": "StrictHostKeyChecking accept-new\n", "strict no": "StrictHostKeyChecking off\n",
    "strict yes": "StrictHostKeyChecking yes\nVisualHostKey yes\n",
    "jumping": "ProxyJump me@jump:2222,second\n",
    "jumping not": "Host target\n ProxyJump none\nHost *\n ProxyJump jump\n",
    "a command between": "ProxyCommand nc -X 5 \"%h\" %p # all of it\n",
    "a jump and a command": "ProxyJump jump\nProxyCommand nc %h\n",
    "no jump and a command": "ProxyJump none\nProxyCommand nc %h\n",
    "a command and a jump": "ProxyCommand nc %h\nProxyJump jump\n",
    "times": "ConnectTimeout 1m30s\nServerAliveInterval 2m\n", "no time": "ConnectTimeout none\n",
    "seconds": "ConnectTimeout 5\nServerAliveInterval 15\n",
    "an agent": "IdentityAgent /run/agent\n", "no agent": "IdentityAgent none\n",
    "an agent by name": "IdentityAgent SSH_AUTH_SOCK\n",
    "algorithms": "Ciphers aes128-ctr,aes256-ctr\nMACs hmac-sha2-256\nKexAlgorithms curve25519-sha256\n"
                  "HostKeyAlgorithms ssh-ed25519\n",
    "switches":
        "BatchMode yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nNumberOfPasswordPrompts 1\n",
    "other names": "ChallengeResponseAuthentication no\nKeepAlive yes\n",
    "a terminal": "RequestTTY force\nRemoteCommand top -b | head\n",
    "unknown, and let be": "IgnoreUnknown Foo*,Bar\nFooBar 1\nbar 2\nPort 3\n",
    "no effect here": "ForwardX11 no\nControlMaster auto\nControlPath ~/x\nSendEnv A B\nLogLevel DEBUG\n",
    "included": "Include FOLDER/more FOLDER/nothing*\nPort 1\n",
    "included in a block that does not apply": "Host other\nInclude FOLDER/more\nHost *\nPort 2\n",
    "included by pattern": "Include FOLDER/part-*\n",
    "back after an include": "Host target\nInclude FOLDER/other-block\nPort 5\n",
    "ports by name": "Port ssh\n",
}
MORE = {"more": "User included\nPort 9\n", "part-1": "User first\n", "part-2": "User second\nPort 2\n",
        "other-block": "Host other\n User no\n"}

WRONG = {
    "no such option": "\nNonsense yes\n", "no port": "\nPort 99999\n", "no number": "\nNumberOfPasswordPrompts x\n",
    "neither yes nor no": "\nIdentitiesOnly maybe\n", "not closed": "\nUser \"x\n", "no value": "\nUser\n",
    "no criterion": "\nMatch nonsense x\n", "without a value": "\nMatch host\n", "all is alone": "\nMatch all host x\n",
    "no time": "\nConnectTimeout 5x\n", "two words": "\nHostName a b\n", "no choice": "\nStrictHostKeyChecking maybe\n",
    "wrong where it does not apply": "Host other\nPort x\n",
}


@pytest.fixture
def folder(tmp_path):
    for name, text in MORE.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def write(folder, text):
    path = folder / "config"
    path.write_text(text.replace("FOLDER", str(folder)), newline="")
    return path


def real(path, host="target", *options):
    """What ssh -G says: every value of each option."""
    done = subprocess.run(["ssh", "-G", "-F", path, *options, host], capture_output=True, text=True)
    if done.returncode:
        return None
    said = {}
    for line in done.stdout.splitlines():
        name, _, value = line.partition(" ")
        said.setdefault(name, []).append(value)
    return said


def only(said, name, usual=""):
    return said.get(name, [usual])[0]


def expanded(said, name, config):
    """Paths as ssh would open them; ssh -G shows some of them as they were written."""
    tokens = {"%h": config.hostname, "%r": config.username, "%u": USER, "%d": os.path.expanduser("~"),
              "%p": str(config.port), "%n": config.name, "%k": config.host_key_alias or config.hostname}
    found = []
    for value in said.get(name, ()):
        for token, text in tokens.items():
            value = value.replace(token, text)
        found.append(str(Path(value).expanduser()))
    return found


def compare(config, said):
    home = os.path.expanduser("~")
    assert config.hostname == only(said, "hostname") and config.username == only(said, "user")
    assert config.port == int(only(said, "port"))
    if config.explicit_identities:
        assert [str(path) for path in config.identity_files] == expanded(said, "identityfile", config)
    else:
        usual = {f"{home}/.ssh/{name}" for name in ("id_xmss", "id_dsa")}
        assert [str(path) for path in config.identity_files] == [
            path for path in expanded(said, "identityfile", config) if path not in usual]
    assert [str(path) for path in config.certificate_files] == expanded(said, "certificatefile", config)
    for files, name in ((config.user_known_hosts, "userknownhostsfile"),
                        (config.global_known_hosts, "globalknownhostsfile")):
        shown = " ".join(expanded(said, name, config))
        assert " ".join(map(str, files)) == ("" if shown == "none" else shown)
    assert (config.proxy_jump or "none") == only(said, "proxyjump", "none")
    assert (config.proxy_command or "none") == expanded_command(config, said)
    assert (config.host_key_alias or "") == only(said, "hostkeyalias")
    agent = only(said, "identityagent", "SSH_AUTH_SOCK")
    assert config.identity_agent == {"none": None, "SSH_AUTH_SOCK": os.environ.get("SSH_AUTH_SOCK")}.get(agent, agent)
    compare_switches(config, said)


def expanded_command(config, said):
    command = only(said, "proxycommand", "none")
    return command.replace("%h", config.hostname).replace("%p", str(config.port))


def compare_switches(config, said):
    strict = {"false": "no", "true": "yes", "off": "no"}
    assert {"off": "no"}.get(config.strict_host_key_checking, config.strict_host_key_checking) == strict.get(
        said["stricthostkeychecking"][0], said["stricthostkeychecking"][0])
    assert str(config.connect_timeout or "none") == only(said, "connecttimeout")
    # Debian's ssh changes this one's default with BatchMode.
    assert config.batch_mode or str(config.keepalive_interval) == only(said, "serveraliveinterval")
    assert str(config.password_prompts) == only(said, "numberofpasswordprompts")
    assert (config.request_tty, config.remote_command or "none") == (
        only(said, "requesttty"), only(said, "remotecommand", "none"))
    for value, name in ((config.identities_only, "identitiesonly"), (config.batch_mode, "batchmode"),
                        (config.passwords, "passwordauthentication"), (config.hash_known_hosts, "hashknownhosts"),
                        (config.keyboard_interactive, "kbdinteractiveauthentication"),
                        (config.visual_host_key, "visualhostkey"), (config.public_keys, "pubkeyauthentication")):
        assert value == (only(said, name) in ("yes", "true")), name
    names = {"ciphers": 3, "macs": 4, "kexalgorithms": 1, "hostkeyalgorithms": 2}
    for name, kind in names.items():
        if kind in config.algorithms:
            assert config.algorithms[sessile.Algorithms(kind)] == only(said, name)


@pytest.mark.parametrize("name", CONFIGS)
def test_what_the_real_ssh_reads(folder, name):
    path = write(folder, CONFIGS[name])
    said = real(path)
    assert said is not None, "ssh does not take it"
    compare(openssh.load("target", config=path), said)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_command_line_comes_first(folder, name):
    path = write(folder, CONFIGS[name])
    options = ["Port=2022", "User me", "StrictHostKeyChecking=yes", "IdentityFile=/first"]
    said = real(path, "target", *(word for option in options for word in ("-o", option)))
    compare(openssh.load("target", config=path, options=options), said)
    named = openssh.load("target", config=path, username="me", port=2022)
    assert (named.username, named.port) == ("me", 2022)
    assert openssh.load("him@target", config=path).username == "him"


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refused_with_file_and_line(folder, name):
    path = write(folder, WRONG[name])
    assert real(path) is None, "ssh takes it"
    with pytest.raises(ConfigError, match=rf"^{path}:2: "):
        openssh.load("target", config=path)


@pytest.mark.parametrize("host, command", [
    ("$(reboot)", "nc %h %p"), ("a;b", "nc %n %p"), ("a b", "nc %h"), ("x'y", "nc '%h'"),
    ("-ox@host", "ssh -l %r jump"), ("`id`@host", "ssh %r@jump"), ("a\nb@host", "ssh -l %r jump")])
def test_a_name_puts_no_words_into_a_command(folder, host, command):
    path = write(folder, f"ProxyCommand {command}\n")
    with pytest.raises(ConfigError, match=r"config:1: .* would take for more than a name"):
        openssh.load(host, config=path)
    said = openssh.load("me@::1", config=path).proxy_command
    assert said == command.replace("%h", "::1").replace("%n", "::1").replace("%p", "22").replace("%r", "me")


def test_no_command_is_run(folder):
    made = folder / "made"
    path = write(folder, f"Match exec \"touch {made}\"\n Port 1\nMatch !exec \"touch {made}\"\n Port 2\n"
                         "Match host target exec true\n Port 3\n")
    config = openssh.load("target", config=path)
    assert config.port == 22 and not made.exists()
    assert [warning.partition(" ")[0] for warning in config.warnings] == [f"{path}:{line}:" for line in (1, 3, 5)]


def test_files_that_include_each_other_come_to_an_end(folder):
    path = write(folder, "Include FOLDER/config\n")
    with pytest.raises(ConfigError, match="include each other"):
        openssh.load("target", config=path)


def test_the_users_file_and_its_owner(tmp_path):
    (tmp_path / ".ssh").mkdir()
    path = tmp_path / ".ssh" / "config"
    path.write_text("Include inner\nPort 44\nIdentityFile ~/key\n")
    path.chmod(0o600)
    inner = tmp_path / ".ssh" / "inner"
    inner.write_text("User inner\n")
    inner.chmod(0o600)
    config = openssh.load("target", home=tmp_path)
    assert (config.port, config.username, config.identity_files) == (44, "inner", (tmp_path / "key",))
    inner.chmod(0o620)
    with pytest.raises(ConfigError, match="inner: .* others may write"):
        openssh.load("target", home=tmp_path)


def test_variables_and_tokens(folder, monkeypatch):
    monkeypatch.setenv("PLACE", "/place")
    path = write(folder, "IdentityFile ${PLACE}/%i-%L\n")
    expected = f"/place/{os.getuid()}-{socket.gethostname().partition('.')[0]}"
    assert [str(each) for each in openssh.load("target", config=path).identity_files] == [expected]
    for text in ("IdentityFile ${NOTHING_OF_THE_KIND}/x\n", "IdentityFile /%y\n", "HostName %p\n"):
        with pytest.raises(ConfigError, match="config:1: "):
            openssh.load("target", config=write(folder, text))


def test_algorithms_that_this_build_lacks_are_left_out(folder):
    path = write(folder, "Ciphers 3des-cbc,aes128-ctr\nMACs +umac-64@openssh.com\nKexAlgorithms -ecdh*\n")
    config = openssh.load("target", config=path)
    made = config.ssh_config()
    assert made.algorithms(sessile.Algorithms.CIPHERS) == ["aes128-ctr"]
    assert not [name for name in made.algorithms(sessile.Algorithms.KEX) if name.startswith("ecdh")]
    with pytest.raises(ConfigError, match="config:1: ciphers: none of 3des-cbc"):
        openssh.load("target", config=write(folder, "Ciphers 3des-cbc\n"))


def test_sent_environment(folder, monkeypatch):
    monkeypatch.setenv("LC_ONE", "1")
    monkeypatch.setenv("OTHER", "2")
    path = write(folder, "SendEnv LC_*\nSetEnv FOO=bar \"BAZ=a b\"\n")
    sent = openssh.load("target", config=path).environment
    assert sent["LC_ONE"] == "1" and "OTHER" not in sent and (sent["FOO"], sent["BAZ"]) == ("bar", "a b")


@pytest.mark.parametrize("text, expected", [
    ("host", (None, "host", None)), ("me@host:22", ("me", "host", 22)), ("[::1]:2200", (None, "::1", 2200)),
    ("ssh://me@host:1", ("me", "host", 1)), ("a@b@host", ("a@b", "host", None)),
])
def test_jump_hosts(text, expected):
    assert openssh.parse_jump(text) == expected


@pytest.mark.parametrize("text", ["", "@host", "host:", "host:0", "host:x", "[::1", "me@", "::1"])
def test_jump_hosts_that_are_none(text):
    with pytest.raises(ConfigError):
        openssh.parse_jump(text)


def test_jump_hosts_that_lead_to_each_other(folder):
    path = write(folder, "Host a\n ProxyJump b\nHost b\n ProxyJump a\n")
    with pytest.raises(ConfigError, match="lead to each other"):
        openssh.load("a", config=path).connect_arguments()
    # A host is not its own jump host.
    assert openssh.load("j", config=write(folder, "Host *\n ProxyJump j\n")).jumps == ()


# ---- Keys and known hosts ----


def test_keys_from_files(tmp_path, user_key):
    (tmp_path / ".ssh").mkdir()
    assert openssh.load("target", home=tmp_path).identities() == []
    (tmp_path / ".ssh" / "id_ed25519").write_bytes(user_key.write())
    other = sessile.Key.generate("ecdsa-sha2-nistp256")
    (tmp_path / ".ssh" / "id_ecdsa").write_bytes(other.write(passphrase="secret"))
    (tmp_path / ".ssh" / "id_rsa").write_text("no key")
    locked, plain = openssh.load("target", home=tmp_path, config="none").identities()
    assert plain == user_key and plain.is_private
    assert locked.public == other and not locked.public.is_private and locked.unlock("secret").is_private
    with pytest.raises(sessile.PassphraseError):
        locked.unlock("wrong")
    explicit = openssh.load("target", home=tmp_path, config="none", options=["IdentityFile ~/.ssh/id_rsa"])
    with pytest.raises(ConfigError, match="id_rsa: "):
        explicit.identities()


def test_certificates_go_with_their_keys(tmp_path, user_key):
    authority = sessile.Key.generate()
    certificate = authority.sign_certificate(user_key, sessile.CertificateKind.USER, ["me"], valid_after=0,
                                             valid_before=sessile.FOREVER)
    (tmp_path / "key").write_bytes(user_key.write())
    (tmp_path / "key-cert.pub").write_text(certificate.write_public())
    options = [f"IdentityFile {tmp_path}/key"]
    signed, plain = openssh.load("target", config="none", options=options).identities()
    assert signed.certificate.principals == ["me"] and signed.is_private and plain.certificate is None
    (tmp_path / "key-cert.pub").rename(tmp_path / "elsewhere")
    signed, plain = openssh.load(
        "target", config="none", options=[*options, f"CertificateFile {tmp_path}/elsewhere"]).identities()
    assert signed.certificate is not None and plain.certificate is None


def test_known_hosts_are_those_of_all_files_and_new_ones_are_added(tmp_path, host_key):
    config = openssh.load("target", home=tmp_path, config="none", options=[f"GlobalKnownHostsFile {tmp_path}/all"])
    (tmp_path / "all").write_text(sessile.KnownHosts.line("target", 22, host_key))
    assert config.known_hosts().check("target", 22, host_key).status is sessile.HostStatus.KNOWN
    other = sessile.Key.generate()
    path = config.remember("new", 2200, other)
    assert path == tmp_path / ".ssh" / "known_hosts" and path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    path.write_text(path.read_text().rstrip("\n"))
    hashing = openssh.load("target", home=tmp_path, config="none", options=["HashKnownHosts yes"])
    hashing.remember("more", 22, host_key)
    known = config.known_hosts()
    for host, port, key in (("new", 2200, other), ("more", 22, host_key), ("target", 22, host_key)):
        assert known.check(host, port, key).status is sessile.HostStatus.KNOWN
    assert path.read_text().splitlines()[1].startswith("|1|")
