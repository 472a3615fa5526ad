# SPDX-License-Identifier: Apache-2.0
"""SSH sessions through the Python API, in memory."""

import pytest
from wires import Collector, End, Server, link, pump, ssh_pair

import sessile
from sessile import Item, Notice, QuestionKind


def test_a_user_with_a_key_gets_in_and_runs_a_command(host_key, user_key):
    client, server = ssh_pair(host_key, user_key)
    assert client.log == server.log == ["ready"]
    assert client.ssh.host_key == host_key == server.ssh.host_key and server.ssh.user_key == user_key
    assert server.ssh.user == "alice" and client.ssh.session_id == server.ssh.session_id
    assert client.ssh.info(sessile.SSHInfo.STRICT) == "1"

    mine = Collector(client.ssh.open_session())
    pump(client, server)
    assert mine.events == ["open"] and mine.stream.type == "session"
    mine.stream.request_env("LANG", "C")
    mine.stream.request_exec("uname -a")
    pump(client, server)
    assert mine.events == ["open", True, True]
    theirs = server.channels[0]
    mine.stream.write(b"input")
    theirs.stream.write(b"output")
    theirs.stream.write_stderr(b"complaint")
    pump(client, server)
    assert (theirs.data, mine.data, mine.stderr) == (b"input", b"output", b"complaint")
    theirs.stream.send_exit_status(3)
    theirs.stream.end()
    mine.stream.end()
    pump(client, server)
    assert mine.stream.exit_status == 3 and mine.events[-2:] == [sessile.ChannelEvent.EXIT_STATUS, ("closed", None)]
    assert theirs.events[-1] == ("closed", None) and client.streams == server.streams == ()
    client.end()
    pump(client, server)
    assert client.error_seen is None and server.error_seen is None and client.closed


def test_one_byte_at_a_time_is_the_same(host_key, user_key):
    one, other = link(None, Server())
    known = sessile.KnownHosts(sessile.KnownHosts.line("server.test", 22, host_key))
    other.ssh_accept(sessile.SSHConfig.server([host_key]))
    one.ssh_connect(sessile.SSHConfig.client(known_hosts=known, keys=[user_key]), "server.test", "alice")
    while one.queue or other.queue:
        for end in one, other:
            waiting, end.queue = bytes(end.queue), bytearray()
            for byte in waiting:
                end.queue.append(byte)
                end.take()
    assert one.log == other.log == ["ready"]


def test_the_requests_tell_what_they_ask_for(host_key, user_key):
    seen = []

    def request(question):
        seen.append((question.type, question.command, question.text(Item.NAME), question.number(Item.COLUMNS)))
        assert question.stream in [collector.stream for collector in server.channels]
        question.refuse() if question.type == "subsystem" else question.accept()

    client, server = ssh_pair(host_key, user_key, Server(SSH_REQUEST=request))
    mine = Collector(client.ssh.open_session())
    pump(client, server)
    mine.stream.request_pty("xterm", 80, 24)
    mine.stream.request_env("A", "b")
    mine.stream.request_subsystem("sftp")
    mine.stream.request_exec(b"\xff")
    pump(client, server)
    assert seen == [("pty-req", b"", "", 80), ("env", b"", "A", 0), ("subsystem", b"", "sftp", 0),
                    ("exec", b"\xff", "", 0)]
    assert mine.events == ["open", True, True, False, True]
    mine.stream.window_change(100, 50)
    mine.stream.send_signal("INT")
    pump(client, server)
    theirs = server.channels[0]
    assert theirs.stream.terminal[:2] == (100, 50) and theirs.stream.signal == "INT"
    theirs.stream.send_exit_signal("TERM", True, "enough")
    theirs.stream.end()
    pump(client, server)
    channel = mine.stream
    assert (channel.exit_signal, channel.exit_message, channel.exit_core_dumped) == ("TERM", "enough", True)
    assert channel.exit_status is None


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("good", [False, True])
def test_passwords(host_key, good, later):
    held = []

    def user(question):
        if question.method != "password":
            return question.refuse()
        assert question.user == "alice"
        if later:
            held.append(question)
            return None
        return question.accept() if question.password == "secret" else question.refuse()

    def authenticate(question):
        if question.kind is QuestionKind.SSH_AUTHENTICATE:
            assert "password" in question.methods
            if "password" in question.tried:
                question.refuse()
            else:
                question.accept(password="secret" if good else "guess")

    client, server = ssh_pair(host_key, None, Server(SSH_USER=user), End(on_question=authenticate))
    if later:
        assert client.log == []
        question = held.pop()
        question.accept() if question.password == "secret" else question.refuse()
        pump(client, server)
    if good:
        assert client.log == ["ready"]
    else:
        assert isinstance(client.error_seen, sessile.RefusedError)


