"""The addresses on which processes listen, as the kernel knows them."""

import ipaddress
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_LISTENS = "0A"


def listening(processes: Iterable[int]) -> set[str]:
    """Return the addresses of the sockets on which some processes accept connections."""
    inodes = {inode for number in processes for inode in _sockets(number)}
    return {
        address
        for table in ("tcp", "tcp6")
        for address, inode in _accepting(Path("/proc/net") / table)
        if inode in inodes
    }


def _sockets(number: int) -> Iterator[str]:
    for link in Path(f"/proc/{number}/fd").iterdir():
        with suppress(OSError):
            kind, _, inode = os.readlink(link).partition(":")
            if kind == "socket":
                yield inode.strip("[]")


def _accepting(table: Path) -> Iterator[tuple[str, str]]:
    for line in table.read_text("ascii").splitlines()[1:]:
        words = line.split()
        if words[3] == _LISTENS:
            digits = bytes.fromhex(words[1].partition(":")[0])
            groups = [digits[at : at + 4][::-1] for at in range(0, len(digits), 4)]
            yield str(ipaddress.ip_address(b"".join(groups))), words[9]
