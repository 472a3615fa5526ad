# SPDX-License-Identifier: Apache-2.0
"""The package is built as people build it: by pip from a checkout without isolation, and from the sdist with it."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[2]
NOT_CHECKED_OUT = shutil.ignore_patterns(".git", "build", "dist", "*.egg-info", "__pycache__", ".*cache", "*.so")


def run(*command, **options):
    # Nothing of this test's own environment: not its path, and not its settings for builds.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SESSILE_"))}
    environment |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "SESSILE_CMAKE_ARGS": "-DCMAKE_C_FLAGS_RELEASE=-O0"}
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=environment, **options)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def make_venv(folder, *packages):
    run(sys.executable, "-m", "venv", folder)
    if packages:
        run(folder / "bin/pip", "install", "-q", *packages)
    return folder / "bin/python"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkout") / "sessile"
    shutil.copytree(TREE, folder, ignore=NOT_CHECKED_OUT)
    return folder


@pytest.fixture(scope="module")
def sdist(checkout, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdist")
    python = make_venv(folder / "venv", "build")
    run(python, "-m", "build", "-q", "--sdist", "--outdir", folder, checkout)
    made, = folder.glob("sessile-*.tar.gz")
    return made


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run(make_venv(folder / "venv"), "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, sdist)
    made, = folder.glob("sessile-*.whl")
    return made


def modules(folder):
    """The package's files, as they should be shipped."""
    return {str(path.relative_to(folder)) for path in (folder / "sessile").rglob("*")
            if path.suffix in (".py", ".pyi") or path.name == "py.typed"}


def works(python, tmp_path):
    return run(python, "-X", "dev", "-W", "error", "-c",
               "import sessile.asyncio; print(sessile.Key.generate().type, sessile.__file__)", cwd=tmp_path)


def test_the_sdist_has_what_a_build_needs_and_nothing_that_is_made(checkout, sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"CMakeLists.txt", "LICENSE", "bindings/sessile.i", "bindings/python/lang.i",
            "bindings/python/build_backend/sessile_build.py", "libcore/include/sessile/sessile.h"} <= names
    assert {f"bindings/python/{name}" for name in modules(checkout / "bindings/python")} <= names
    assert [name for name in names if name.endswith((".so", ".pyc")) or name.startswith(("build/", ".git"))] == []


def test_the_wheel_of_the_sdist_has_the_whole_package(checkout, wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        entry, = (name for name in names if name.endswith("entry_points.txt"))
        assert re.fullmatch(r"\[console_scripts\]\nsessile = sessile\.cli:main\n+", archive.read(entry).decode())
        metadata, = (name for name in names if name.endswith("METADATA"))
        assert "Provides-Extra: cli\n" in archive.read(metadata).decode()
    package = {name for name in names if ".dist-info/" not in name}
    made = {name for name in package if name.endswith(".so")}
    assert package - made == modules(checkout / "bindings/python") and len(made) == 1


def test_the_wheel_works_alone(wheel, tmp_path):
    python = make_venv(tmp_path / "venv", "--no-deps", wheel)
    kind, where = works(python, tmp_path).split()
    assert kind == "ssh-ed25519" and where.startswith(str(tmp_path))


def test_pip_installs_a_checkout_without_isolation(checkout, tmp_path):
    python = make_venv(tmp_path / "venv", "setuptools", "wheel")
    run(python, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index", checkout)
    kind, where = works(python, tmp_path).split()
    assert kind == "ssh-ed25519" and where.startswith(str(tmp_path))


def test_the_stable_abi_is_refused_where_swig_is_too_old(checkout, tmp_path):
    swig = tmp_path / "bin/swig"
    swig.parent.mkdir()
    swig.write_text("#!/bin/sh\necho SWIG Version 4.1.0\n")
    swig.chmod(0o755)
    result = subprocess.run(["cmake", "-S", checkout, "-B", tmp_path / "build", "-DSESSILE_PYTHON=ON",
                             "-DSESSILE_PYTHON_ABI3=ON", "-DSESSILE_TESTS=OFF", "-DSESSILE_EXAMPLES=OFF",
                             f"-DPython3_EXECUTABLE={sys.executable}", f"-DSESSILE_SWIG={swig}"],
                            capture_output=True, text=True)
    assert result.returncode != 0 and "needs SWIG 4.4" in " ".join(result.stderr.split())