def test_keyboard_interactive(host_key):
    def user(question):
        if question.method == "keyboard-interactive":
            question.accept(name="Bank", instruction="two of them", prompt=["PIN: ", "Colour: "], echo=["0", "1"])
        else:
            question.refuse()

    def responses(question):
        question.accept() if question.responses == ["1234", "blue"] else question.refuse()

    def client_side(question):
        if question.kind is QuestionKind.SSH_AUTHENTICATE:
            question.accept(method="keyboard-interactive")
        elif question.kind is QuestionKind.SSH_PROMPTS:
            assert question.prompts == [("PIN: ", False), ("Colour: ", True)]
            question.accept(response=["1234", "blue"])

    server = Server(SSH_USER=user, SSH_RESPONSES=responses)
    client, server = ssh_pair(host_key, None, server, End(on_question=client_side))
    assert client.log == server.log == ["ready"]


def test_a_signature_by_a_key_that_is_elsewhere(host_key, user_key):
    public = sessile.Key.read_public(user_key.write_public())
    asked = []

    def sign(question):
        assert question.kind is QuestionKind.SSH_SIGN and question.key == user_key
        asked.append(question)

    client, server = ssh_pair(host_key, public, client=End(on_question=sign))
    question = asked.pop()
    question.accept(signature=user_key.sign(question.get(Item.DATA), question.text(Item.ALGORITHM)))
    pump(client, server)
    assert client.log == ["ready"]


def test_an_unknown_host_is_asked_about_and_another_key_fails(host_key, user_key):
    asked = []

    def believe(question):
        asked.append((question.host, question.port, question.key, question.fingerprint))
        question.accept()

    config = sessile.SSHConfig.client(keys=[user_key])
    client, _ = ssh_pair(host_key, client=End(on_question=believe), config=config)
    assert client.log == ["ready"] and asked == [("server.test", 22, host_key, host_key.fingerprint())]

    known = sessile.KnownHosts(sessile.KnownHosts.line("server.test", 22, sessile.Key.generate()))
    config = sessile.SSHConfig.client(keys=[user_key], known_hosts=known)
    client, _ = ssh_pair(host_key, client=End(on_question=believe), config=config)
    assert isinstance(client.error_seen, sessile.VerificationError) and len(asked) == 1


def test_a_channel_that_is_refused_says_why(host_key, user_key):
    def channel(question):
        assert question.type == "direct-tcpip" and (question.host, question.port) == ("intranet", 80)
        question.refuse(2)

    client, server = ssh_pair(host_key, user_key, Server(SSH_CHANNEL=channel))
    mine = Collector(client.ssh.open_tcp("intranet", 80))
    pump(client, server)
    (_, error), = mine.events
    assert isinstance(error, sessile.RefusedError) and error.reason == 2 and client.error is None
    assert client.streams == server.streams == ()
    with pytest.raises(sessile.ClosedError):
        mine.stream.write(b"x")


def test_channels_answered_later_and_many_at_once(host_key, user_key):
    held = []
    client, server = ssh_pair(host_key, user_key, Server(SSH_CHANNEL=held.append))
    mine = [Collector(client.ssh.open_tcp("host", port)) for port in range(20)]
    pump(client, server)
    assert len(held) == 20
    for question in held:
        assert question.stream is not None
        question.accept()
    pump(client, server)
    for collector in mine:
        assert collector.events == ["open"]
        collector.stream.write(b"%d" % mine.index(collector))
    pump(client, server)
    assert sorted(int(collector.data) for collector in server.channels) == list(range(20))
    assert len(server.streams) == 20


def test_a_question_whose_channel_goes_is_withdrawn(host_key, user_key):
    held, withdrawn = [], []
    client, server = ssh_pair(host_key, user_key, Server(SSH_REQUEST=held.append))
    server.on_withdrawn = withdrawn.append
    mine = Collector(client.ssh.open_session())
    pump(client, server)
    mine.stream.request_shell()
    pump(client, server)
    assert len(held) == 1
    server.channels[0].stream.abort()
    pump(client, server)
    assert withdrawn == held
    with pytest.raises(sessile.GoneError):
        held[0].accept()


