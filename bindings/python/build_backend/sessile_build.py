# SPDX-License-Identifier: Apache-2.0
"""The build backend: setuptools', which asks for CMake and SWIG from the package index only where the machine has none.
Listing them as requirements would have builds without isolation refuse the machine's own."""

import shutil
import subprocess

from setuptools.build_meta import *  # noqa: F403
from setuptools.build_meta import get_requires_for_build_editable as _for_editable
from setuptools.build_meta import get_requires_for_build_wheel as _for_wheel

TOOLS = {"cmake": "cmake>=3.22", "swig": "swig>=4.1"}


def _works(tool):
    """A program of that name that runs: a wrapper whose package is in another environment does not."""
    found = shutil.which(tool)
    question = "-version" if tool == "swig" else "--version"
    return found and subprocess.run([found, question], capture_output=True).returncode == 0


def _missing():
    return [requirement for tool, requirement in TOOLS.items() if not _works(tool)]


def get_requires_for_build_wheel(config_settings=None):
    return _for_wheel(config_settings) + _missing()


def get_requires_for_build_editable(config_settings=None):
    return _for_editable(config_settings) + _missing()
