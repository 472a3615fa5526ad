# SPDX-License-Identifier: Apache-2.0
"""Whatever a program does wrong is an exception, and never a crash."""

import os
import random
import subprocess
import sys
import textwrap
import threading
import weakref
from pathlib import Path

import pytest
from wires import Collector, End, Server, pump, ssh_pair, tls_pair

import sessile
from sessile import _sessile

RUBBISH = [None, True, -1, 0, 2**70, 1.5, "", "text\0", "\ud800", b"", b"\xff" * 300, bytearray(8), [], {}, object(),
           memoryview(b"abc"), range(3), int, lambda *_: None]

FUNCTIONS = [function for name, function in sorted(vars(_sessile).items())
             if callable(function) and not isinstance(function, type)]


def attempt(function, *arguments):
    try:
        return function(*arguments)
    except (TypeError, ValueError, OverflowError, BufferError, MemoryError, sessile.Error):
        return None


def handles(identity, host_key, user_key):
    """One or more of every kind, in all states."""
    client, server, mine, theirs = tls_pair(identity)
    ssh_client, ssh_server = ssh_pair(host_key, user_key)
    channel = ssh_client.ssh.open_session()
    pump(ssh_client, ssh_server)
    held = []
    asking, _ = ssh_pair(host_key, client=End(on_question=held.append), config=sessile.SSHConfig.client())
    over = End()
    over.abort()
    freed = End()
    freed.free()
    owners = [client, server, mine.stream, ssh_client, ssh_server, channel, asking, held[0], over, End(), freed,
              user_key, host_key, sessile.KnownHosts(""), sessile.AuthorizedKeys(""), sessile.Principals(""),
              sessile.KRL(user_key.write_public()), sessile.TLSConfig.client(), sessile.SSHConfig.client(),
              sessile.TicketKeys(), sessile.AuthorizedKeys(user_key.write_public()).match(user_key, "a")]
    return owners, [owner._handle for owner in owners] + [_sessile.callbacks_new(), client._slot]


@pytest.mark.parametrize("seed", range(8))
def test_any_function_takes_anything(identity, host_key, user_key, seed):
    chance = random.Random(seed)
    owners, pool = handles(identity, host_key, user_key)
    slow = {"key_generate", "key_read", "key_write"}
    for _ in range(3000):
        function = chance.choice(FUNCTIONS)
        if function.__name__ in slow or (function.__name__ == "free" and chance.random() < 0.9):
            continue
        arguments = [chance.choice(pool if chance.random() < 0.7 else RUBBISH) for _ in range(chance.randrange(6))]
        made = attempt(function, *arguments)
        if isinstance(made, _sessile.Handle) and len(pool) < 200:
            pool.append(made)
    assert owners


def test_every_function_refuses_what_it_cannot_use():
    for function in FUNCTIONS:
        for value in RUBBISH:
            for count in range(4):
                if function.__name__ not in ("key_generate", "free"):
                    attempt(function, *[value] * count)


def test_wrong_types_are_type_errors(identity):
    client, server, mine, _ = tls_pair(identity)
    for call in (client.receive, mine.stream.write):
        for wrong in (None, "text", 5, [1]):
            with pytest.raises(TypeError):
                call(wrong)
    with pytest.raises(BufferError):
        mine.stream.write(memoryview(b"abcdef")[::2])
    with pytest.raises(TypeError):
        _sessile.session_receive(mine.stream._handle, b"")
    with pytest.raises(TypeError):
        sessile.Session()
    with pytest.raises(TypeError):
        _sessile.Handle()
    with pytest.raises(TypeError):
        _sessile.Slot(5)
    assert mine.stream.write(b"fine") == 4


def test_a_callback_that_is_not_callable_is_an_error_of_the_call(identity):
    client, server, mine, _ = tls_pair(identity)
    client.on_send = 5
    with pytest.raises(TypeError):
        mine.stream.write(b"x")


def test_what_is_freed_says_so(identity, host_key, user_key):
    client, server, mine, _ = tls_pair(identity)
    client.free()
    client.free()
    assert client.closed and client.freed
    for call in (lambda: client.receive(b"x"), lambda: mine.stream.write(b"x"), client.wire_closed, client.end,
                 lambda: client.tls.version, lambda: client.want, lambda: mine.stream.end()):
        with pytest.raises(sessile.GoneError):
            call()
    key = sessile.Key.generate()
    key.free()
    assert repr(key) == "<Key freed>" and "freed" in repr(key._handle)
    with pytest.raises(sessile.GoneError):
        key.sign(b"x")
    with pytest.raises(sessile.GoneError):
        sessile.SSHConfig.client(keys=[key])


