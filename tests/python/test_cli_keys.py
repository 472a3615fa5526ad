# SPDX-License-Identifier: Apache-2.0
"""``sessile keygen`` beside ssh-keygen, ``sessile keyscan`` beside ssh-keyscan, ``sessile bench``, and the program."""

import json
import os
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

import sessile
from clitools import COMMAND, TIME, Sshd, environment, home, run, sshd  # noqa: F401
from sessile.cli.app import COMMANDS, cli

KINDS = [("ed25519", 0, 256), ("ecdsa", 0, 256), ("ecdsa", 384, 384), ("ecdsa", 521, 521), ("rsa", 2048, 2048)]


def keygen(*words):
    return subprocess.run(["ssh-keygen", *map(str, words)], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("kind, bits, size", KINDS)
def test_new_keys_are_ones_that_openssh_reads(tmp_path, kind, bits, size):
    path = tmp_path / "key"
    shown, _ = run("keygen", "-t", kind, "-b", bits, "-f", path, "-N", "secret", "-C", "some comment")
    said = keygen("-lv", "-f", path)
    assert shown.endswith(said.rstrip("\n") + "\n"), (shown, said)
    assert said.startswith(f"{size} SHA256:") and "some comment" in said
    assert path.stat().st_mode & 0o777 == 0o600 and (tmp_path / "key.pub").stat().st_mode & 0o777 == 0o644
    assert keygen("-y", "-P", "secret", "-f", path) == (tmp_path / "key.pub").read_text()
    assert run("keygen", "-y", "-P", "secret", "-f", path)[0] == (tmp_path / "key.pub").read_text()
    assert "is wrong" in run("keygen", "-y", "-P", "nope", "-f", path, code=1)[1]


def test_what_it_shows_of_keys_is_what_openssh_shows(tmp_path):
    keygen("-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "one", "-C", "a b c")
    keygen("-q", "-t", "rsa", "-N", "x", "-f", tmp_path / "two")
    for name in ("one", "one.pub", "two", "two.pub"):
        for options in ([], ["-v"], ["-E", "md5"]):
            path = tmp_path / name
            assert run("keygen", "-l", *options, "-f", path)[0] == keygen("-l", *options, "-f", path)
    many = tmp_path / "many"
    many.write_text("# two\n" + (tmp_path / "one.pub").read_text() + (tmp_path / "two.pub").read_text())
    assert run("keygen", "-l", "-f", many)[0] == keygen("-l", "-f", many)
    for format, name in (("rfc4716", "RFC4716"), ("pem", "PKCS8")):
        shown = run("keygen", "-y", "-m", format, "-f", tmp_path / "one" if format == "rfc4716" else tmp_path / "two",
                    *(["-P", "x"] if format == "pem" else []))[0]
        assert sessile.Key.read_public(shown).fingerprint() in keygen(
            "-l", "-f", tmp_path / ("one" if format == "rfc4716" else "two")), name


def test_nothing_is_replaced_without_asking(tmp_path):
    path = tmp_path / "key"
    path.write_text("precious")
    _, told = run("keygen", "-f", path, "-N", "", stdin=None, input=b"n\n", code=1)
    assert "stays as it is" in told and path.read_text() == "precious" and not (tmp_path / "key.pub").exists()
    run("keygen", "-f", path, "-N", "", code=1)
    assert path.read_text() == "precious"
    path.rename(tmp_path / "key.pub")
    run("keygen", "-f", path, "-N", "", stdin=None, input=b"n\n", code=1)
    assert not path.exists()
    run("keygen", "-f", path, "-N", "", stdin=None, input=b"y\n")
    assert sessile.Key.read(path.read_bytes()) == sessile.Key.read_public((tmp_path / "key.pub").read_bytes())
    assert sorted(os.listdir(tmp_path)) == ["key", "key.pub"] and path.stat().st_mode & 0o777 == 0o600


def test_another_passphrase(tmp_path):
    path = tmp_path / "key"
    run("keygen", "-q", "-f", path, "-N", "old")
    run("keygen", "-p", "-f", path, "-P", "old", "-N", "new", "-a", "4")
    assert keygen("-y", "-P", "new", "-f", path) == (tmp_path / "key.pub").read_text()
    run("keygen", "-p", "-f", path, "-P", "old", "-N", "x", code=1)
    run("keygen", "-p", "-f", path, "-P", "new", "-N", "")
    assert keygen("-y", "-P", "", "-f", path) == (tmp_path / "key.pub").read_text()


def test_keys_that_cannot_be(tmp_path):
    path = tmp_path / "key"
    assert "256" in run("keygen", "-t", "ecdsa", "-b", "300", "-f", path, "-N", "", code=1)[1]
    assert "256" in run("keygen", "-b", "512", "-f", path, "-N", "", code=1)[1]
    run("keygen", "-t", "rsa", "-b", "512", "-f", path, "-N", "", code=1)
    assert not path.exists()
    assert "exclude each other" in run("keygen", "-l", "-y", code=2)[1]
    assert run("keygen", "-l", "-f", path, code=1)[1].startswith("sessile: ")
    path.write_text("no key\x1b[31m")
    assert "\x1b" not in run("keygen", "-l", "-f", path, code=1)[1]


# ---- keyscan ----


def test_scanning_finds_what_openssh_finds(tmp_path, user_key):
    folder = tmp_path / "sshd"
    folder.mkdir()
    keys = []
    for kind in ("rsa", "ecdsa"):
        keygen("-q", "-t", kind, "-N", "", "-f", tmp_path / kind)
        keys.append(f"HostKey {tmp_path}/{kind}")
    with Sshd(folder, sessile.Key.generate(), user_key, *keys) as server:
        shown, told = run("keyscan", f"127.0.0.1:{server.port}")
        said = subprocess.run(["ssh-keyscan", "-p", str(server.port), "-t", "rsa,ecdsa,ed25519", "127.0.0.1"],
                              capture_output=True, text=True, timeout=TIME).stdout
        assert sorted(shown.splitlines()) == sorted(said.splitlines()) and len(shown.splitlines()) == 3 and told == ""
        hashed = run("keyscan", "-H", "-t", "ed25519", f"[127.0.0.1]:{server.port}")[0]
        assert hashed.startswith("|1|") and "127.0.0.1" not in hashed
        assert sessile.KnownHosts(hashed).check(
            "127.0.0.1", server.port, server.host_key).status is sessile.HostStatus.KNOWN
        assert run("keyscan", "-l", "-t", "ed25519", "-p", server.port, "-f", "-", stdin=None,
                   input=b"127.0.0.1 # a remark\n")[0].split()[1] == server.host_key.fingerprint()


def test_scanning_hosts_that_do_not_answer(sshd, home):  # noqa: F811
    shown, told = run("keyscan", f"127.0.0.1:{sshd.port}", "127.0.0.1:1", code=1)
    assert len(shown.splitlines()) == 1 and told.startswith("127.0.0.1:1: ")
    assert "of these types" in run("keyscan", "-t", "rsa", f"127.0.0.1:{sshd.port}", code=1)[1]
    assert "no host" in run("keyscan", code=2)[1] and "none of" in run("keyscan", "-t", "dsa", "x", code=2)[1]


# ---- bench, and the program as a whole ----


def test_figures_as_json_and_as_a_table():
    said = json.loads(run("bench", "--seconds", "0.02", "--json")[0])
    assert {figure["protocol"] for figure in said["figures"]} == {"TLS", "SSH"}
    assert all(figure["per_second"] > 0 for figure in said["figures"]) and len(said["figures"]) == 10
    shown = run("bench", "tls", "--seconds", "0.02")[0]
    assert re.search(r"TLS +handshakes, 1\.3 +[\d,]+ /s +━", shown) and "SSH" not in shown
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_there_for_every_command(name):
    shown = CliRunner().invoke(cli, [name, "--help"], prog_name="sessile")
    assert shown.exit_code == 0 and shown.output.startswith(f"Usage: sessile {name} [OPTIONS]")
    assert COMMANDS[name][1].rstrip(".") in CliRunner().invoke(cli, ["--help"]).output
    unexplained = [line for line in shown.output.splitlines() if re.fullmatch(r"  -\S+(, --\S+)?( [A-Z]+)?", line)
                   and len(line) < 25]
    assert not unexplained


def test_wrong_words_are_refused():
    for words in (["nonsense"], ["tls"], ["ssh"], ["serve", "x"], ["bench", "x"], ["--nonsense"]):
        assert CliRunner().invoke(cli, words).exit_code == 2
    assert CliRunner().invoke(cli, ["--version"]).output == f"sessile {sessile.__version__}\n"


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_what_it_needs_it_says_so(tmp_path, missing):
    (tmp_path / f"{missing}.py").write_text(f"raise ModuleNotFoundError('no {missing}', name={missing!r})\n")
    env = environment()
    env["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{env['PYTHONPATH']}"
    done = subprocess.run([sys.executable, *COMMAND[1:], "--help"], capture_output=True, text=True, env=env)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == f"sessile: the command line needs {missing}: pip install 'sessile[cli]'\n"
