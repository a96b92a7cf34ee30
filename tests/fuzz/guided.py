"""`python -m tests.fuzz.guided READER ...`: inputs that follow what they reach (atheris).

A crash is an exception of a reader that is no TunelockError. Each is kept once, by its place, in
the folder of `--keep`, and the search continues. Needs `pip install atheris` (the extra `fuzz`).
"""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import traceback
from importlib.util import find_spec
from pathlib import Path

import click

from tests.fuzz.readers import READERS

_STATUS = re.compile(r"^#(\d+)\s.*?cov: (\d+)", re.MULTILINE)
_DONE = re.compile(r"^Done (\d+) runs|stat::number_of_executed_units:\s+(\d+)", re.MULTILINE)


@click.command()
@click.argument("names", nargs=-1, type=click.Choice([*READERS, "all"]))
@click.option("--seconds", default=60, show_default=True, help="For each reader.")
@click.option("--at-once", default=2, show_default=True)
@click.option("--keep", type=click.Path(path_type=Path), default=Path("build/guided"))
@click.option("--child", hidden=True, type=click.Path(path_type=Path))
def main(
    names: tuple[str, ...], seconds: int, at_once: int, keep: Path, child: Path | None
) -> None:
    """Print for each reader how many inputs were tried, what they reached, and the crashes."""
    if child:
        _search(names[0], seconds, child, keep)
        return
    if find_spec("atheris") is None:
        raise click.ClickException("atheris is not installed: pip install 'tunelock[fuzz]'")
    wanted = list(READERS) if not names or "all" in names else list(names)
    keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="guided-") as made:
        home = Path(made)
        _demo(home / "demo")
        rows = []
        while wanted:
            some, wanted = wanted[:at_once], wanted[at_once:]
            started = [(name, _start(name, seconds, home, keep.absolute())) for name in some]
            rows += [
                _row(name, *process.communicate(), process.returncode, keep)
                for name, process in started
            ]
            for row in rows[-len(some) :]:
                click.echo("  ".join(f"{value!s:>18}" for value in row))
    crashes = sum(row[3] for row in rows)
    click.echo(f"{len(rows)} readers, {seconds} s each, {crashes} crashes, kept in {keep}")
    raise SystemExit(bool(crashes))


def _demo(folder: Path) -> None:
    from tests.journeys.demo_folder import small, tunelock

    small(folder)
    done = tunelock(folder, "plan")
    assert done.returncode == 0, done.stderr


def _start(name: str, seconds: int, home: Path, keep: Path) -> "subprocess.Popen[str]":
    own = {"HF_HUB_OFFLINE": "1", "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    words = ["-m", "tests.fuzz.guided", name, "--seconds", str(seconds), "--child", str(home)]
    return subprocess.Popen(
        [sys.executable, *words, "--keep", str(keep)],
        env=os.environ | own,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
    )  # fmt: skip


def _row(name: str, out: str, told: str, code: int, keep: Path) -> tuple[str, int, int, int]:
    """Return name, inputs, coverage and crashes of one search."""
    tried = max((int(one or other) for one, other in _DONE.findall(told)), default=0)
    reached = max((int(cover) for _, cover in _STATUS.findall(told)), default=0)
    tried = tried or max((int(count) for count, _ in _STATUS.findall(told)), default=0)
    crashes = len(list(keep.glob(f"{name}-*.txt")))
    if code != 0:
        (keep / f"{name}-ended.txt").write_text(told[-20_000:], "utf-8")
        crashes += 1
    return name, tried, reached, crashes


def _search(name: str, seconds: int, home: Path, keep: Path) -> None:
    """Search for crashes of one reader in this process; it ends with the search."""
    import atheris

    from lockfiles.errors import TunelockError

    for module in [one for one in sys.modules if one.split(".")[0] in ("planner", "runner", "tui")]:
        del sys.modules[module]
    folder = home / name
    folder.mkdir(parents=True, exist_ok=True)
    with atheris.instrument_imports(include=["lockfiles", "planner", "runner", "tui"]):
        read = READERS[name].made(folder)
        for seed in READERS[name].seeds(home / "demo"):
            try:
                read(seed)  # what is imported late is instrumented too
            except Exception as problem:
                _kept(name, seed, problem, keep)

    def one(content: bytes) -> None:
        try:
            read(content)
        except TunelockError:
            return
        except Exception as problem:
            _kept(name, content, problem, keep)

    seeds = folder / "seeds"
    seeds.mkdir(exist_ok=True)
    for content in READERS[name].seeds(home / "demo"):
        if len(content) <= 1 << 16:
            (seeds / hashlib.sha256(content).hexdigest()[:16]).write_bytes(content)
    options = [
        f"-max_total_time={seconds}", "-max_len=65536", "-timeout=10", "-rss_limit_mb=2000",
        f"-artifact_prefix={keep}/{name}-", "-print_final_stats=1", "-verbosity=1",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(seeds)], one)
    atheris.Fuzz()


def _kept(name: str, content: bytes, problem: Exception, keep: Path) -> None:
    """Write a crash down, once for each place that it comes from."""
    from lockfiles.errors import TunelockError

    if isinstance(problem, TunelockError):
        return
    frames = traceback.extract_tb(problem.__traceback__)
    last = frames[-1]
    place = f"{type(problem).__name__} {Path(last.filename).name}:{last.lineno}"
    path = keep / f"{name}-{hashlib.sha256(place.encode()).hexdigest()[:8]}.txt"
    if not path.exists():
        path.write_text(
            "".join(traceback.format_exception(problem))[-8000:], "utf-8", errors="replace"
        )
        path.with_suffix(".input").write_bytes(content)


if __name__ == "__main__":
    main()