def test_a_subclass_that_forgets_its_base_says_so():
    class Forgetful(sessile.Session):
        def __init__(self):
            pass

    session = Forgetful()
    for call in (lambda: session.receive(b"x"), session.end, session.wire_closed, lambda: session.error,
                 lambda: session.tls, session.free):
        with pytest.raises(sessile.MisuseError, match="Forgetful"):
            call()
    with pytest.raises(sessile.MisuseError):
        sessile.Stream.__new__(sessile.Stream).write(b"x")
    with pytest.raises(AttributeError):
        _ = session.no_such_thing


def test_an_argument_that_frees_another_while_it_is_looked_at(identity, user_key):
    class Evil:
        def __init__(self, handle):
            self.handle = handle

        def __bool__(self):
            _sessile.free(self.handle)
            return True

    session, callbacks, config = End(), _sessile.callbacks_new(), sessile.TLSConfig.client()
    for call, handle in ((_sessile.session_set_resume, session._handle), (_sessile.callbacks_set_ready, callbacks)):
        with pytest.raises(sessile.GoneError):
            call(handle, Evil(handle))
    with pytest.raises(sessile.GoneError):
        _sessile.tls_config_set_passphrase_callback(config._handle, Evil(config._handle), None)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="buffers cannot be written in Python before 3.12")
def test_a_buffer_that_frees_the_session_it_is_for(identity):
    class Evil:
        def __buffer__(self, flags):
            client.free()
            return memoryview(b"x")

    client, server, mine, theirs = tls_pair(identity)
    with pytest.raises(sessile.GoneError):
        client.receive(Evil())


def test_protocols_are_chosen_once_and_in_order(identity, host_key):
    session = End()
    session.peer = End()
    assert session.receive(b"anything") == 0
    with pytest.raises(sessile.MisuseError):
        session.ssh.rekey()
    with pytest.raises(sessile.CallerError):
        _ = session.ssh.session_id
    session.tls_connect(sessile.TLSConfig.client(trust=identity.certificate), "server.test")
    with pytest.raises(sessile.MisuseError):
        session.tls_connect(sessile.TLSConfig.client(trust=identity.certificate), "server.test")
    with pytest.raises(sessile.MisuseError):
        session.ssh_accept(sessile.SSHConfig.server([host_key]))
    with pytest.raises(sessile.MisuseError):
        session.ssh.open_session()


def test_the_end_before_a_protocol_is_told():
    session = End()
    session.abort()
    assert isinstance(session.error_seen, sessile.AbortedError) and session.over and session.closed
    gone = End()
    gone.wire_closed()
    assert gone.over and gone.log == ["closed"] and not gone.closed


def test_a_buffer_that_shrinks_in_a_callback_stays_while_it_is_lent(identity):
    client, server, mine, theirs = tls_pair(identity)
    mine.stream.write(b"first")
    mine.stream.write(b"second")
    lent = bytearray(server.queue)
    refused = []

    def shrink(data):
        try:
            lent.clear()
        except BufferError:
            refused.append(bytes(data))

    theirs.stream.on_data = shrink
    assert server.receive(lent) == len(server.queue)
    assert b"".join(refused) == b"firstsecond"
    lent.clear()


def test_a_second_thread_is_turned_away_and_changes_nothing(identity):
    client, server, mine, theirs = tls_pair(identity)
    inside, leave, seen = threading.Event(), threading.Event(), []

    def wait(data):
        inside.set()
        assert leave.wait(30)

    def intrude():
        inside.wait(30)
        for call in (lambda: server.receive(b"x"), lambda: theirs.stream.write(b"x"), server.end, lambda: server.error):
            try:
                seen.append(call())
            except sessile.BusyError as error:
                seen.append(error)
        leave.set()

    theirs.stream.on_data = wait
    mine.stream.write(b"x")
    thread = threading.Thread(target=intrude)
    thread.start()
    server.take()
    thread.join()
    assert [type(what) for what in seen] == [sessile.BusyError] * 4
    theirs.stream.on_data = theirs.data.extend
    mine.stream.write(b"y")
    pump(client, server)
    assert theirs.data == b"y" and server.error is None


def test_freeing_from_a_second_thread_waits_for_the_first(identity):
    client, server, mine, theirs = tls_pair(identity)

    def free_elsewhere(data):
        thread = threading.Thread(target=server.free)
        thread.start()
        thread.join()

    theirs.stream.on_data = free_elsewhere
    mine.stream.write(b"x")
    server.take()
    assert server.freed
    with pytest.raises(sessile.GoneError):
        server.receive(b"x")