def test_remote_forwarding(host_key, user_key):
    notices = []
    client, server = ssh_pair(
        host_key, user_key, Server(SSH_FORWARD=lambda question: question.accept(port="4022")),
        Server())
    client.on_notice = lambda *notice: notices.append(notice)
    client.ssh.forward_tcp("localhost", 0)
    pump(client, server)
    assert notices == [(Notice.SSH_FORWARDED, b"localhost 4022")]
    theirs = Collector(server.ssh.open_forwarded_tcp("localhost", 4022, "10.0.0.1", 999))
    pump(client, server)
    assert theirs.events == ["open"]
    theirs.stream.write(b"came in")
    pump(client, server)
    assert client.channels[0].data == b"came in"
    with pytest.raises(sessile.MisuseError):
        server.ssh.open_forwarded_tcp("elsewhere", 1, "10.0.0.1", 999)


def test_rekey_keepalive_banner_and_disconnect(host_key, user_key):
    notices = []
    client, server = ssh_pair(
        host_key, user_key, client=End(on_notice=lambda *notice: notices.append(notice)),
        server_config=sessile.SSHConfig.server([host_key]).set_banner("Mind the gap\n"))
    assert notices == [(Notice.SSH_BANNER, b"Mind the gap\n")]
    client.ssh.keepalive()
    client.ssh.rekey()
    pump(client, server)
    assert [kind for kind, _ in notices[1:]] == [Notice.SSH_ALIVE, Notice.SSH_REKEYED]
    server.ssh.disconnect(11, "closing time")
    pump(client, server)
    assert notices[-1][0] is Notice.SSH_DISCONNECT and b"closing time" in notices[-1][1]


def test_ssh_through_ssh(host_key, user_key):
    client, server = ssh_pair(host_key, user_key)
    hop = client.ssh.open_tcp("inside", 22)
    pump(client, server)
    inner = hop.over_this()
    inside = server.channels[0].stream.over_this()
    ready = []
    inside.on_question = lambda question: question.accept()
    inner.on_ready = lambda: ready.append("ready")
    inside.ssh_accept(sessile.SSHConfig.server([host_key]))
    known = sessile.KnownHosts(sessile.KnownHosts.line("inside", 22, host_key))
    inner.ssh_connect(sessile.SSHConfig.client(known_hosts=known, keys=[user_key]), "inside", "bob")
    pump(client, server)
    assert ready == ["ready"] and inside.ssh.user == "bob"
    inner.end()
    pump(client, server)
    assert inner.over and inside.over and not client.over and client.error is None


def test_a_channel_that_was_freed_is_not_taken_for_a_new_one(host_key, user_key):
    client, server = ssh_pair(host_key, user_key)
    kept = []
    for _ in range(6):
        opened = client.ssh.open_session()
        opened.on_data = lambda data: None
        pump(client, server)
        stream = server.channels[-1].stream
        assert not stream.freed
        kept.append(stream)
        opened.abort()
        stream.abort()
        pump(client, server)
        stream.free()
        opened.free()


def test_a_password_that_has_no_form_in_utf_8_is_not_in_the_error():
    with pytest.raises(ValueError) as told:
        sessile.Key.read(b"-----BEGIN OPENSSH PRIVATE KEY-----", "secret\ud800")
    assert "secret" not in repr(told.value) and told.value.__suppress_context__


def test_a_wire_that_breaks_closes_channels_with_the_reason(host_key, user_key):
    client, server = ssh_pair(host_key, user_key)
    mine = Collector(client.ssh.open_session())
    pump(client, server)
    client.wire_closed()
    assert isinstance(client.error_seen, sessile.TruncatedError)
    assert mine.events[-1] == ("closed", client.error)
    with pytest.raises(sessile.MisuseError):
        client.ssh.open_session()


def test_configs_say_what_is_wrong(host_key):
    with pytest.raises(sessile.ArgumentError):
        sessile.SSHConfig.server().check()
    config = sessile.SSHConfig.client()
    with pytest.raises(sessile.ArgumentError, match="rot13"):
        config.set_algorithms(sessile.Algorithms.CIPHERS, "rot13")
    config.set_algorithms(sessile.Algorithms.CIPHERS, ["aes256-gcm@openssh.com"]).use_hardened().check()
    assert "aes256-gcm@openssh.com" in config.algorithms(sessile.Algorithms.CIPHERS)
    assert "ssh-ed25519" in sessile.algorithms(sessile.Algorithms.HOST_KEYS)
    with pytest.raises(sessile.MisuseError):
        config.set_software("late")


def test_algorithms_without_a_common_one(host_key, user_key):
    server = sessile.SSHConfig.server([host_key]).set_algorithms(sessile.Algorithms.CIPHERS, "aes128-ctr")
    config = sessile.SSHConfig.client(keys=[user_key]).insecure_any_host_key()
    config.set_algorithms(sessile.Algorithms.CIPHERS, "aes256-gcm@openssh.com")
    client, _ = ssh_pair(host_key, config=config, server_config=server)
    assert isinstance(client.error_seen, sessile.NegotiationError)
