# SPDX-License-Identifier: Apache-2.0
"""What cmake --install gives: programs in C and C++ are built against it with pkg-config and find_package, and run."""

import os
import subprocess

import pytest
from cheader import TREE

CONSUMER = TREE / "tests" / "package"


def run(*command, **environment):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                            env={**os.environ, **environment})
    assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def prefix(build, tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    # A build of its own: the install folder is part of the package files.
    made = tmp_path_factory.mktemp("made")
    run("cmake", "-S", TREE, "-B", made, "-G", "Ninja", f"-DCMAKE_INSTALL_PREFIX={folder}", "-DSESSILE_TESTS=OFF",
        "-DSESSILE_EXAMPLES=OFF", "-DCMAKE_INSTALL_LIBDIR=lib")
    run("cmake", "--build", made)
    run("cmake", "--install", made)
    return folder


@pytest.fixture(scope="module")
def found(prefix, tmp_path_factory):
    folder = tmp_path_factory.mktemp("found")
    run("cmake", "-S", CONSUMER, "-B", folder, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", folder)
    return folder


def check(program, prefix, shared):
    linked = run("ldd", program, LD_LIBRARY_PATH=f"{prefix}/lib")
    assert ("libsessile.so.0" in linked) == shared
    assert run(program, LD_LIBRARY_PATH=f"{prefix}/lib") == "sessile 0.1.0, TLSv1.3: hello\n"


def test_installed_files(prefix):
    names = {str(path.relative_to(prefix)) for path in prefix.rglob("*") if not path.is_dir()}
    headers = {f"include/sessile/{path.name}" for path in (TREE / "libcore/include/sessile").glob("*.h")}
    assert {name for name in names if name.startswith("include/")} == headers
    assert {"lib/libsessile.so", "lib/libsessile.so.0", "lib/libsessile.so.0.1.0", "lib/libsessile.a",
            "lib/pkgconfig/sessile.pc", "lib/cmake/Sessile/SessileConfig.cmake",
            "lib/cmake/Sessile/SessileConfigVersion.cmake"} <= names


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "static"])
@pytest.mark.parametrize("language", ["c", "cpp"])
def test_find_package(found, prefix, language, shared):
    check(found / f"{language}_{'sessile' if shared else 'sessile_static'}", prefix, shared)


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "static"])
@pytest.mark.parametrize("language", ["c", "cpp"])
def test_pkg_config(prefix, tmp_path, language, shared):
    path = {"PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig"}
    flags = run("pkg-config", "--cflags", "--libs", *([] if shared else ["--static"]), "sessile", **path).split()
    if not shared:
        flags = ["-l:libsessile.a" if flag == "-lsessile" else flag for flag in flags]
    compiler = ["gcc", "-std=c11"] if language == "c" else ["g++", "-std=c++11"]
    run(*compiler, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o", tmp_path / "consumer",
        CONSUMER / f"consumer.{language}", *flags)
    check(tmp_path / "consumer", prefix, shared)


def test_pkg_config_keeps_openssl_private(prefix):
    path = {"PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig"}
    assert "-lssl" not in run("pkg-config", "--libs", "sessile", **path)
    assert "-lssl" in run("pkg-config", "--static", "--libs", "sessile", **path)
    assert run("pkg-config", "--modversion", "sessile", **path) == "0.1.0\n"
