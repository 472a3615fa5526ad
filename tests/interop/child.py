# SPDX-License-Identifier: Apache-2.0
"""Programs that tests start: their output as it comes, waited for with a limit, and their end."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import threading

TIMEOUT = 20


class Output:
    """What a child wrote to one pipe so far; a thread reads it."""

    def __init__(self, pipe):
        self.pipe = pipe
        self.data = bytearray()
        self.ended = False
        self.change = threading.Condition()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        while data := os.read(self.pipe.fileno(), 65536):
            with self.change:
                self.data += data
                self.change.notify_all()
        with self.change:
            self.ended = True
            self.change.notify_all()

    def wait(self, test):
        """Until test(data) gives something, which is returned; None where the output ends or the time does."""
        with self.change:
            self.change.wait_for(lambda: test(self.data) or self.ended, TIMEOUT)
            return test(self.data)


class Child:
    """A program. Text that is waited for is looked for behind what was found before."""

    def __init__(self, command, **settings):
        self.command = [str(word) for word in command]
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, start_new_session=True, **settings)
        self.out, self.err = Output(self.process.stdout), Output(self.process.stderr)
        self.seen = {}

    def wait_for(self, pattern, output=None):
        """The next match of a pattern in the output (stdout if not said)."""
        output = output or self.out
        start = self.seen.get(output, 0)
        found = output.wait(lambda data: re.search(pattern.encode(), data[start:], re.M))
        assert found, f"{self.command[0]} did not say {pattern!r}\n{self.log()}"
        self.seen[output] = start + found.end()
        return found

    def wait_bytes(self, count):
        """The next count bytes of stdout."""
        start = self.seen.get(self.out, 0)
        assert self.out.wait(lambda data: len(data) >= start + count), f"fewer than {count} bytes\n{self.log()}"
        self.seen[self.out] = start + count
        return bytes(self.out.data[start:start + count])

    def wait_some(self):
        """What comes next on stdout; nothing at its end."""
        start = self.seen.get(self.out, 0)
        self.out.wait(lambda data: len(data) > start)
        self.seen[self.out] = len(self.out.data)
        return bytes(self.out.data[start:self.seen[self.out]])

    def write(self, data):
        """Where the program has ended already, what is waited for next fails and shows why."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(data)
            self.process.stdin.flush()

    def end_input(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()

    def finish(self, data=None):
        """Give it data, end its input, and wait for its end; the exit status."""
        if data:
            self.write(data)
        self.end_input()
        return self.status()

    def status(self):
        try:
            status = self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.command[0]} does not end\n{self.log()}") from None
        self.out.thread.join(TIMEOUT)
        self.err.thread.join(TIMEOUT)
        return status

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.kill()
        self.end_input()
        for output in (self.out, self.err):
            output.thread.join(TIMEOUT)
            output.pipe.close()

    def text(self):
        return (self.out.data + self.err.data).decode(errors="replace")

    def log(self):
        status = self.process.poll()
        out, err = (output.data[-6000:].decode(errors="replace") for output in (self.out, self.err))
        return f"$ {' '.join(self.command)}\n[exit status {status}]\n--- stdout\n{out}\n--- stderr\n{err}"


class Children:
    """All that one test starts, and a folder for it. What a test starts ends with it."""

    def __init__(self, folder):
        self.folder = folder
        self.all = []
        self.names = 0

    def start(self, *command, **settings):
        assert shutil.which(str(command[0])), f"{command[0]} is not installed, and this test needs it"
        child = Child(command, **settings)
        self.all.append(child)
        return child

    def path(self, suffix):
        self.names += 1
        return self.folder / f"{self.names}{suffix}"

    def stop(self):
        for child in self.all:
            child.stop()

    def log(self):
        return "\n\n".join(child.log() for child in self.all)


def free_port():
    """For programs that must be told a port. Ours tell which one the system gave them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def connected(port):
    """A plain socket to a port on loopback."""
    wire = socket.create_connection(("127.0.0.1", port), TIMEOUT)
    wire.settimeout(TIMEOUT)
    return wire
