"""A real sshd on the loopback interface, with keys of its own, for one test."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/sbin")
_SECONDS = 10.0


def available() -> bool:
    """Return whether an sshd can be run here: its own user's sessions need root."""
    return SSHD is not None and shutil.which("ssh") is not None and os.geteuid() == 0


@contextmanager
def sshd(folder: Path) -> Iterator[list[str]]:
    """Run an sshd and yield the `ssh` command that logs in to it with a terminal."""
    assert SSHD is not None
    for name in ("host", "user"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True
        )
    shutil.copyfile(folder / "user.pub", folder / "authorized")
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {
        "Port": port, "ListenAddress": "127.0.0.1", "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "authorized", "StrictModes": "no", "PidFile": "none",
        "UsePAM": "no", "PermitRootLogin": "yes",
    }  # fmt: skip
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    with (folder / "sshd.log").open("wb") as log:
        server = subprocess.Popen([SSHD, "-D", "-e", "-f", "/dev/null", *words], stderr=log)
    try:
        _listening(port)
        yield [
            "ssh", "-tt", "-p", str(port), "-i", str(folder / "user"), "-F", "/dev/null",
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "LogLevel=ERROR", "127.0.0.1",
        ]  # fmt: skip
    finally:
        server.terminate()
        server.wait()


def _listening(port: int) -> None:
    end = time.monotonic() + _SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            assert time.monotonic() < end, "sshd does not answer"
            time.sleep(0.05)
