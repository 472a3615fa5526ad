# SPDX-License-Identifier: Apache-2.0
"""What the built libraries export and import, and that nothing of it changes unseen: the files in abi/."""

import re
import subprocess

import abi
import pytest
from cheader import TREE, constants, functions

HEADERS = sorted((TREE / "libcore/include/sessile").glob("*.h"))

# Sockets, files, polling, waiting, time, threads, signals, processes, streams; of OpenSSL, its BIOs that do I/O.
FORBIDDEN = re.compile(
    r"socket|connect|accept4?|bind|listen|send(to|msg|file)?|recv(from|msg)?|getaddrinfo|gethostby.*|shutdown"
    r"|open(at|64|dir)?|creat|p?read(v|64)?|p?write(v|64)?|close|lseek|unlink|stat|ioctl|fcntl(64)?|dup[23]?|pipe2?"
    r"|p?poll|p?select|epoll_.*|eventfd|timerfd_.*"
    r"|time|gettimeofday|clock.*|localtime.*|gmtime.*|nanosleep|u?sleep|alarm"
    r"|pthread_.*|thrd_.*|mtx_.*|cnd_.*|sem_.*|signal|sigaction|raise|kill|sig(proc|set).*"
    r"|v?fork|exec.*|posix_spawn.*|system|wait(pid)?|popen|dlopen|getenv"
    r"|f(open|close|read|write|puts|putc|gets|printf|flush|seek).*|puts|putchar|v?f?printf|perror|std(in|out|err)"
    r"|__(v?fprintf|printf|read|open.*)_chk|syscall|mmap"
    r"|BIO_s_(socket|fd|file|connect|accept|datagram.*)|BIO_new_(socket|fd|file|fp|connect|accept|dgram.*)"
    r"|BIO_(connect|accept|listen|socket.*|lookup.*)|SSL_set_(fd|rfd|wfd)|ERR_print_errors_fp")


def declared():
    return {name for path in HEADERS for name, _ in functions(path.read_text())}


def test_exports_are_what_the_headers_declare(build):
    assert abi.exports(build) == declared()


def test_every_export_has_the_prefix(build):
    assert [name for name in abi.exports(build) if not name.startswith("sessile_")] == []


def test_static_library_defines_no_foreign_public_name(build):
    """Inner functions have hidden visibility, so that a program's own shared library does not export them."""
    visible = set()
    for line in abi.run("readelf", "--symbols", "--wide", str(build / "libsessile.a")).splitlines():
        row = line.split()
        if len(row) == 8 and row[4] in ("GLOBAL", "WEAK") and row[5] == "DEFAULT" and row[6] != "UND":
            visible.add(row[7])
    assert visible == declared()


def test_soname(build):
    assert "Library soname: [libsessile.so.0]" in abi.run("readelf", "--dynamic", str(build / "libsessile.so"))


def test_shared_library_needs_only_openssl_zlib_and_libc(build):
    needed = re.findall(r"\(NEEDED\).*\[(\S+)\]", abi.run("readelf", "--dynamic", str(build / "libsessile.so")))
    assert {name.split(".so")[0] for name in needed} <= {"libssl", "libcrypto", "libz", "libc"}


@pytest.mark.parametrize("library", ["shared", "static"])
def test_imports_are_on_the_list(build, library):
    always, maybe = abi.read_imports()
    imports = abi.imports_of_shared(build) if library == "shared" else abi.imports_of_static(build)
    assert len(imports) > 20
    assert sorted(imports - always - maybe) == []


def test_import_list_is_not_stale(build):
    always, _ = abi.read_imports()
    assert sorted(always - abi.imports_of_shared(build) - abi.imports_of_static(build)) == []


def test_import_list_holds_no_io_time_or_threads():
    always, maybe = abi.read_imports()
    assert [name for name in sorted(always | maybe) if FORBIDDEN.fullmatch(name)] == []


@pytest.mark.parametrize("name", ["socket", "read", "poll", "time", "clock_gettime", "pthread_create", "fopen", "fork",
                                  "sigaction", "BIO_s_socket", "BIO_new_file", "SSL_set_fd", "stderr", "usleep"])
def test_what_is_forbidden_is_recognised(name):
    assert FORBIDDEN.fullmatch(name)


def test_abi_is_the_committed_one(build):
    report = abi.compare_dump(build)
    assert not report, report + "\nIf this is meant: ./run abi --update"


def test_abi_check_sees_a_removed_function(tmp_path):
    """The check itself: a library that lacks one function of the dump is refused."""
    source = tmp_path / "less.c"
    names = sorted(declared())[1:]
    source.write_text("".join(f"void {name}(void) {{}}\n" for name in names))
    library = tmp_path / "libsessile.so"
    subprocess.run(["gcc", "-g", "-shared", "-fPIC", "-Wl,-soname,libsessile.so.0", "-fno-builtin", "-o", library,
                    source], check=True)
    assert "Removed function" in abi.compare_dump(tmp_path)


def test_constants_are_the_committed_ones(build):
    assert abi.constants_text(build) == abi.CONSTANTS.read_text()


def test_constants_are_those_of_the_headers(build):
    headers = {}
    for path in HEADERS:
        headers.update(constants(path.read_text()))
    assert {"SESSILE_" + name: value for name, value in abi.constants(build)} == headers
