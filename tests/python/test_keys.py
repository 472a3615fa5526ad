# SPDX-License-Identifier: Apache-2.0
"""Keys, certificates, trust and the agent's client."""

import struct

import pytest

import sessile
from sessile import CertificateKind, HostStatus, Key, KeyFormat, PublicFormat


@pytest.mark.parametrize("type", ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"])
def test_keys_are_written_and_read_again(type):
    key = Key.generate(type, bits=2048 if type == "ssh-rsa" else 0, comment="me")
    assert key.is_private and key.type == type and key.comment == "me"
    for format in KeyFormat.OPENSSH, KeyFormat.PKCS8:
        plain = Key.read(key.write(format))
        assert plain == key and plain.is_private
    for public_format in PublicFormat:
        public = Key.read_public(key.write_public(public_format))
        assert public == key and not public.is_private and hash(public) == hash(key)
    assert Key.from_blob(key.blob()) == key
    assert key.fingerprint().startswith("SHA256:") and key.randomart().count("\n") == 11
    assert key.fingerprint(sessile.Hash.MD5).startswith("MD5:")


def test_encrypted_keys_need_their_passphrase(user_key):
    secret = user_key.write(passphrase="pass", rounds=1)
    assert Key.read(secret, b"pass") == user_key
    for wrong in None, "wrong":
        with pytest.raises(sessile.PassphraseError):
            Key.read(secret, wrong)
    assert Key.read(user_key.write(KeyFormat.PKCS8, b"pass"), "pass") == user_key


def test_what_is_no_key_says_so():
    for call in (Key.read, Key.read_public, Key.from_blob):
        with pytest.raises(sessile.Error) as caught:
            call(b"rubbish")
        assert caught.value.text
    with pytest.raises(sessile.ArgumentError):
        Key.generate("ssh-dss")
    public = Key.read_public(Key.generate().write_public())
    with pytest.raises(sessile.ArgumentError):
        public.write()
    with pytest.raises(sessile.ArgumentError):
        public.sign(b"x")


def test_signatures(user_key):
    signature = user_key.sign(b"message")
    user_key.verify(b"message", signature)
    with pytest.raises(sessile.VerificationError):
        user_key.verify(b"massage", signature)
    armored = user_key.sshsig(b"message", "file")
    assert Key.sshsig_verify(armored, b"message", "file") == user_key
    with pytest.raises(sessile.VerificationError):
        Key.sshsig_verify(armored, b"message", "git")


def test_certificates(user_key, host_key):
    signed = host_key.sign_certificate(
        user_key, CertificateKind.USER, ["alice", "bob"], valid_after=1000, valid_before=2000, serial=7, key_id="id",
        critical={"force-command": "uptime"}, extensions={"permit-pty": ""})
    certificate = user_key.with_certificate(signed).certificate
    assert certificate is not None and user_key.certificate is None
    assert (certificate.kind, certificate.serial, certificate.key_id) == (CertificateKind.USER, 7, "id")
    assert certificate.principals == ["alice", "bob"] and certificate.authority == host_key
    assert (certificate.valid_after, certificate.valid_before) == (1000, 2000)
    assert certificate.option("force-command", critical=True) == b"uptime"
    assert certificate.option("permit-pty", critical=False) == b""
    assert certificate.option("permit-pty", critical=True) is None
    assert certificate.check(CertificateKind.USER, "alice", 1500) is None
    assert isinstance(certificate.check(CertificateKind.USER, "alice", 3000), sessile.VerificationError)
    assert isinstance(certificate.check(CertificateKind.HOST, "alice", 1500), sessile.VerificationError)
    with pytest.raises(sessile.ArgumentError):
        host_key.with_certificate(signed)


def test_known_hosts(host_key, user_key):
    text = (sessile.KnownHosts.line("one.test", 22, host_key)
            + sessile.KnownHosts.line("two.test", 2022, host_key, hashed=True) + "one.test rubbish\n")
    assert "two.test" not in text
    known = sessile.KnownHosts(text, sessile.KnownHosts(b""))
    assert len(known) == 2 and bool(sessile.KnownHosts("")) and known.bad_lines[0].line == 3
    assert known.check("one.test", 22, host_key) == (HostStatus.KNOWN, 2, 1, "")
    assert known.check("two.test", 2022, host_key).status is HostStatus.KNOWN
    assert known.check("three.test", 22, host_key).status is HostStatus.UNKNOWN
    assert known.check("one.test", 22, user_key).status is HostStatus.CHANGED
    assert known.keys("one.test") == [host_key] and known.keys("three.test") == []
    assert "ssh-ed25519" in known.algorithms("one.test") and known.algorithms("three.test") == []


def test_authorized_keys(user_key, host_key):
    keys = sessile.AuthorizedKeys(
        '# who\nrestrict,pty,command="ls",permitopen="host:80" ' + user_key.write_public() + "nonsense\n")
    grant = keys.match(user_key, "alice", address="10.0.0.1")
    assert grant.line == 2 and grant.command == "ls" and grant.allows(sessile.Allow.PTY)
    assert not grant.allows(sessile.Allow.AGENT_FORWARDING) and grant.environment == []
    assert len(keys) == 1 and [line for line, _ in keys.bad_lines] == [3]
    with pytest.raises(sessile.VerificationError):
        keys.match(host_key, "alice")


def test_a_name_with_a_nul_inside_is_no_other_name(user_key, host_key):
    with pytest.raises(ValueError, match="null character"):
        host_key.sign_certificate(user_key, sessile.CertificateKind.USER, ["root\0@users.example"], valid_after=0,
                                  valid_before=2**64 - 1)
    with pytest.raises(TypeError):
        host_key.sign_certificate(user_key, sessile.CertificateKind.USER, [1], valid_after=0, valid_before=1)


@pytest.mark.parametrize("name", ["root", b"root"])
def test_one_name_is_no_list_of_principals(user_key, host_key, name):
    with pytest.raises(TypeError, match="principals"):
        host_key.sign_certificate(user_key, CertificateKind.USER, name, valid_after=0, valid_before=1)


def test_authorities_and_principals(user_key, host_key):
    signed = user_key.with_certificate(host_key.sign_certificate(
        user_key, CertificateKind.USER, ["ops"], valid_after=0, valid_before=sessile.FOREVER))
    authorities = sessile.AuthorizedKeys(host_key.write_public())
    assert authorities.match_authority(signed, "root", principals=sessile.Principals("ops\n")).command is None
    with pytest.raises(sessile.VerificationError):
        authorities.match_authority(signed, "root")


def test_revocation_lists(user_key, host_key):
    krl = sessile.KRL(user_key.write_public())
    assert krl.revokes(user_key) and not krl.revokes(host_key) and krl.version == 0 and krl.comment == ""
    with pytest.raises(sessile.Error):
        sessile.KRL(b"SSHKRL\n\0 but not quite")


class FakeAgent:
    """Just enough of an agent: it has one key."""

    def __init__(self, key):
        self.key = key
        self.sent = []
        self.replies = []
        self.client = sessile.Agent(self.sent.append, None, lambda: None)
        self.client.on_reply = self.replies.append
        self.client.connect()

    @staticmethod
    def string(data):
        return struct.pack(">I", len(data)) + data

    def reply(self, kind, body):
        message = self.string(bytes([kind]) + body)
        assert self.client.receive(message) == len(message)


def test_an_agent_lists_and_signs(user_key):
    agent = FakeAgent(user_key)
    first, second, third = agent.client.list(), agent.client.sign(user_key, b"data"), agent.client.sign(user_key, b"no")
    agent.reply(12, struct.pack(">I", 2) + agent.string(user_key.blob()) + agent.string(b"it\xff")
                + agent.string(b"strange") + agent.string(b""))
    agent.reply(14, agent.string(user_key.sign(b"data")))
    agent.reply(5, b"")
    listed, signed, refused = agent.replies
    assert [listed.request, signed.request, refused.request] == [first, second, third]
    assert listed.keys[0].key == user_key and listed.keys[0].comment == b"it\xff"
    assert listed.keys[1].key is None and listed.keys[1].blob == b"strange"
    user_key.verify(b"data", signed.signature)
    assert signed.accepted and not refused.accepted


def test_an_agent_answers_a_sessions_question(host_key, user_key):
    from wires import End, pump, ssh_pair

    agent = FakeAgent(user_key)
    public = Key.read_public(user_key.write_public())
    messages = []

    def ask(question):
        messages.append((question.get(sessile.Item.DATA), question.text(sessile.Item.ALGORITHM)))
        agent.client.answer(question)

    client, server = ssh_pair(host_key, public, client=End(on_question=ask))
    data, algorithm = messages[0]
    agent.reply(14, agent.string(user_key.sign(data, algorithm)))
    pump(client, server)
    assert client.log == ["ready"] and agent.replies == []
