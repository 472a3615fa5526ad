# SPDX-License-Identifier: Apache-2.0
"""The build backend: setuptools', which asks for CMake and SWIG from the package index only where the machine has none.
Listing them as requirements would have builds without isolation refuse the machine's own. A module for the stable ABI
(SESSILE_ABI3) needs a newer SWIG than others."""

import os
import re
import shutil
import subprocess

from setuptools.build_meta import *  # noqa: F403
from setuptools.build_meta import get_requires_for_build_editable as _for_editable
from setuptools.build_meta import get_requires_for_build_wheel as _for_wheel

TOOLS = {"cmake": (3, 22), "swig": (4, 4) if os.environ.get("SESSILE_ABI3", "0") != "0" else (4, 1)}


def _version(tool):
    """The version of a program of that name that runs: a wrapper whose package is in another environment does not."""
    found = shutil.which(tool)
    question = "-version" if tool == "swig" else "--version"
    told = subprocess.run([found, question], capture_output=True, text=True) if found else None
    version = re.search(r"version (\d+)\.(\d+)", told.stdout, re.I) if told and told.returncode == 0 else None
    return (int(version[1]), int(version[2])) if version else (0, 0)


def _missing():
    return [f"{tool}>={least[0]}.{least[1]}" for tool, least in TOOLS.items() if _version(tool) < least]


def get_requires_for_build_wheel(config_settings=None):
    return _for_wheel(config_settings) + _missing()


def get_requires_for_build_editable(config_settings=None):
    return _for_editable(config_settings) + _missing()
