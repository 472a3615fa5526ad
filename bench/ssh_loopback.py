#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How fast SSH is with a real peer: bulk each way over loopback, between OpenSSH's sshd and several clients in turn.

Sessile's client is examples/c/ssh_client of the build folder; libssh's and libssh2's are those that ./run peers makes; a
client that is not there is left out, and said so. All are run with the same cipher where they have it. Each round every
client moves the same bytes once each way, in turn; from each time that of a command that does nothing is taken off.
Ratios are medians of the rounds' own.
"""
import argparse
import getpass
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

TREE = pathlib.Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
GCM, CTR = "aes128-gcm@openssh.com", "aes128-ctr"
GOALS = {"OpenSSH": 1.0, "libssh": 1.4}


def run(*command):
    subprocess.run([str(word) for word in command], check=True, capture_output=True)


def free_port():
    with socket.create_server((HOST, 0)) as free:
        return free.getsockname()[1]


def start_server(folder):
    """sshd in the foreground, for whoever runs this: the process, and its port."""
    for name in ("host", "user"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name)
    port = free_port()
    (folder / "known").write_text(f"[{HOST}]:{port} " + (folder / "host.pub").read_text())
    (folder / "config").write_text(
        f"ListenAddress {HOST}\nPort {port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/user.pub\nPidFile none\n"
        "UsePAM no\nStrictModes no\nPermitRootLogin yes\nLogLevel FATAL\nUseDNS no\nSubsystem sftp internal-sftp\n")
    if os.getuid() == 0:
        pathlib.Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    server = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", folder / "config"])
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection((HOST, port)).close()
            return server, port
        except ConnectionRefusedError:
            time.sleep(0.02)
    server.kill()
    raise SystemExit("sshd does not listen")


def own(program, folder, port, cipher):
    """A program with the command line of examples/c/ssh_client."""
    more = ["--macs", "hmac-sha2-256"] if cipher == CTR else []
    return [program, "-p", port, "-l", getpass.getuser(), "-i", folder / "user", "--known-hosts", folder / "known",
            "--host-key-check", "yes", "--ciphers", cipher, *more, HOST]


def openssh(folder, port, cipher):
    return ["ssh", "-F", "none", "-T", "-p", port, "-l", getpass.getuser(), "-i", folder / "user", "-o",
            "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", f"UserKnownHostsFile={folder}/known", "-o",
            f"Ciphers={cipher}", "-o", "BatchMode=yes", HOST]


def clients(build, peers, folder, port):
    """Each client's name, the cipher that it is run with, and its command."""
    programs = [("Sessile", GCM, build / "examples/c/ssh_client"), ("OpenSSH", GCM, None),
                ("libssh", GCM, peers / "libssh_client"), ("libssh2", CTR, peers / "libssh2_client"),
                ("Sessile, aes128-ctr", CTR, build / "examples/c/ssh_client")]
    for name, cipher, program in programs:
        if program and not program.exists():
            print(f"{name}: {program} is not there; left out")
            continue
        command = own(program, folder, port, cipher) if program else openssh(folder, port, cipher)
        yield name, cipher, [str(word) for word in command]


def timed(command, remote, source, size):
    """Wall and CPU seconds of the client. size: what must arrive."""
    with open(source, "rb") as given, subprocess.Popen([*command, remote], stdin=given, stdout=subprocess.PIPE) as client:
        start = time.monotonic()
        arrived = 0
        room = bytearray(1 << 20)
        while count := client.stdout.readinto(room):
            arrived += count
        _, status, used = os.wait4(client.pid, 0)
        client.returncode = os.waitstatus_to_exitcode(status)
    if client.returncode != 0 or arrived != size:
        raise SystemExit(f"{command[0]}: status {client.returncode}, {arrived} bytes of {size}")
    return time.monotonic() - start, used.ru_utime + used.ru_stime


def measure(found, folder, size, rounds):
    data = folder / "data"
    with open(data, "wb") as file:
        file.truncate(size)
    ways = {"upload": ("cat >/dev/null", data, 0), "download": (f"head -c {size} /dev/zero", os.devnull, size)}
    idle = {name: statistics.median(timed(command, "true", os.devnull, 0)[0] for _ in range(3))
            for name, _, command in found}
    rates = {(name, way): [] for name, _, _ in found for way in ways}
    costs = {(name, way): [] for name, _, _ in found for way in ways}
    for number in range(rounds):
        turn = number % len(found)
        for name, _, command in found[turn:] + found[:turn]:
            for way, (remote, source, arrives) in ways.items():
                wall, cpu = timed(command, remote, source, arrives)
                rates[name, way].append(size / 1e6 / max(wall - idle[name], 1e-3))
                costs[name, way].append(cpu / (size / 1e9))
    return rates, costs


def ratio(rates, ours, theirs, way):
    return statistics.median(a / b for a, b in zip(rates[ours, way], rates[theirs, way]))


def tell(found, rates, costs, size, rounds):
    print(f"SSH over loopback to OpenSSH's sshd, {size // 1000000} MB each way; medians of {rounds} alternating rounds")
    print("MB/s by wall time, the client's CPU seconds per GB, and Sessile's rate to this client's\n")
    print(f"{'':22} {'cipher':24} {'upload':>8} {'s/GB':>6} {'ratio':>6} {'download':>9} {'s/GB':>6} {'ratio':>6}  goal")
    rows = []
    for name, cipher, _ in found:
        row = {"client": name, "cipher": cipher, "goal": GOALS.get(name)}
        base = "Sessile" if cipher == GCM else "Sessile, aes128-ctr"
        for way in ("upload", "download"):
            row[way] = {"mb_per_s": statistics.median(rates[name, way]),
                        "cpu_s_per_gb": statistics.median(costs[name, way])}
            if (base, way) in rates:
                row[way]["sessile_to_this"] = ratio(rates, base, name, way)
        rows.append(row)
        up, down = row["upload"], row["download"]
        print(f"{name:22} {cipher:24} {up['mb_per_s']:8.0f} {up['cpu_s_per_gb']:6.2f} "
              f"{up.get('sessile_to_this', 0):6.2f} {down['mb_per_s']:9.0f} {down['cpu_s_per_gb']:6.2f} "
              f"{down.get('sessile_to_this', 0):6.2f}  {row['goal'] or ''}")
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=TREE / "build/release")
    parser.add_argument("--peers", type=pathlib.Path, default=TREE / "build/peers")
    parser.add_argument("--mb", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=pathlib.Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = pathlib.Path(made)
        server, port = start_server(folder)
        try:
            found = list(clients(given.build, given.peers, folder, port))
            rates, costs = measure(found, folder, given.mb * 1000000, given.rounds)
        finally:
            server.terminate()
            server.wait()
    rows = tell(found, rates, costs, given.mb * 1000000, given.rounds)
    if given.json:
        given.json.write_text(json.dumps({"mb": given.mb, "rounds": given.rounds, "clients": rows}, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
