"""Two hosts on one machine: namespaces of network, name and processes, joined by a switch.

Needs root and `ip` (Debian: iproute2). A cut link is a port of the switch that is taken down: the
hosts' own interfaces stay up, as with a cable that is pulled elsewhere.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.journeys.demo_folder import ENVIRONMENT

ADDRESSES = ("10.77.18.1", "10.77.18.2")


def skip_reason() -> str:
    """Return why hosts cannot be made here; empty if they can."""
    if os.geteuid() != 0:
        return "namespaces of network need root"
    if not shutil.which("ip") or not shutil.which("unshare"):
        return "needs ip (Debian: iproute2) and unshare"
    tried = subprocess.run(["unshare", "--net", "--pid", "--fork", "true"], capture_output=True)
    return "" if tried.returncode == 0 else "this machine does not allow namespaces of network"


@dataclass(frozen=True)
class Hosts:
    """The names of their namespaces of network."""

    switch: str
    names: tuple[str, str]

    def start(self, number: int, words: Sequence[str], folder: Path, log: Path) -> "Started":
        """Start a program on a host, as its first process: all others there end with it."""
        inside = 'hostname "$0" && exec "$@"'
        with log.open("wb") as output:
            return subprocess.Popen(
                ["ip", "netns", "exec", self.names[number], "unshare", "--uts", "--pid", "--fork",
                 "--kill-child", "--mount-proc", "sh", "-c", inside, self.names[number], *words],
                cwd=folder, env=ENVIRONMENT, stdout=output, stderr=output,
            )  # fmt: skip

    def cut(self, number: int, *, cut: bool = True) -> None:
        """Cut the link between a host and the switch, or mend it."""
        _ip("-n", self.switch, "link", "set", f"port{number}", "down" if cut else "up")


Started = subprocess.Popen[bytes]


def running(folder: Path, number: int) -> int:
    """Return the process of the command that runs in a folder as a machine: the wrapper that
    started it there passes no signals on."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_text("utf-8").split("\0")
            here = (place / "cwd").resolve() == folder
        except OSError:
            continue
        ours = words[0].startswith(str(Path(sys.executable).parent))
        if here and ours and f" --node {number} " in " ".join(words):
            return int(place.name)
    raise LookupError(number)


@contextmanager
def hosts() -> Iterator[Hosts]:
    """Yield two hosts that reach each other; skips the test where they cannot be made."""
    if reason := skip_reason():
        pytest.skip(reason)
    own = f"t{os.getpid()}"
    found = Hosts(f"{own}-switch", (f"{own}-a", f"{own}-b"))
    try:
        _ip("netns", "add", found.switch)
        _ip("-n", found.switch, "link", "add", "bridge", "up", "type", "bridge")
        for number, name in enumerate(found.names):
            _ip("netns", "add", name)
            port = f"port{number}"
            _ip("link", "add", "eth0", "netns", name, "type", "veth",
                "peer", "name", port, "netns", found.switch)  # fmt: skip
            _ip("-n", found.switch, "link", "set", port, "master", "bridge", "up")
            _ip("-n", name, "address", "add", f"{ADDRESSES[number]}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                _ip("-n", name, "link", "set", device, "up")
        yield found
    finally:
        for name in (*found.names, found.switch):
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)
