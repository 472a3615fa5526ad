# SPDX-License-Identifier: Apache-2.0
"""The command line in a real terminal: what is asked, what is shown, raw keys, window changes, progress."""

import getpass
import socket

import sessile
from clitools import home, sessile_program, sshd, terminal  # noqa: F401

YES = r"Go on connecting \(yes/no/fingerprint\)\?$"


def test_a_host_that_is_not_known_is_asked_about_and_remembered(sshd, home, terminal):  # noqa: F811
    sshd.know(home)
    known = home / ".ssh" / "known_hosts"
    known.unlink()
    terminal.type("sessile ssh target 'echo in-$((1+1))'")
    terminal.wait_for(rf"ED25519 key has the fingerprint {sshd.host_key.fingerprint().replace('+', '[+]')}\.")
    terminal.wait_for(YES)
    terminal.type("no")
    terminal.wait_for("is not known: SHA256")
    assert not known.exists()
    terminal.fresh("sessile ssh target 'echo in-$((1+1))'")
    terminal.wait_for(YES)
    terminal.type("perhaps")
    terminal.wait_for("Type 'yes', 'no', or the fingerprint:$")
    terminal.type("yes")
    terminal.wait_for("^in-2$")
    assert known.read_text() == sessile.KnownHosts.line("127.0.0.1", sshd.port, sshd.host_key)
    terminal.fresh("sessile ssh target 'echo in-$((2+2))'")
    terminal.wait_for("^in-4$")
    assert "not known" not in terminal.screen()


def test_the_fingerprint_is_a_yes_as_well(sshd, home, terminal):  # noqa: F811
    sshd.know(home, "  VisualHostKey yes")
    (home / ".ssh" / "known_hosts").unlink()
    terminal.type("sessile ssh target 'echo in-$((1+1))'")
    terminal.wait_for(YES)
    assert "+--[ED25519 256]--+" in terminal.screen()
    terminal.type(sshd.host_key.fingerprint())
    terminal.wait_for("^in-2$")


def test_a_shell_with_raw_keys_and_a_window_that_changes(sshd, home, terminal):  # noqa: F811
    sshd.know(home, "  SetEnv TEST_A=b")
    terminal.type("sessile ssh target")
    terminal.wait_for(r"[#$%>]$")
    # Whatever the user's shell is.
    terminal.type("exec sh -i")
    terminal.type("PS1='far> '; clear; echo $TERM; stty size")
    terminal.wait_for(r"^30 100$")
    terminal.wait_for(r"^far>$")
    terminal.tmux("resize-window", "-x", "77", "-y", "22")
    terminal.type("stty size")
    terminal.wait_for(r"^22 77$")
    # Control keys are the other end's.
    terminal.fresh("cat; echo interrupted-$((1+1))")
    terminal.wait_for("cat; echo")
    terminal.type("typed")
    terminal.wait_for(r"typed\s+typed")
    terminal.press("C-c")
    terminal.wait_for(r"^\^Cfar>$|^\^C\s*far>$|^far>$")
    terminal.type("exit 5")
    terminal.fresh("echo status-$?; stty -a | grep -c ' echo '")
    terminal.wait_for(r"^status-5\n1$")


def test_the_far_terminal_is_like_the_near_one(sshd, home, terminal):  # noqa: F811
    sshd.know(home)
    for wanted in ("iutf8 erase ^H intr ^G eol undef ixany -echoctl", "-iutf8 erase ^? intr ^C eol ^F -ixany echoctl"):
        terminal.fresh(f"stty {wanted}; stty -a >~/near; sessile ssh -t target stty -a >~/far; echo status-$?")
        terminal.wait_for("^status-0$")
        near, far = (set((home / name).read_text().replace(";", "\n").replace(" = ", "=").split())
                     for name in ("near", "far"))
        assert near == far


def test_the_connection_can_be_ended_by_keys(sshd, home, terminal):  # noqa: F811
    sshd.know(home)
    terminal.type("sessile ssh -t target 'echo begun-$((1+1)); cat'")
    terminal.wait_for("^begun-2$")
    terminal.press("Enter", "~", ".")
    terminal.wait_for("is closed$")
    terminal.fresh("echo status-$?")
    terminal.wait_for("^status-255$")


