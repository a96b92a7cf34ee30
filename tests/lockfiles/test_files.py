"""Special files are refused before a byte is read, and writing goes through no link."""

import os
import socket
from pathlib import Path

import pytest

from lockfiles.errors import UsageProblem
from lockfiles.files import open_regular, read_bounded, write_whole


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
    with pytest.raises(UsageProblem, match="more than 1 KiB"):
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
