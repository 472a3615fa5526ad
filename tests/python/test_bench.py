# SPDX-License-Identifier: Apache-2.0
"""The benchmarks run, and have a figure of Sessile's in every row. What the figures are is no matter of tests."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import sessile

BENCH = Path(__file__).resolve().parents[2] / "bench" / "python"


@pytest.mark.parametrize("name", ["tls_loopback", "tls_memory", "ssh_peers", "ssh_memory"])
def test_a_benchmark_runs(name, tmp_path):
    build = Path(sessile.__file__).parents[2]
    words = [sys.executable, BENCH / f"{name}.py", "--build", build, "--quick", "--json", tmp_path / "out"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads((tmp_path / "out").read_text())["rows"]
    assert rows and all("sessile" in str(row).lower() for row in rows)
