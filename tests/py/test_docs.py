# SPDX-License-Identifier: Apache-2.0
"""The documentation: links lead somewhere, ./run has the verbs that are named, README's example compiles and works."""

import re
import socket
import ssl
import subprocess
import threading

import pytest
from cheader import TREE

PAGES = sorted([*TREE.glob("*.md"), *TREE.glob("docs/*.md"), *TREE.glob("bindings/**/*.md")])

# What calls README's fetch(): a connection to the port that is given, as localhost.
MAIN = r"""
#include <arpa/inet.h>
#include <stdlib.h>

int fetch(int fd, const char *host);

int main(int argc, char **argv)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[argc - 1]))};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect(fd, (struct sockaddr *)&to, sizeof to) != 0 || fetch(fd, "localhost") != 0;
}
"""


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(TREE)) for page in PAGES])
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    assert [link for link in links if not link.startswith("http") and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(TREE)) for page in PAGES])
def test_named_files_and_functions_exist(page):
    text = page.read_text()
    headers = " ".join(path.read_text() for path in (TREE / "libcore/include/sessile").glob("*.h"))
    named = [name for name in re.findall(r"`((?:libcore|tests|fuzz|examples|bench)/[\w./]+)`", text)
             if "NAME" not in name]
    assert [name for name in named if not (TREE / name).exists()] == []
    names = re.findall(r"\b(?:sessile|SESSILE)_[a-zA-Z_0-9]+\b", text)
    variables = ("SESSILE_ABI3", "SESSILE_BUILD", "SESSILE_CMAKE_ARGS", "SESSILE_JOBS", "SESSILE_LUA", "SESSILE_PEERS",
                 "SESSILE_PYTHON", "SESSILE_SANITIZE", "sessile_lua")
    made = {"sessile_static", "sessile_inbox"} | {name for name in names if name.startswith(variables)}
    assert [name for name in names if name not in made and not re.search(rf"\b{name}\b", headers)] == []


def test_named_verbs_exist():
    verbs = set(re.findall(r"^verb_(\w+)\(\)", (TREE / "run").read_text(), re.M))
    told = set(re.findall(r"^  (\w+) +\S", subprocess.run([TREE / "run"], capture_output=True, text=True).stdout, re.M))
    named = {verb for page in PAGES for verb in re.findall(r"\./run (\w+)", page.read_text())}
    assert told == verbs
    assert named <= verbs


@pytest.fixture(scope="module")
def example(build, tmp_path_factory):
    """README's C block, with a main, as a program."""
    folder = tmp_path_factory.mktemp("readme")
    blocks = re.findall(r"^```c\n(.*?)^```$", (TREE / "README.md").read_text(), re.M | re.S)
    assert len(blocks) == 1
    (folder / "readme.c").write_text(blocks[0] + MAIN)
    subprocess.run(["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror",
                    "-Wno-missing-prototypes", f"-I{TREE}/libcore/include", "-o", folder / "readme",
                    folder / "readme.c", build / "libsessile.a", "-lssl", "-lcrypto"], check=True)
    return folder / "readme"


def certificate(folder, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
                    "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


def fetch(program, folder, name):
    """Run the program against a server with a certificate for name; what the server read, and the program's result."""
    chain, key = certificate(folder, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(20)
    seen = []

    def serve():
        wire, _ = listener.accept()
        wire.settimeout(20)
        try:
            with context.wrap_socket(wire, server_side=True) as peer:
                seen.append(peer.recv(100))
                peer.sendall(b"HTTP/1.0 200 OK\r\n\r\nhello from the other side\n")
                peer.unwrap()
        except ssl.SSLError as error:
            seen.append(error)

    thread = threading.Thread(target=serve)
    thread.start()
    result = subprocess.run([program, str(listener.getsockname()[1])], capture_output=True, timeout=20,
                            env={"SSL_CERT_FILE": str(chain), "PATH": "/usr/bin"})
    thread.join()
    listener.close()
    return seen, result


def test_readme_example_fetches(example, tmp_path):
    seen, result = fetch(example, tmp_path, "localhost")
    assert result.returncode == 0, result.stderr
    assert seen == [b"GET / HTTP/1.0\r\n\r\n"]
    assert result.stdout.endswith(b"hello from the other side\n")


def test_readme_example_refuses_another_name(example, tmp_path):
    _, result = fetch(example, tmp_path, "elsewhere.example")
    assert result.returncode == 1
    assert b"localhost" in result.stderr and result.stdout == b""
