# SPDX-License-Identifier: Apache-2.0
"""Builds the Python module: CMake compiles the library and what SWIG makes of bindings/sessile.i into one extension,
which needs nothing but libssl, libcrypto and zlib. Everything else about the package is in pyproject.toml."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

TREE = Path(__file__).resolve().parent
# One wheel for this and all later versions of CPython, where it is asked for: SESSILE_ABI3=1, with SWIG 4.4 or later.
ABI3 = "cp312" if os.environ.get("SESSILE_ABI3", "0") != "0" else ""


class CMakeBuild(build_ext):
    """build_ext by CMake. SESSILE_CMAKE_ARGS: further arguments for it, separated by blanks."""

    def build_extension(self, extension):
        target = Path(self.get_ext_fullpath(extension.name)).resolve()
        folder = Path(self.build_temp).resolve() / "cmake"
        folder.mkdir(parents=True, exist_ok=True)
        configure = [
            "cmake", "-S", str(TREE), "-B", str(folder), "-DCMAKE_BUILD_TYPE=Release", "-DSESSILE_PYTHON=ON",
            "-DSESSILE_TESTS=OFF", "-DSESSILE_EXAMPLES=OFF", f"-DPython3_EXECUTABLE={sys.executable}",
            f"-DSESSILE_PYTHON_ABI3={'ON' if ABI3 else 'OFF'}",
        ]
        if "CMAKE_GENERATOR" not in os.environ and shutil.which("ninja"):
            configure.append("-GNinja")
        configure += os.environ.get("SESSILE_CMAKE_ARGS", "").split()
        jobs = str(self.parallel or os.environ.get("SESSILE_JOBS") or os.cpu_count() or 1)
        subprocess.run(configure, check=True)
        subprocess.run(["cmake", "--build", str(folder), "--target", "sessile_python", "-j", jobs], check=True)
        built, = (folder / "python" / "sessile").glob("_sessile.*.so")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(built, target)


setup(
    ext_modules=[Extension("sessile._sessile", sources=[], py_limited_api=bool(ABI3))],
    cmdclass={"build_ext": CMakeBuild},
    options={"bdist_wheel": {"py_limited_api": ABI3}} if ABI3 else {},
)
