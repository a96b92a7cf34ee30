"""Runs the commands of a file on the cards of this host, several at a time.

    python -m tests.gpu.queue QUEUE.txt OUT [--seconds N] [--cards N]

A line of the file is `CARDS SECONDS COMMAND`: how many cards it needs, how long it is expected to
take, and a command for bash, which runs in the current folder. It finds `OUT` (the folder), `LEFT`
(seconds until the end of the budget), its own cards in `CUDA_VISIBLE_DEVICES`, and this interpreter
as `python`, which also imports from there. Lines start in their order. A later line may go first on
cards that would otherwise wait, if it is expected to end before the waiting line can start.

A line starts if it is expected to end within the budget of `--seconds`; one that uses `LEFT` limits
itself. At the end of the budget, commands that still run are ended. Calling it again with the
same folder continues: lines that succeeded are not repeated, and those that failed come last. A
command that exits with 75 has work left, and is continued as if it had been ended.
`OUT/state.jsonl` has a line for each command that ended, `OUT/NUMBER.log` its output.

NVLink's multicast is off unless `NCCL_NVLS_ENABLE` and `TORCH_SYMM_MEM_DISABLE_MULTICAST` are set:
on some hosts, it disturbs the cards of others.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from planner.machines.probes.probe import probe

USUAL = {
    "NCCL_NVLS_ENABLE": "0", "TORCH_SYMM_MEM_DISABLE_MULTICAST": "1", "HF_HUB_OFFLINE": "1",
    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
}  # fmt: skip
"""Variables of every command, unless they are set. With the order of the bus, a number names the
same card for torch and for the driver, and no two commands get the same one."""
LEAST_SECONDS = 60.0
"""Of the budget, for a command that limits itself."""
GRACE_SECONDS = 5.0
"""Between SIGTERM and SIGKILL."""
POLL_SECONDS = 0.1
LEFT = 75
"""The exit code of a command that left work for another call (EX_TEMPFAIL)."""
CUT = "cut"
"""The outcome of such a command, and of one that was ended at the end of the budget."""


@dataclass(frozen=True)
class Job:
    """A line of the file."""

    cards: int
    seconds: float
    command: str

    def fits(self, seconds: float) -> bool:
        """Return whether it may start with so much time left."""
        return (LEAST_SECONDS if "LEFT" in self.command else self.seconds) <= seconds

    @classmethod
    def of(cls, text: str) -> "Job":
        """Read a line. Raises ValueError where it has another form."""
        cards, seconds, command = text.split(maxsplit=2)
        return cls(int(cards), float(seconds), command)


@dataclass
class Running:
    """A command that runs."""

    job: Job
    cards: list[str]
    process: "subprocess.Popen[bytes]"
    log: Path
    began: float

    @property
    def ends(self) -> float:
        """When it is expected to end."""
        return self.began + self.job.seconds

    def stop(self) -> None:
        """End the command with all processes of its session."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, sign)
                self.process.wait(GRACE_SECONDS)
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue


def jobs_of(path: Path) -> list[Job]:
    """Return the lines of a file; `#` starts a comment. Raises SystemExit for a bad line."""
    found = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        text = "" if line.lstrip().startswith("#") else line.strip()
        try:
            found += [Job.of(text)] if text else []
        except ValueError:
            raise SystemExit(f"{path}:{number}: not `CARDS SECONDS COMMAND`: {text}") from None
    return found


def due(jobs: Sequence[Job], ended: Mapping[str, int | str]) -> list[Job]:
    """Return the lines to run: not those that succeeded, and those that failed at the end."""
    fresh = [job for job in jobs if ended.get(job.command, CUT) == CUT]
    return fresh + [job for job in jobs if ended.get(job.command, 0) not in (0, CUT)]


def next_of(
    waiting: Sequence[Job], running: Sequence[Running], free: int, now: float, ends: float
) -> Job | None:
    """Return the line to start now, if any."""
    startable = [job for job in waiting if job.fits(ends - now)]
    if not startable:
        return None
    first, *others = startable
    if first.cards <= free:
        return first
    soonest = _soonest(first, running, free, now)
    fitting = (job for job in others if job.cards <= free and now + job.seconds <= soonest)
    return next(fitting, None)


def _soonest(job: Job, running: Sequence[Running], free: int, now: float) -> float:
    """Return when a line can start, by what is expected of those that run."""
    for one in sorted(running, key=lambda one: one.ends):
        free += len(one.cards)
        if free >= job.cards:
            return max(now, one.ends)
    return float("inf")


