# SPDX-License-Identifier: Apache-2.0
"""Where the tree and its build are: SESSILE_BUILD names the build folder, build/release by default."""

import os
from pathlib import Path

import pytest
from cheader import TREE


@pytest.fixture(scope="session")
def tree():
    return TREE


@pytest.fixture(scope="session")
def build():
    folder = Path(os.environ.get("SESSILE_BUILD", TREE / "build" / "release"))
    assert (folder / "libsessile.so").exists(), f"{folder} holds no built library: ./run build makes it"
    return folder
