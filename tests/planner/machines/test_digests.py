"""Digests of large files: used again for the same bytes, and never for others."""

import json
import mmap
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lockfiles import digest
from planner.hub.cache import cache_folder
from planner.machines.probes import digests

FALSE = "f" * 64
SIZE = digests.LEAST_BYTES


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(digests, "SETTLED_SECONDS", 0.05)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of weights that was written a while ago, on a file system that counts as one that
    traces changes."""
    path = tmp_path / "weights"
    path.write_bytes(bytes(SIZE))
    with opened(path) as descriptor:
        if not digests._is_traced(descriptor):
            monkeypatch.setattr(digests, "_is_traced", lambda _: True)
    time.sleep(0.1)
    return path


@contextmanager
def opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def kept() -> Path:
    return cache_folder() / digests.FILE


def lie() -> None:
    """Replace each kept digest with one that no file has, to see whether it is used."""
    value = json.loads(kept().read_text())
    for one in value["files"]:
        one["sha256"] = FALSE
    kept().write_text(json.dumps(value))


def test_a_file_is_read_once(weights: Path) -> None:
    assert digests.remembered_of(weights) == digest.of_file(weights)
    assert kept().stat().st_mode & 0o777 == 0o600
    lie()
    assert digests.remembered_of(weights) == FALSE
    moved = weights.rename(weights.with_name("moved"))
    assert digests.remembered_of(moved) in (FALSE, digest.of_file(moved))


def test_what_is_asked_for_again_is_read_again(weights: Path) -> None:
    digests.remembered_of(weights)
    lie()
    with opened(weights) as descriptor:
        assert digests.computed(descriptor) == digest.of_file(weights)
    assert digests.remembered_of(weights) == digest.of_file(weights)


def flip(path: Path) -> None:
    """Change a byte, and restore size and `mtime`."""
    before = path.stat()
    with path.open("r+b") as file:
        file.write(b"\x01")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def map_flip(path: Path) -> None:
    """Change a byte through a mapping, and restore `mtime`."""
    before = path.stat()
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[7] = 1
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path: Path) -> None:
    """Put another file in its place, with its size and `mtime`."""
    before = path.stat()
    other = path.with_name("other")
    other.write_bytes(b"\x01" * SIZE)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize("change", [flip, map_flip, replace])
def test_a_changed_file_is_read(weights: Path, change: object) -> None:
    digests.remembered_of(weights)
    lie()
    assert callable(change)
    change(weights)
    assert digests.remembered_of(weights) == digest.of_file(weights)


def test_a_mapping_from_before_the_digest_does_not_hide_a_change(weights: Path) -> None:
    with weights.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[0] = 1  # its page is writable from here on
        time.sleep(0.1)
        first = digests.remembered_of(weights)
        mapped[0] = 2
        assert digests.remembered_of(weights) != first
    assert digests.remembered_of(weights) == digest.of_file(weights)


def test_a_file_that_was_just_written_is_not_kept(weights: Path) -> None:
    flip(weights)
    digests.remembered_of(weights)
    assert not kept().exists()
    os.utime(weights, (time.time() + 90, time.time() + 90))
    digests.remembered_of(weights)
    assert not kept().exists()


def test_a_small_file_is_always_read(tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(bytes(SIZE - 1))
    time.sleep(0.1)
    digests.remembered_of(tmp_path / "small")
    assert not kept().exists()


def test_a_file_on_a_file_system_without_traces_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Path(f"/dev/shm/tunelock-test-{os.getpid()}")
    if not os.path.ismount("/dev/shm"):
        place = tmp_path / "weights"
        monkeypatch.setattr(digests, "_KINDS", frozenset())
    try:
        place.write_bytes(bytes(SIZE))
        time.sleep(0.1)
        digests.remembered_of(place)
        assert not kept().exists()
    finally:
        place.unlink(missing_ok=True)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"{}", b"\xff", b'{"version": 2}', b"[" * 100_000, b" " * (3 << 20),
        b'{"version": 1, "boot": "another", "files": []}',
    ],
    ids=["empty", "list", "object", "bytes", "version", "deep", "large", "boot"],
)  # fmt: skip
def test_a_broken_cache_is_replaced(weights: Path, content: bytes) -> None:
    kept().parent.mkdir(parents=True)
    kept().write_bytes(content)
    assert digests.remembered_of(weights) == digest.of_file(weights)
    lie()
    assert digests.remembered_of(weights) == FALSE


@pytest.mark.parametrize("change", ["boot", "digest", "identity", "mode", "link", "pipe"])
def test_a_cache_that_is_not_of_this_user_and_start_is_ignored(weights: Path, change: str) -> None:
    digests.remembered_of(weights)
    lie()
    value = json.loads(kept().read_text())
    if change == "boot":
        value["boot"] = "00000000-0000-0000-0000-000000000000"
    elif change == "digest":
        value["files"][0]["sha256"] = "../" + FALSE[3:]
    elif change == "identity":
        value["files"][0]["identity"].append(0)
    kept().write_text(json.dumps(value))
    if change == "mode":
        kept().chmod(0o666)
    elif change == "link":
        kept().rename(kept().with_name("elsewhere"))
        kept().symlink_to("elsewhere")
    elif change == "pipe":
        kept().unlink()
        os.mkfifo(kept())
    assert digests.remembered_of(weights) == digest.of_file(weights)


def test_a_cache_that_cannot_be_written_changes_nothing(weights: Path) -> None:
    cache_folder().parent.write_bytes(b"")
    assert digests.remembered_of(weights) == digest.of_file(weights)


def test_only_so_many_files_are_kept(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "MOST_FILES", 2)
    for name in ("one", "two", "three"):
        (weights.parent / name).write_bytes(bytes(SIZE))
    time.sleep(0.1)
    for name in ("one", "two", "three"):
        digests.remembered_of(weights.parent / name)
    assert len(json.loads(kept().read_text())["files"]) == 2
