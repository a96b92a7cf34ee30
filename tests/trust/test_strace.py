"""What a stranger's lock makes `check`, `rehearse` and `run` open, change, start and connect to."""

import re
import site
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.few import few
from tests.fuzz.bases import Base, made
from tests.journeys.demo_folder import command
from tests.trust import hostile_locks, strace
from tests.trust.hostile_locks import TRICKS, Place

pytestmark = pytest.mark.skipif(not strace.AVAILABLE, reason="strace is not installed")

ROOT = Path(__file__).parents[2]
LIBRARIES = tuple(
    dict.fromkeys(
        str(Path(path).resolve())
        for path in (
            sys.prefix, sys.base_prefix, str(ROOT), *site.getsitepackages(),
            *(path for path in sys.path if path and Path(path).is_dir()),
            "/usr", "/lib", "/lib64", "/sys",
        )
    )
)  # fmt: skip
"""Where Python, its packages and the system's libraries are; and the kernel's facts."""
OF_THE_SYSTEM = re.compile(
    r"/etc/(ld\.so\.cache|locale\.alias|nsswitch\.conf|passwd|group|localtime|ssl/openssl\.cnf|"
    r"ssl/certs.*|mime\.types|host\.conf|os-release|malloc\.conf)|"
    r"/proc/(\d+|self)/.*|/proc/(cpuinfo|meminfo|stat|mounts|filesystems|sys/.*|driver/nvidia.*)|"
    r"/dev/(null|urandom|random|shm/.*|nvidia.*)|/dev/shm|/proc(/\d+)?|memfd:.*|(anon_inode|pipe|socket):.*"
)
"""What the C library, Python and torch read to begin with; nobody's private files."""
OURS = re.compile(
    r'"([^"]+)", \["[^"]+", (?:"-P", (?:"-m", "(?:runner|planner|tui)[."]|"-c", "from tui\.cli )|'
    r'"-I", "-S", "-c", "import sys; sys\.path\[:\] = sys\.argv\[1:\]; from planner\.)'
)
"""Our Python with our modules, never with the folder where somebody stands among its paths."""
SECONDS = {"check": 60, "rehearse": 200, "run": 500}
SHORT = ("weights beside the shards", "a private file as a tokenizer", "modules where one stands")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """The demo's lock, and where its inputs are."""
    return made(tmp_path_factory.mktemp("demo"))[0]


@pytest.mark.parametrize("name", few(SHORT))
def test_check_touches_what_the_lock_names(name: str, base: Base, tmp_path: Path) -> None:
    faults = list(_tried(name, "check", base, tmp_path))
    assert not faults, "\n".join(faults)


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["check", "rehearse", "run"])
@pytest.mark.parametrize("name", TRICKS)
def test_a_strangers_lock_touches_nothing_else(
    name: str, verb: str, base: Base, tmp_path: Path
) -> None:
    faults = list(_tried(name, verb, base, tmp_path))
    assert not faults, "\n".join(faults)


def test_what_is_outside_is_noticed(base: Base, tmp_path: Path) -> None:
    """The instrument itself: a process that reads, writes, starts and connects is seen."""
    place = hostile_locks.made(base, tmp_path, lambda place: None)
    code = (
        "import os, socket; open('../outside/private.txt'); open('../outside/new', 'w'); "
        "os.system('true'); socket.socket().connect_ex(('127.0.0.1', 9))"
    )
    trace = strace.traced([sys.executable, "-c", code], place.case, _environment(tmp_path), 60)
    faults = "\n".join(_faults(trace, place, tmp_path))
    for what in ("opened", "changed", "started", "sockets"):
        assert what in faults


def _tried(name: str, verb: str, base: Base, folder: Path) -> Iterator[str]:
    place = hostile_locks.made(base, folder, TRICKS[name])
    before = _contents(place.outside)
    arguments = [verb, "--foreground"] if verb == "run" else [verb]
    trace = strace.traced(command(*arguments), place.case, _environment(folder), SECONDS[verb])
    yield from _faults(trace, place, folder)
    after = _contents(place.outside)
    yield from (
        f"outside: {path}"
        for path in before.keys() | after.keys()
        if before.get(path) != after.get(path)
    )
    if "Traceback" in trace.stderr:
        yield f"a traceback: {trace.stderr[-1500:]}"


def _environment(folder: Path) -> dict[str, str]:
    for name in ("home", "tmp"):
        (folder / name).mkdir(exist_ok=True)
    return {
        "PATH": "/usr/bin:/bin", "HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"),
        "LANG": "C.UTF-8", "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1",
    }  # fmt: skip


def _faults(trace: strace.Trace, place: Place, folder: Path) -> Iterator[str]:
    opened = {call.result for call in trace.opened}
    allowed = _inputs(place) | {
        str(place.case),
        str(place.case / "base"),
        str(folder / "case" / "rows"),
    }
    own = tuple(str(folder / name) for name in ("case/runs", "home/.cache", "tmp"))
    may_change = ("rehearsal.json", ".rehearsal.json.partial")
    ours = {str(place.case / name) for name in may_change} | set(may_change)
    for path in sorted(opened - ours):
        if not (path in allowed or _below(path, own) or _of_the_system(path)):
            yield f"opened: {path}"
    for path in sorted(set(trace.changed)):
        bytecode = "/__pycache__" in path and _below(path, LIBRARIES)
        if not (path in ours or bytecode or _below(path, own) or OF_THE_SYSTEM.fullmatch(path)):
            yield f"changed: {path}"
    yield from (f"started: {one[:200]}" for one in trace.started if not _is_ours(one))
    yield from (f"sockets: {one[:200]}" for one in trace.internet)


def _is_ours(words: str) -> bool:
    found = OURS.match(words)
    return found is not None and found[1] == sys.executable


def _inputs(place: Place) -> set[str]:
    """Return the files that the lock, and its locations, name."""
    files = tomllib.loads(place.lock.read_text("utf-8"))["model"]["files"]
    listed = {place.model / file["name"] for file in files}
    rows = {place.case / "rows" / f"{name}.jsonl" for name in ("train", "test")}
    beside = {place.case / name for name in ("run.lock", "locations.toml", "run.toml")}
    return {str(path) for path in listed | rows | beside}


def _of_the_system(path: str) -> bool:
    return _below(path, LIBRARIES) or OF_THE_SYSTEM.fullmatch(path) is not None


def _below(path: str, folders: tuple[str, ...]) -> bool:
    return any(path == folder or path.startswith(folder + "/") for folder in folders)


def _contents(folder: Path) -> dict[str, bytes | None]:
    found = sorted(folder.rglob("*"))
    return {str(path): path.read_bytes() if path.is_file() else None for path in found}
