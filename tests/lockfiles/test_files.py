"""Special files are refused before a byte is read, and writing goes through no link."""

import errno
import os
import socket
from pathlib import Path

import pytest

from lockfiles.errors import UsageProblem
from lockfiles.files import (
    open_regular,
    read_bounded,
    unwritable,
    write_out,
    write_together,
    write_whole,
)


def test_pipes_devices_folders_and_sockets_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket"))
        kinds = {"pipe": "a pipe", "socket": "a socket", ".": "a folder"}
        for name, kind in kinds.items():
            with pytest.raises(UsageProblem, match=kind):
                read_bounded(tmp_path / name, 10)
    with pytest.raises(UsageProblem, match="a device"):
        read_bounded("/dev/zero", 10)


def test_a_file_over_its_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 2048)
    assert read_bounded(tmp_path / "a", 2048) == b"x" * 2048
    with pytest.raises(UsageProblem, match="larger than 1 KiB"):
        read_bounded(tmp_path / "a", 1024)


def test_a_link_is_followed_only_where_that_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "link").symlink_to("a")
    assert read_bounded(tmp_path / "link", 10) == b"x"
    with pytest.raises(UsageProblem, match="a link"):
        open_regular(tmp_path / "link", follow=False)


def test_writing_whole_replaces_links_and_never_their_targets(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"private")
    (tmp_path / ".a.partial").symlink_to(target)
    (tmp_path / "a").symlink_to(target)
    write_whole(tmp_path / "a", b"new")
    assert target.read_bytes() == b"private"
    assert not (tmp_path / "a").is_symlink() and (tmp_path / "a").read_bytes() == b"new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "target"]


def test_files_that_belong_together_are_all_written_or_none(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "b").mkdir()
    (tmp_path / ".b.partial").mkdir()
    with pytest.raises(OSError):
        write_together({tmp_path / "a": b"new", tmp_path / "b": b"new"})
    assert (tmp_path / "a").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".b.partial", "a", "b"]
    write_together({tmp_path / "a": b"1", tmp_path / "c": b"2"}, mode=0o600, shared=True)
    assert ((tmp_path / "a").read_bytes(), (tmp_path / "c").read_bytes()) == (b"1", b"2")
    assert (tmp_path / "c").stat().st_mode & 0o777 == 0o600


def test_a_folder_is_written_to_by_its_descriptor(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    descriptor = os.open(tmp_path / "here", os.O_RDONLY)
    try:
        (tmp_path / "here").rename(tmp_path / "there")
        write_whole("a", b"x", folder=descriptor)
    finally:
        os.close(descriptor)
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["a"]


def test_what_a_person_asked_for_goes_into_a_device_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "null").symlink_to(os.devnull)
    write_out(tmp_path / "null", b"x", b"x")
    assert (tmp_path / "null").is_symlink()
    write_out(tmp_path / "a", b"x", b"x")
    assert (tmp_path / "a").read_bytes() == b"x"


def test_an_output_replaces_only_its_own_kind(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(b'{"messages": []}')
    with pytest.raises(UsageProblem, match="another kind"):
        write_out(rows, b"GGUF 2", b"GGUF")
    assert rows.read_bytes() == b'{"messages": []}'
    for before in (b"", b"GGUF 1"):
        rows.write_bytes(before)
        write_out(rows, b"GGUF 2", b"GGUF")
        assert rows.read_bytes() == b"GGUF 2"


def test_a_folder_that_cannot_be_written_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert unwritable(tmp_path) == 0
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert unwritable(tmp_path) == errno.EACCES
    real = os.statvfs(tmp_path)
    read_only = os.statvfs_result((*real[:8], real.f_flag | os.ST_RDONLY, real.f_namemax))
    monkeypatch.setattr(os, "statvfs", lambda _: read_only)
    assert unwritable(tmp_path) == errno.EROFS
