#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""memory.lua on each Lua against the same in C (`speed`), writes of 64 KiB in memory: processes in turn, the medians of
the rounds' own ratios, by CPU time. Goal: no loss of more than 15 %."""
import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile

LUAS = (("lua5.4", "5.4"), ("luajit", "5.1"))
GOAL = 0.85


def in_c(program, seconds):
    with tempfile.NamedTemporaryFile() as figures:
        subprocess.run([program, "--only", "write 64 KiB", "--rounds", "3", "--ms", str(round(seconds * 100)), "--json",
                        figures.name], check=True, stdout=subprocess.DEVNULL)
        return json.loads(pathlib.Path(figures.name).read_text())["rows"][0]["ways"]["sessile"]["rate_cpu"]["median"]


def in_lua(program, version, given, seconds):
    env = {"SESSILE_BENCH_IDENTITY": given.identity, "LUA_PATH": "bindings/lua/?.lua;bindings/lua/?/init.lua;;",
           "LUA_CPATH": f"build/lua/lua/{version}/?.so;;", "PATH": "/usr/local/bin:/usr/bin:/bin"}
    done = subprocess.run([program, "bench/lua/memory.lua", str(seconds)], check=True, env=env, capture_output=True)
    return float(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("identity", help="the folder with server.crt and server.key")
    parser.add_argument("--speed", default="build/release/bench/speed")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--json", type=pathlib.Path)
    given = parser.parse_args()
    rates = {"C": [], **{program: [] for program, _ in LUAS}}
    for _ in range(given.rounds):
        rates["C"].append(in_c(given.speed, given.seconds))
        for program, version in LUAS:
            rates[program].append(in_lua(program, version, given, given.seconds))
    print(f"TLS in memory, writes of 64 KiB: medians of {given.rounds} rounds, MiB/s of CPU time")
    for name, found in rates.items():
        ratio = statistics.median(one / core for one, core in zip(found, rates["C"]))
        told = "" if name == "C" else f"   to C {ratio:.2f}  goal {GOAL}: {'met' if ratio >= GOAL else 'MISSED'}"
        print(f"{name:8} {statistics.median(found):8.1f}{told}")
    if given.json:
        given.json.write_text(json.dumps(rates, indent=2) + "\n")


if __name__ == "__main__":
    main()