def test_passwords_are_asked_for_three_times_and_not_shown(home, terminal):  # noqa: F811
    with sessile_program("serve", "ssh", "-p", "0", "--password", "right horse", home=home) as server:
        port = server.wait_for(r"SSH on 127\.0\.0\.1:(\d+)").group(1)
        terminal.type(f"sessile ssh -o StrictHostKeyChecking=no -p {port} alice@127.0.0.1 'echo in-$((1+1))'")
        terminal.wait_for("alice@127.0.0.1's password: *$")
        terminal.type("wrong")
        server.wait_for("alice: the password is wrong")
        terminal.wait_for(r"password:\n.*password:$")
        terminal.type("right horse")
        terminal.wait_for("^in-2$")
        assert "wrong" not in terminal.screen() and "right horse" not in terminal.screen()
        terminal.fresh(f"sessile ssh -p {port} alice@127.0.0.1 true; echo status-$?")
        for count in range(1, 4):
            terminal.wait_for(r"(.*password:\s*){%d}$" % count)
            terminal.type("wrong")
        terminal.wait_for("^status-255$")
        terminal.fresh(f"sessile ssh -p {port} alice@127.0.0.1 true")
        terminal.wait_for("password: *$")
        terminal.press("C-c")
        terminal.fresh("echo status-$?; stty -a | grep -c ' echo '")
        terminal.wait_for(r"^status-130\n1$")


def test_a_passphrase_of_a_key(sshd, home, terminal, user_key):  # noqa: F811
    sshd.know(home)
    (sshd.folder / "user").write_bytes(user_key.write(passphrase="secret"))
    terminal.type("sessile ssh target 'echo in-$((1+1))'")
    terminal.wait_for("Passphrase of the key .*user: *$")
    terminal.type("secret")
    terminal.wait_for("^in-2$")
    # What is read from standard input is not what is typed.
    terminal.fresh("echo piped | sessile ssh target cat")
    terminal.wait_for("Passphrase of the key .*user: *$")
    terminal.type("secret")
    terminal.wait_for("^piped$")


def test_a_new_key_asks_for_its_passphrase_twice(home, terminal):  # noqa: F811
    terminal.type("sessile keygen -C 'for tests'")
    terminal.wait_for("A passphrase for it .*: *$")
    terminal.type("one")
    terminal.wait_for("The same again: *$")
    terminal.type("two")
    terminal.wait_for("(?s)passphrase for it.*passphrase for it .*: *$")
    terminal.type("three four")
    terminal.wait_for("(?s)The same again:.*The same again: *$")
    terminal.type("three four")
    terminal.wait_for(r"\+----\[SHA256\]-----\+")
    path = home / ".ssh" / "id_ed25519"
    assert sessile.Key.read(path.read_bytes(), "three four").comment == "for tests"
    terminal.fresh("sessile keygen")
    terminal.wait_for(r"id_ed25519 is there already\. Replace it\? \[y/N\]")
    terminal.type("n")
    terminal.wait_for("stays as it is")


def test_interrupts_are_130_everywhere(terminal):  # noqa: F811
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        for words, shown in ((f"tls 127.0.0.1:{port}", "connecting to"),
                             (f"keyscan 127.0.0.1:{port}", r"keyscan .* 0/3"),
                             ("bench", "TLS writes"), ("keygen -f never", "A passphrase for it")):
            terminal.fresh(f"sessile {words}; echo status-$?")
            terminal.wait_for(shown)
            terminal.press("C-c")
            terminal.wait_for("^status-130$")
            assert terminal.tmux("display-message", "-p", "#{cursor_flag}").strip() == "1"
        # The end of the input is none.
        terminal.fresh("sessile keygen -f never; echo status-$?")
        terminal.wait_for("A passphrase for it")
        terminal.press("C-d")
        terminal.wait_for("^status-1$")


def test_a_progress_bar_and_a_table(terminal):  # noqa: F811
    terminal.type("sessile bench ssh --seconds 0.5")
    terminal.wait_for(r"SSH .*━.* 0:00:0\d")
    terminal.wait_for(r"aes256-ctr, writes of 64 KiB +[\d,]+ MB/s +━")
    # The bar has gone, and the cursor is back.
    assert "0:00:0" not in terminal.screen()
    assert terminal.tmux("display-message", "-p", "#{cursor_flag}").strip() == "1"


def test_reports_fit_the_terminal(home, terminal):  # noqa: F811
    with sessile_program("serve", "tls", "-p", "0", home=home) as server:
        port = server.wait_for(r"TLS on 127\.0\.0\.1:(\d+)").group(1)
        path = server.wait_for(r"--ca (\S+)").group(1)
        terminal.fresh(f"sessile tls localhost:{port} --ca {path}")
        terminal.wait_for("✓ trusted as localhost")
        terminal.wait_for(r"SHA-256 +[0-9a-f]{64}$")


def test_a_server_ends_by_interrupt(home, terminal):  # noqa: F811
    terminal.type("sessile serve ssh -p 0 --echo")
    terminal.wait_for("Ctrl-C ends it")
    assert getpass.getuser() in terminal.screen()
    terminal.press("C-c")
    terminal.fresh("echo status-$?")
    terminal.wait_for("^status-0$")
