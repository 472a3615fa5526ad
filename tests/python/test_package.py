# SPDX-License-Identifier: Apache-2.0
"""The package as it is built: self-contained, typed, documented, of one version."""

import importlib
import inspect
import pkgutil
import re
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import sessile
from sessile import _sessile

TREE = Path(__file__).resolve().parents[2]


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_the_extension_exports_its_entry_and_nothing_else():
    symbols = output("nm", "-D", "--defined-only", _sessile.__file__)
    assert [line.split()[-1] for line in symbols.splitlines()] == ["PyInit__sessile"]


def test_the_extension_needs_no_libsessile():
    needed = re.findall(r"NEEDED\s+(\S+)", output("objdump", "-p", _sessile.__file__))
    allowed = r"ld-linux.*|lib(ssl|crypto|z|c|m|pthread|gcc_s|asan|ubsan|clang_rt[\w.-]*)\.so.*"
    assert needed and [name for name in needed if not re.fullmatch(allowed, name)] == []


def test_there_is_one_version():
    project = re.search(r"project\(sessile VERSION (\S+)", (TREE / "CMakeLists.txt").read_text()).group(1)
    python = re.search(r'^version = "(.*)"', (TREE / "pyproject.toml").read_text(), re.M).group(1)
    assert sessile.__version__ == project == python


def test_the_types_are_clean():
    result = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--cache-dir", "/dev/null",
                             str(TREE / "bindings/python/sessile")], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_types_are_clean_to_pyright_too():
    result = subprocess.run([sys.executable, "-m", "pyright", "--pythonpath", sys.executable], cwd=TREE,
                            capture_output=True, text=True)
    assert result.returncode == 0 and "0 errors, 0 warnings" in result.stdout, result.stdout + result.stderr


def public_objects():
    for module in [sessile, *(importlib.import_module(f"sessile.{info.name}") for info in
                              pkgutil.iter_modules(sessile.__path__) if not info.name.startswith("_"))]:
        yield module.__name__, module
        for name, value in vars(module).items():
            if getattr(value, "__module__", None) == module.__name__ and not name.startswith("_"):
                yield f"{module.__name__}.{name}", value
                if inspect.isclass(value):
                    for inner, member in vars(value).items():
                        if not inner.startswith("_") and (callable(member) or isinstance(member, property)):
                            yield f"{module.__name__}.{name}.{inner}", member


def test_everything_public_says_what_it_is():
    assert [name for name, value in public_objects() if not inspect.getdoc(value)] == []


def test_all_is_what_is_there():
    assert sorted(sessile.__all__) == sorted(set(sessile.__all__))
    assert [name for name in sessile.__all__ if not hasattr(sessile, name)] == []


def serve_once(listener, identity, answer, seen):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate_file, identity.key_file)
    connection, _ = listener.accept()
    with context.wrap_socket(connection, server_side=True) as wrapped:
        seen.append(wrapped.recv(1000))
        wrapped.sendall(answer)
        wrapped.unwrap()


def test_the_client_in_the_documentation_works(identity, capsys):
    text = (TREE / "docs/python.md").read_text()
    example = textwrap.dedent(re.search(r"## The smallest client\n\n(.*?)\n\n`", text, re.S).group(1))
    listener, seen = socket.create_server(("127.0.0.1", 0)), []
    server = threading.Thread(target=serve_once, args=(listener, identity, b"HTTP/1.0 200 OK\r\n\r\nhello", seen))
    server.start()
    example = example.replace('("example.org", 443)', str(listener.getsockname()))
    example = example.replace("example.org", "server.test")
    example = example.replace("TLSConfig.client()", "TLSConfig.client(trust=CERTIFICATE)")
    exec(compile(example, "docs/python.md", "exec"), {"CERTIFICATE": identity.certificate})
    server.join()
    listener.close()
    assert seen[0].startswith(b"GET / HTTP/1.0") and "hello" in capsys.readouterr().out
