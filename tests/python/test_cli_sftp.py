# SPDX-License-Identifier: Apache-2.0
"""``sessile cp`` and ``sessile sftp``, against ``sessile serve ssh --sftp`` and OpenSSH's sshd."""

import os
import subprocess

import pytest

from clitools import COMMAND, TIME, Sshd, environment, home, run, sessile_program, terminal  # noqa: F401
from sessile.cli.cp_command import Place, parse
from sessile.cli.sftp_shell import _Completion

TEXT = "".join(f"{number}\n" for number in range(50_000))


@pytest.fixture
def there(tmp_path):
    folder = tmp_path / "there"
    (folder / "d").mkdir(parents=True)
    (folder / "d" / "numbers").write_text(TEXT)
    (folder / "d" / "a b").write_text("spaced")
    (folder / "file").write_text("content")
    return folder


class Served:
    """``sessile serve ssh --sftp``, and what a client has to say to get in."""

    def __init__(self, there, home, *words):
        self.program = sessile_program("serve", "ssh", "-p", "0", "--sftp", str(there), *words, home=home)
        self.port = self.program.wait_for(r"SSH on 127\.0\.0\.1:(\d+)").group(1)
        self.program.wait_for("Ctrl-C")
        known = self.program.wait_for(r"-o (UserKnownHostsFile=\S+)").group(1)
        self.options = ["-P", self.port, "-o", known, "-i", self.program.wait_for(r"-i (\S+/id_ed25519)").group(1)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.program.stop()
        assert "Traceback" not in self.program.said, self.program.said


@pytest.fixture
def served(there, home):  # noqa: F811
    with Served(there, home) as server:
        yield server


def batch(served, home, text, *words, code=0, target="127.0.0.1"):  # noqa: F811
    done = subprocess.run([*COMMAND, "sftp", *served.options, *words, target], input=text.encode(), timeout=TIME,
                          capture_output=True, cwd=home, env=environment(home))
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout.decode(), done.stderr.decode()


def test_files_and_trees_go_both_ways(served, there, home):  # noqa: F811
    assert run("cp", *served.options, "-r", "127.0.0.1:/", "got", home=home) == ("", "")
    assert (home / "got/d/numbers").read_text() == TEXT and (home / "got/file").read_text() == "content"
    run("cp", *served.options, "-rp", "got", "127.0.0.1:back", home=home)
    assert (there / "back/d/a b").read_text() == "spaced"
    os.utime(home / "got/file", (1000, 2000))
    run("cp", *served.options, "-p", "got/file", "127.0.0.1:/d", home=home)
    assert (there / "d/file").stat().st_mtime == 2000
    run("cp", *served.options, "127.0.0.1:d/n*", f"sftp://127.0.0.1:{served.port}/d/a%20b", ".", home=home, code=2)
    run("cp", *served.options, "127.0.0.1:d/n*", "127.0.0.1:file", ".", home=home)
    assert (home / "numbers").read_text() == TEXT and (home / "file").read_text() == "content"
    run("cp", *served.options, f"sftp://127.0.0.1:{served.port}/d/a%20b", "spaced", home=home)
    assert (home / "spaced").read_text() == "spaced"


def test_a_copy_goes_on_where_it_broke_off(served, there, home):  # noqa: F811
    (home / "numbers").write_text(TEXT[:1000])
    run("cp", *served.options, "-c", "127.0.0.1:d/numbers", ".", home=home)
    assert (home / "numbers").read_text() == TEXT
    (there / "part").write_text(TEXT[:5000])
    run("cp", *served.options, "-c", "numbers", "127.0.0.1:part", home=home)
    assert (there / "part").read_text() == TEXT


@pytest.mark.parametrize("words, told, code", [
    (["127.0.0.1:nothing", "."], "nothing: No such file", 1),
    (["127.0.0.1:no*", "."], "nothing fits 'no*'", 1),
    (["127.0.0.1:d", "."], "the copy is not recursive", 1),
    (["nothing", "127.0.0.1:x"], "nothing: No such file", 1),
    (["127.0.0.1:a", "127.0.0.1:b"], "from one host to another", 2),
    (["a", "b"], "HOST:PATH", 2),
    (["127.0.0.1:a", "other:b", "."], "on one machine", 2),
    (["127.0.0.1:d/numbers", "127.0.0.1:file", "nowhere"], "is no directory", 1),
])
def test_what_cannot_be_copied_is_told(served, home, words, told, code):  # noqa: F811
    assert told in run("cp", *served.options, *words, home=home, code=code)[1].replace("\n", " ")


def test_what_could_not_be_copied_does_not_keep_the_rest(served, there, home):  # noqa: F811
    told = run("cp", *served.options, "127.0.0.1:nothing", "127.0.0.1:file", ".", home=home, code=1)[1]
    assert "nothing" in told and (home / "file").read_text() == "content"


@pytest.mark.parametrize("text, place", [
    ("host:path", Place("host", None, "path")), ("host:", Place("host", None, ".")),
    ("me@host:/a:b", Place("me@host", None, "/a:b")), ("me@[::1]:x", Place("me@::1", None, "x")),
    ("[::1]:", Place("::1", None, ".")), ("./a:b", Place("", None, "./a:b")), ("/a:b", Place("", None, "/a:b")),
    ("file", Place("", None, "file")), ("sftp://me@host:22/p", Place("me@host", 22, "/p")),
    ("sftp://host", Place("host", None, ".")), ("host:new\nline", Place("host", None, "new\nline")),
])
def test_places_are_read_as_scp_reads_them(text, place):
    assert parse(text) == place


def test_a_batch_does_what_it_says(served, there, home):  # noqa: F811
    said, told = batch(served, home, f"""
        # a comment
        ls
        cd d
        pwd
        ls -1
        ls -l numbers
        stat "a b"
        df
        cat "a b"
        get "a b" renamed
        -rm nothing
        mkdir -p x/y
        put renamed x/y/z
        ln -s z x/y/link
        ln x/y/z x/y/second
        chmod 600 x/y/z
        chown {os.getuid()} x/y/z
        rename x/y/z x/y/other
        rmdir x
        """, code=1)
    assert "d/\nfile\n" in said and "\n/d\n" in said and "a b\nnumbers\n" in said and "288,890" in said
    assert "spaced" in said and "are free" in said and (home / "renamed").read_text() == "spaced"
    assert os.readlink(there / "d/x/y/link") == "z" and (there / "d/x/y/other").stat().st_mode & 0o777 == 0o600
    assert (there / "d/x/y/second").read_text() == "spaced"
    assert told.startswith("No such file")
    batch(served, home, "cd /d\nrm -r x\nlcd /\nlpwd\nlls\nexit\nrm file\n")
    assert not (there / "d/x").exists()
    assert "'foo' is no command" in batch(served, home, "foo\nls\n", code=1)[1]
    assert "usage: cat PATH" in batch(served, home, "cat\n", code=1)[1]
    assert "get [-rpc]" in batch(served, home, "help\n")[0]
    assert "no such option: -x" in batch(served, home, "ls -x\n", code=1)[1]
    (home / "batch").write_text("get -r d copied\n")
    batch(served, home, "", "-b", "batch")
    assert (home / "copied/numbers").read_text() == TEXT


def test_a_path_behind_the_host_is_where_to_begin_or_what_to_fetch(served, home):  # noqa: F811
    assert "/d\n" in batch(served, home, "pwd\n", target="127.0.0.1:d")[0]
    batch(served, home, "", target="127.0.0.1:file")
    assert (home / "file").read_text() == "content"


def test_a_servers_names_do_not_reach_the_terminal_as_they_are(served, there, home):  # noqa: F811
    (there / "\x1b[31mred").write_text("")
    said = "".join(batch(served, home, "ls\nls -l\n"))
    assert "\x1b[31mred" not in said and "\\x1b[31mred" in said


def test_files_for_reading_only_stay(there, home):  # noqa: F811
    with Served(there, home, "--read-only") as server:
        (home / "new").write_text("new")
        assert "read-only" in run("cp", *server.options, "new", "127.0.0.1:new", home=home, code=1)[1]
        assert "read-only" in batch(server, home, "rm file\n", code=1)[1]
        assert batch(server, home, "cat file\n")[0].endswith("content\n")
    assert (there / "file").exists()


def test_openssh_serves_both(tmp_path, home, host_key, user_key, there):  # noqa: F811
    folder = tmp_path / "sshd"
    folder.mkdir()
    with Sshd(folder, host_key, user_key, "Subsystem sftp internal-sftp") as sshd:
        sshd.know(home)
        run("cp", "-r", f"target:{there}", "got", home=home)
        assert (home / "got/d/numbers").read_text() == TEXT
        done = subprocess.run([*COMMAND, "sftp", "target"], input=f"cd {there}\nls -la\nput got/file new\n".encode(),
                              capture_output=True, cwd=home, env=environment(home), timeout=TIME)
        assert done.returncode == 0 and b"numbers" not in done.stdout and (there / "new").read_text() == "content"


class Names:
    """Stands in for a server's names."""

    def __init__(self, names):
        self.names = names

    def run(self, work):
        work.close()
        return self.names


def test_words_are_completed_with_commands_and_paths(tmp_path, monkeypatch):
    (tmp_path / "here file").write_text("")
    (tmp_path / "hold").mkdir()
    monkeypatch.chdir(tmp_path)
    completion = _Completion(Names([("a b", False), ("dir", True)]), None)
    assert _Completion(Names([("a b", False)]), None).completions("get a\\ ", 7) == ["b "]
    assert completion.completions("ge", 0) == ["get "]
    assert completion.completions("get ", 4) == ["a\\ b ", "dir/"]
    assert completion.completions("put h", 4) == ["here\\ file ", "hold/"]
    assert completion.completions("get -r dir h", 11) == ["here\\ file ", "hold/"]
    assert completion.completions("put hold ", 9) == ["a\\ b ", "dir/"]
    assert completion.completions("foo ", 4) == []


def test_in_a_terminal_words_are_completed_and_an_interrupt_ends_a_command(served, there, home, terminal):  # noqa: F811
    (there / "large").mkdir()
    with open(there / "large" / "sparse", "wb") as file:
        file.truncate(1 << 40)
    terminal.type(f"cd {home}; sessile sftp {' '.join(served.options)} 127.0.0.1")
    terminal.wait_for(r"^sftp> *$")
    terminal.press("cat", "Space", "fi", "Tab", "Enter")
    terminal.wait_for("^content")
    terminal.wait_for(r"^sftp> *\Z")
    terminal.type("get large/sparse")
    terminal.wait_for(r"large/sparse .* TiB")
    terminal.press("C-c")
    terminal.wait_for("^interrupted")
    terminal.wait_for(r"^sftp> *\Z")
    terminal.press("C-c")
    terminal.type("pwd")
    terminal.wait_for("^/$")
    terminal.press("C-d")
    terminal.wait_for(r"ready>\Z")
