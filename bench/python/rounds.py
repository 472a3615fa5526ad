# SPDX-License-Identifier: Apache-2.0
"""What the Python benchmarks share: alternating rounds, medians of the rounds' own ratios, tables, certificates."""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

TREE = pathlib.Path(__file__).resolve().parents[2]
SUITE = "TLS_AES_128_GCM_SHA256"

# The module ssl cannot choose TLS 1.3's cipher suites, libssl's configuration can, for all in the process alike.
OPENSSL_CONFIG = f"""openssl_conf = top
[top]
ssl_conf = libssl
[libssl]
system_default = usual
[usual]
MinProtocol = TLSv1.3
Ciphersuites = {SUITE}
Groups = X25519
"""


def arguments(text, rounds):
    """The options that the benchmarks have."""
    parser = argparse.ArgumentParser(description=text.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=TREE / "build/python",
                        help="the build folder whose module is measured; where it has none, the one that is installed")
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--ms", type=float, default=60, help="how long one way's part of a round takes about")
    parser.add_argument("--only", default="", help="only rows whose name contains this")
    parser.add_argument("--quick", action="store_true", help="few short rounds, to see that everything runs")
    parser.add_argument("--json", type=pathlib.Path)
    return parser


def parse(parser):
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.ms = 3, min(given.ms, 10)
    use_build(given.build)
    return given


def use_build(folder):
    if (folder / "python/sessile").is_dir():
        sys.path.insert(0, str(folder / "python"))


def with_openssl_config(folder):
    """Run this program again where libssl is configured; returns where it is."""
    file = folder / "openssl.cnf"
    if "SESSILE_BENCH_FOLDER" not in os.environ:
        file.write_text(OPENSSL_CONFIG)
        changed = {**os.environ, "OPENSSL_CONF": str(file), "SESSILE_BENCH_FOLDER": str(folder)}
        raise SystemExit(subprocess.run([sys.executable, *sys.argv], env=changed).returncode)


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True,
                   env={**os.environ, "OPENSSL_CONF": "/dev/null"})


def certificate(folder):
    """A certificate on P-256 for "localhost", and its key: two files of PEM."""
    made, key = folder / "server.crt", folder / "server.key"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
            "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", made)
    return made, key


class Clock:
    """Wall and CPU seconds of a block."""

    def __enter__(self):
        self.wall, self.cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_):
        self.cpu = time.process_time() - self.cpu
        self.wall = time.perf_counter() - self.wall


def calibrate(run, seconds):
    """How many repetitions take about so long."""
    count = 1
    while True:
        with Clock() as clock:
            run(count)
        if clock.wall >= seconds / 2:
            return max(1, round(count * seconds / clock.wall))
        count *= 2 if clock.wall < seconds / 50 else 1 + max(1, round(seconds / 2 / clock.wall))


def alternate(ways, rounds, seconds):
    """ways: name -> run(count). For each name its times for one repetition: [(wall, cpu)], a round each."""
    counts = {name: calibrate(run, seconds) for name, run in ways.items()}
    times = {name: [] for name in ways}
    names = list(ways)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            with Clock() as clock:
                ways[name](counts[name])
            times[name].append((clock.wall / counts[name], clock.cpu / counts[name]))
    return times


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def compare(times, ours, theirs):
    """How many times faster one is than another: by wall and by CPU time."""
    pairs = list(zip(times[ours], times[theirs]))
    return {"wall": spread([their[0] / our[0] for our, their in pairs]),
            "cpu": spread([their[1] / our[1] for our, their in pairs])}


def median_of(times, name, which):
    return statistics.median(time[which] for time in times[name])


def tell_goal(ratio, goal):
    return "" if goal is None else f"  goal {goal:g}: {'met' if ratio >= goal else 'MISSED'}"


def write_json(path, figures):
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(figures, indent=2) + "\n")
