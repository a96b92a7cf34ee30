"""One spoiled lock, given to `tunelock check` and, where that takes it, to `tunelock diff`."""

from pathlib import Path

from lockfiles.errors import TunelockError
from tests.fuzz import commands, diffs, pool
from tests.fuzz.bases import Base
from tests.fuzz.pool import Meter, Verdict


def judged(folder: Path, base: Base, content: bytes, what: str) -> Verdict:
    """Return what `check`, and then `diff`, make of a lock that was changed from `base`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "locations.toml").write_text(base.locations, "utf-8")
    (folder / "before.lock").write_text(base.text, "utf-8")
    (folder / "case.lock").write_bytes(content)
    pool.begin(f"{base.name}: {what}", content)
    with Meter() as meter:
        ended = commands.run(folder, "check", "case.lock")
    traceback, steering, hidden = ended.traceback, ended.steering, ""
    if ended.code == 0:
        told = commands.run(folder, "diff", "before.lock", "case.lock")
        traceback, steering = traceback or told.traceback, steering or told.steering
        hidden = _hidden(base.text, content, told.out)
    return Verdict(
        ended.code, traceback, ended.unsaid, steering, hidden, f"{base.name}: {what}",
        content.decode("utf-8", "replace"), meter.seconds, meter.waited_seconds,
        meter.peak_bytes,
    )  # fmt: skip


def _hidden(before: str, content: bytes, told: str) -> str:
    try:
        return diffs.hidden(before, content.decode("utf-8"), told)
    except (TunelockError, UnicodeDecodeError) as problem:
        return f"accepted, and no lock: {problem}"
