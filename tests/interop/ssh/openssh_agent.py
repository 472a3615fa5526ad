# SPDX-License-Identifier: Apache-2.0
"""OpenSSH's agent, and its tools."""

import os
import subprocess
from pathlib import Path


def run(*command, data=None, **settings):
    done = subprocess.run([str(word) for word in command], capture_output=True, check=False, input=data, **settings)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout.decode()


class SshAgent:
    """ssh-agent in the foreground, with a socket in a folder of a short name."""

    def __init__(self, folder):
        self.path = Path(folder) / "agent"
        self.process = subprocess.Popen(["ssh-agent", "-D", "-a", str(self.path)], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        # It listens before it says where.
        said = self.process.stdout.readline()
        assert b"SSH_AUTH_SOCK" in said, said
        self.environment = {**os.environ, "SSH_AUTH_SOCK": str(self.path)}

    def add(self, *arguments, **settings):
        return run("ssh-add", *arguments, env=self.environment, **settings)

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self.process.stdout.close()