def cards_here() -> list[str]:
    """Return the cards that this process may use, as `CUDA_VISIBLE_DEVICES` names them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [one for one in named.split(",") if one]
    return [str(at) for at in range(len(probe(Path("/")).gpus))]


class Queue:
    """The commands of a folder, those that run and those that ended."""

    def __init__(self, out: Path, cards: Sequence[str], ends: float) -> None:
        self._out, self._free, self._ends = out, list(cards), ends
        self._state = out / "state.jsonl"
        self._running: list[Running] = []
        out.mkdir(parents=True, exist_ok=True)

    def ended(self) -> dict[str, int | str]:
        """Return the last outcome of each command: its exit code, or `cut`."""
        if not self._state.exists():
            return {}
        told = map(json.loads, self._state.read_text("utf-8").splitlines())
        return {one["command"]: one["outcome"] for one in told}

    def run(self, jobs: Sequence[Job]) -> None:
        """Run the lines that are due, until the budget is over."""
        waiting = due(jobs, self.ended())
        try:
            while waiting or self._running:
                job = next_of(waiting, self._running, len(self._free), time.time(), self._ends)
                if job:
                    waiting.remove(job)
                    self._start(job)
                    continue
                if not self._running:
                    break
                self._collect()
        finally:
            for one in self._running:
                one.stop()
                self._tell(one, CUT)
        for job in waiting:
            print(f"no time for: {job.command}", flush=True)

    def _start(self, job: Job) -> None:
        own, self._free = self._free[: job.cards], self._free[job.cards :]
        log = self._out / f"{len(list(self._out.glob('*.log'))) + 1:03}.log"
        left = str(max(0, int(self._ends - time.time())))
        given = {"OUT": str(self._out), "LEFT": left, "CUDA_VISIBLE_DEVICES": ",".join(own)}
        given |= {"PATH": _before(str(Path(sys.executable).parent), "PATH")}
        given |= {"PYTHONPATH": _before(os.getcwd(), "PYTHONPATH")}
        with log.open("wb") as file:
            file.write(f"{job.command}\n".encode())
            file.flush()
            process = subprocess.Popen(
                ["bash", "-c", job.command],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**USUAL, **os.environ, **given},
                start_new_session=True,
            )
        self._running.append(Running(job, own, process, log, time.time()))
        print(f"start [{','.join(own)}] {job.command}", flush=True)

    def _collect(self) -> None:
        """Take up what has ended; end all of it once the budget is over."""
        time.sleep(POLL_SECONDS)
        over = time.time() >= self._ends
        for one in list(self._running):
            code = one.process.poll()
            if code is None and not over:
                continue
            if code is None:
                one.stop()
            self._running.remove(one)
            self._free = sorted(self._free + one.cards)
            self._tell(one, CUT if code in (None, LEFT) else code)

    def _tell(self, one: Running, outcome: int | str | None) -> None:
        seconds = round(time.time() - one.began, 1)
        told = {
            "command": one.job.command, "outcome": outcome, "seconds": seconds,
            "expected_seconds": one.job.seconds, "cards": one.cards, "log": one.log.name,
        }  # fmt: skip
        with self._state.open("a", encoding="utf-8") as file:
            file.write(json.dumps(told) + "\n")
        print(f"{outcome} after {seconds} s ({one.log.name}): {one.job.command}", flush=True)
        if outcome != 0:
            print("\n".join(_last(one.log)), flush=True)


def _before(folder: str, name: str) -> str:
    """Return a variable that lists folders, with one more before them."""
    return os.pathsep.join(filter(None, (folder, os.environ.get(name, ""))))


def _last(log: Path, lines: int = 8) -> Iterator[str]:
    for text in log.read_text("utf-8", "replace").splitlines()[-lines:]:
        yield f"    {text[-200:]}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a file of commands; the exit code is 1 where a line is left or failed."""
    given = argparse.ArgumentParser(prog="tests.gpu.queue")
    given.add_argument("queue", type=Path)
    given.add_argument("out", type=Path)
    given.add_argument("--seconds", type=float, default=1e9, help="budget of this call")
    given.add_argument("--cards", type=int, default=0, help="how many to use; otherwise all")
    asked = given.parse_args(arguments)
    jobs, cards = jobs_of(asked.queue), cards_here()
    if asked.cards:
        cards = cards[: asked.cards] or [str(at) for at in range(asked.cards)]
    most = max((job.cards for job in jobs), default=0)
    if most > len(cards):
        raise SystemExit(f"{asked.queue} has a line for {most} cards, but there are {len(cards)}")
    queue = Queue(asked.out.absolute(), cards, time.time() + asked.seconds)
    queue.run(jobs)
    ended = queue.ended()
    return int(any(ended.get(job.command) != 0 for job in jobs))


if __name__ == "__main__":
    sys.exit(main())