def test_many_threads_on_one_session_do_no_harm(identity):
    client, server, mine, theirs = tls_pair(identity)
    stop = threading.Event()

    def hammer(number):
        chance = random.Random(number)
        while not stop.is_set():
            attempt(chance.choice([
                lambda: client.receive(b"\x17\x03\x03"), lambda: mine.stream.write(b"x" * 100), lambda: client.want,
                lambda: client.hold(chance.random() < 0.5), lambda: client.error, lambda: client.streams]))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    threads = [threading.Thread(target=hammer, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(300):
        attempt(mine.stream.write, b"y" * 1000)
    stop.set()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)
    assert client.error is None


def test_threads_with_sessions_of_their_own_run(identity):
    done = []

    def run():
        client, server, mine, theirs = tls_pair(identity)
        mine.stream.write(b"x" * 10000)
        pump(client, server)
        done.append(len(theirs.data))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [10000] * 8


def test_an_owner_that_is_gone_is_nobody():
    class Owner:
        def on_send(self, data):
            raise AssertionError("called")

    owner = Owner()
    slot = _sessile.Slot(owner)
    session = _sessile.session_create(slot)
    gone = weakref.ref(owner)
    del owner
    assert gone() is None
    config = sessile.TLSConfig.client().insecure_no_verify()
    assert attempt(_sessile.tls_connect, session, config._handle, None, None, None) is not None
    assert _sessile.session_error(session) == _sessile.ERR_COMM


def run_apart(script, *arguments):
    """Run a script in an interpreter of its own, with this one's path."""
    return subprocess.run([sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(script), *arguments],
                          env={**os.environ, "PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True,
                          timeout=120)


def test_the_interpreter_shuts_down_with_everything_open(identity):
    result = run_apart("""
        import atexit, sys, threading
        sys.path.insert(0, sys.argv[1])
        import sessile
        from wires import Collector, End, Server, link, pump, ssh_pair
        key = sessile.Key.generate()
        kept = ssh_pair(key, key)
        channel = kept[0].ssh.open_session()
        question = []
        asking = ssh_pair(key, client=End(on_question=question.append), config=sessile.SSHConfig.client())
        kept[0].itself = kept          # a cycle
        sessile.kept = kept, channel, question, asking
        class Late:
            def __del__(self):
                try:
                    kept[0].end(); channel.write(b"x")
                except BaseException as error:
                    pass
        kept[0].late = Late()
        atexit.register(lambda: kept[0].ssh.keepalive())
        threading.Thread(target=lambda: threading.Event().wait(), daemon=True).start()
        print("ready" if kept[0].log == ["ready"] else kept[0].error)
        """, str(Path(__file__).parent))
    assert (result.returncode, result.stdout, result.stderr) == (0, "ready\n", "")


def test_sub_interpreters_are_refused():
    result = run_apart("""
        try:
            import _xxsubinterpreters as interpreters
        except ImportError:
            import _interpreters as interpreters
        import sessile
        import sys
        apart = interpreters.create()
        script = f"import sys; sys.path[:] = {sys.path!r}\\nimport sessile"
        try:
            error = interpreters.run_string(apart, script)
        except BaseException as raised:
            error = raised
        print("main interpreter" in str(error) or "subinterpreters" in str(error) or error)
        sessile.Key.generate()
        """)
    assert (result.returncode, result.stdout) == (0, "True\n"), result.stderr


def test_recursion_that_never_ends_is_an_error(monkeypatch):
    """A callback that calls itself through the library meets Python's limit, not the end of the stack."""
    monkeypatch.setattr(sys, "unraisablehook", lambda what: None)
    sessions = []

    def deeper(*_):
        session = End(on_close=deeper)
        sessions.append(session)
        session.abort()

    with pytest.raises(RecursionError):
        deeper()
        raise AssertionError(f"{len(sessions)} deep")


def test_a_channel_and_its_session_in_any_order_of_freeing(host_key, user_key):
    for order in range(4):
        client, server = ssh_pair(host_key, user_key)
        mine = Collector(client.ssh.open_session())
        pump(client, server)
        if order & 1:
            client.free()
        if order & 2:
            mine.stream.free()
        attempt(mine.stream.write, b"x")
        attempt(mine.stream.request_shell)
        attempt(client.receive, b"x")
        attempt(client.end)
        server.wire_closed()
        del client, mine


def test_a_server_is_freed_in_each_of_its_callbacks(host_key, user_key):
    for kind in ("SSH_USER", "SSH_CHANNEL", "SSH_REQUEST"):
        def free(question):
            question.session.free()
            with pytest.raises(sessile.GoneError):
                question.accept()

        client, server = ssh_pair(host_key, user_key, Server(**{kind: free}))
        if client.log == ["ready"]:
            channel = client.ssh.open_session()
            pump_until_gone(client, server)
            if not server.freed:
                channel.request_shell()
                pump_until_gone(client, server)
        assert server.freed


def pump_until_gone(client, server):
    try:
        pump(client, server)
    except sessile.GoneError:
        assert server.freed
