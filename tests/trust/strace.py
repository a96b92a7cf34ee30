"""What a command opens, changes, starts and connects to, as the kernel saw it (strace(1))."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

AVAILABLE = shutil.which("strace") is not None
_OPENS = frozenset(["open", "openat", "openat2", "creat"])
_STARTS = frozenset(["execve", "execveat"])
_SOCKETS = frozenset(["socket", "connect", "bind", "sendto", "sendmsg"])
_CHANGES = frozenset(
    ["unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "symlink",
     "symlinkat", "mkdir", "mkdirat", "rmdir", "truncate", "chmod", "fchmodat"]
)  # fmt: skip
_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)(?:<(.*?)>)?(?: \(deleted\))?(?: .*)?$")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_FOLDER = re.compile(r"(?:AT_FDCWD|\d+)<((?:[^<>]|->)*)>")


@dataclass(frozen=True)
class Call:
    """One system call that succeeded."""

    name: str
    arguments: str
    result: str
    """The path of the descriptor that it returned, links followed; empty without one."""

    @property
    def paths(self) -> list[str]:
        """The paths that it names, absolute as far as strace tells the folder."""
        folders = _FOLDER.findall(self.arguments)
        found = []
        for number, text in enumerate(_STRING.findall(self.arguments)):
            path = text.encode().decode("unicode_escape", "replace")
            base = folders[min(number, len(folders) - 1)] if folders else ""
            found.append(path if path.startswith("/") or not base else f"{base}/{path}")
        return found

    @property
    def writes(self) -> bool:
        """Whether an opened file may be changed."""
        return any(flag in self.arguments for flag in ("O_WRONLY", "O_RDWR", "O_CREAT"))


@dataclass(frozen=True)
class Trace:
    """A command's calls, those of all its processes together."""

    calls: tuple[Call, ...]
    exit_code: int
    stdout: str
    stderr: str

    @property
    def opened(self) -> Iterator[Call]:
        """Files that were opened."""
        return (call for call in self.calls if call.name in _OPENS and call.result)

    @property
    def changed(self) -> Iterator[str]:
        """Paths that were opened for writing, made, renamed or removed."""
        for call in self.calls:
            if call.name in _OPENS and call.result and call.writes:
                yield call.result
            elif call.name in _CHANGES:
                yield from call.paths[:2] if not call.name.startswith("symlink") else call.paths[1:]

    @property
    def started(self) -> list[str]:
        """The command lines of the programs that were started, as strace writes them."""
        return [call.arguments for call in self.calls if call.name in _STARTS]

    @property
    def internet(self) -> list[str]:
        """Uses of internet sockets."""
        return [
            f"{call.name}({call.arguments})"
            for call in self.calls
            if call.name in _SOCKETS and "AF_INET" in call.arguments
        ]


def traced(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], seconds: float
) -> Trace:
    """Run a command in a folder under strace and return what it and its children did."""
    log = folder.parent / "strace.log"
    names = ",".join(sorted(_OPENS | _STARTS | _SOCKETS | _CHANGES))
    done = subprocess.run(
        ["strace", "-f", "-qq", "-y", "-s", "4096", "--seccomp-bpf", "-e", f"trace={names}",
         "-e", "signal=none", "-o", str(log), *command],
        cwd=folder, env=dict(environment), capture_output=True, text=True, timeout=seconds,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    calls = tuple(_calls(log.read_text("utf-8", "replace").splitlines()))
    assert calls, done.stderr
    return Trace(calls, done.returncode, done.stdout, done.stderr)


def _calls(lines: Sequence[str]) -> Iterator[Call]:
    """Yield the calls, those that were cut in two by another process put together."""
    begun: dict[str, str] = {}
    for line in lines:
        pid = line.split(" ", 1)[0]
        if line.endswith(" <unfinished ...>"):
            begun[pid] = line.removesuffix(" <unfinished ...>")
            continue
        if found := re.match(r"^\d+ +<\.\.\. \w+ resumed>(.*)$", line):
            line = begun.pop(pid, "") + found[1]
        if (call := _CALL.match(line)) and int(call[3]) >= 0:
            yield Call(call[1], call[2], call[4] or "")
