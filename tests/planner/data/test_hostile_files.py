"""Files that are broken on purpose: one sentence each, in little memory."""

import gzip
import json
import os
import socket
import subprocess
import tracemalloc
from pathlib import Path

import pytest

from lockfiles.errors import UsageProblem
from planner.data.files import lines
from planner.data.files.json_rows import CHUNK_BYTES
from planner.data.files.lines import MAX_ROW_BYTES
from planner.data.reading.formats import load_table
from planner.data.reading.read import read_raw
from planner.data.reading.turns import MOST_TURNS
from tests.programs import command

GOOD = b'{"prompt": "a", "completion": "b"}'
LONGER = GOOD.replace(b'"b"', b'"' + b"b" * 1000 + b'"')
MIB = 2**20
MEMORY = 300 * MIB
"""Address space of a reading process; a third of the largest file here."""


def nested(deep: int) -> bytes:
    """Return a row in which lists and objects stand this deep in each other."""
    return GOOD[:-1] + b', "x": ' + b"[" * (deep - 1) + b"]" * (deep - 1) + b"}"


HOSTILE = [
    (
        "cut.jsonl",
        GOOD + b"\n" + GOOD[:20],
        "line 2 is not valid JSON: a text has no closing quote",
    ),
    (
        "cut.json",
        b"[" + GOOD + b",\n" + GOOD[:20],
        "line 2 is not valid JSON: a text has no closing quote",
    ),
    (
        "cut.json",
        b"[" + GOOD + b",\n",
        "line 2 is not valid JSON: a value is missing or is not valid in JSON.",
    ),
    ("cut.json", b"[" + GOOD, "line 1 is not valid JSON: a comma or a closing bracket is missing."),
    ("more.json", b"[" + GOOD + b"]\n]", "line 2 is not valid JSON: more text follows the value."),
    (
        "late.json",
        b"[" + GOOD + b"," + b" " * CHUNK_BYTES + b"\nx]",
        "line 2 is not valid JSON: a ",
    ),
    (
        "cut.csv",
        b'prompt,completion\na,b\n"a\n\n,b\n',
        "lines 3-5 has quotes that do not match, so",
    ),
    ("image.jsonl", b"\x89PNG\r\n\x1a\n\0\0", "line 1 is not UTF-8."),
    ("zip.jsonl", b"PK\x03\x04\x14\0\x08\0\x9c\xe1", "line 1 is binary, not text."),
    ("bomb.jsonl", gzip.compress(bytes(10 * MIB)), "line 1 is binary, not text."),
    ("bomb.jsonl.gz", gzip.compress(bytes(10 * MIB)), "has the unsupported extension `.gz`"),
    (
        "nul.jsonl",
        bytes(100),
        "line 1 is not valid JSON: a value is missing or is not valid in JSON.",
    ),
    ("windows.csv", b"prompt,completion\n\xe4,b\n", "line 2 is not UTF-8."),
    ("windows.json", b"[" + GOOD + b",\n\n" + b'{"prompt": "\xe4"}]', "line 3 is not UTF-8."),
    ("windows.json", b"[" + b" " * CHUNK_BYTES + b"\n\xe4", "line 2 is not UTF-8."),
    ("cut.json", b'["\xc3', "line 1 is not UTF-8."),
    ("wide.jsonl", GOOD.decode().encode("utf-16"), "line 1 is not UTF-8."),
    (
        "nan.jsonl",
        GOOD.replace(b'"b"', b"NaN"),
        "line 1 is not valid JSON: `NaN` is not a JSON value.",
    ),
    (
        "nan.json",
        b"[" + GOOD.replace(b'"b"', b"-Infinity") + b"]",
        "line 1 is not valid JSON: `-Inf",
    ),
    ("deep.jsonl", GOOD + b"\n" + nested(1000), "line 2 is not valid JSON: nested too deeply."),
    ("deep.jsonl", nested(101), "line 1 is not valid JSON: nested too deeply."),
    ("deep.json", b"[" + nested(1000) + b"]", "line 1 is not valid JSON: nested too deeply."),
    ("deep.json", b"[" + nested(101) + b"]", "line 1 is not valid JSON: nested too deeply."),
    (
        "twice.jsonl",
        b'{"prompt": "a", "completion": "b", "prompt": "c"}',
        "line 1 is not valid JSON: duplicate key `prompt` in one object.",
    ),
    (
        "twice.json",
        b'[{"messages": [{"role": "user", "content": "a", "content": "b"}]}]',
        "line 1 is not valid JSON: duplicate key `content` in one object.",
    ),
    ("twice.csv", b"prompt,completion,prompt\na,b,c\n", "line 1 has the column `prompt` twice."),
    (
        "wide.jsonl",
        json.dumps(dict.fromkeys(["x" * 500, *map(str, range(500))])).encode(),
        f"line 1 has the columns `{'x' * 40}`, "
        + ", ".join(f"`{n}`" for n in range(9))
        + ", 491 more",
    ),
    ("long.jsonl", GOOD + b"\n" + b" " * MAX_ROW_BYTES + GOOD, "line 2 is longer than 16 MiB"),
    (
        "long.json",
        b"[" + GOOD + b', {"prompt": "' + b"x" * (MAX_ROW_BYTES + 2 * MIB) + b'"}]',
        "row 2 is longer than 16 MiB",
    ),
    (
        "long.csv",
        b'prompt,completion\na,b\na,"' + (b"x" * MIB + b"\n") * 17 + b'"\n',
        "line 3 is longer than 16 MiB",
    ),
]


@pytest.mark.parametrize(
    ("name", "content", "said"), HOSTILE, ids=[f"{n}-{s}" for n, _, s in HOSTILE]
)
def test_each_is_one_sentence_with_a_way_on(
    name: str, content: bytes, said: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UsageProblem) as caught:
        load_table(path)
    assert caught.value.message.startswith(f"`{path}` {said}")
    assert caught.value.hint


def test_what_is_near_the_limits_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    text = "[{" * 200
    long = GOOD.replace(b'"b"', b'"' + b"x" * (MAX_ROW_BYTES - 100) + b'"')
    path.write_bytes(
        b"\n".join([nested(100), GOOD.replace(b'"b"', json.dumps(text).encode()), long])
    )
    rows = load_table(path).rows
    assert [rows[0].answer, rows[1].answer, len(rows[2].answer)] == ["b", text, MAX_ROW_BYTES - 100]


def test_text_between_quotes_may_hold_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        b'prompt,completion\r\n"one\n\ntwo","say ""hi"",\r\nplease"\r\n\r\na,b\r\na\r\n'
    )
    read = read_raw(path)
    assert [next(read).place, next(read).place] == ["lines 2-5", "line 7"]
    with pytest.raises(UsageProblem, match="line 8 has 1 field, but the header has 2"):
        next(read)
    path.write_bytes(b'prompt,completion\na,"b\nc",d\n')
    with pytest.raises(UsageProblem, match="lines 2-3 has 3 fields") as caught:
        load_table(path)
    shown = subprocess.run(["bash", "-c", caught.value.hint], capture_output=True, text=True)
    assert shown.stdout == 'a,"b\nc",d\n'


def sparse(path: Path, before: bytes) -> None:
    """Write 1 GiB without a line end; the disk holds only its beginning."""
    with path.open("wb") as file:
        file.write(before)
        file.truncate(1024 * MIB)


@pytest.mark.parametrize(
    ("name", "before", "said"),
    [
        ("a.jsonl", GOOD + b"\n", "line 2 is longer than 16 MiB"),
        (
            "a.json",
            b"[" + GOOD + b",",
            "line 1 is not valid JSON: a value is missing or is not valid in JSON.",
        ),
        ("a.csv", b'prompt,completion\n"', "line 2 is longer than 16 MiB"),
    ],
    ids=["jsonl", "json", "csv"],
)
def test_a_line_of_a_gigabyte_is_never_whole_in_memory(
    name: str, before: bytes, said: str, tmp_path: Path
) -> None:
    sparse(tmp_path / name, before)
    program = command("count_rows", tmp_path / name, MEMORY)
    done = subprocess.run(program, capture_output=True, text=True, timeout=60)
    assert said in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("name", "start", "row", "end"),
    [
        ("a.jsonl", b"", LONGER + b"\n", b""),
        ("a.json", b"[", LONGER + b",", LONGER + b"]"),
        ("a.csv", b"prompt,completion\n", b'"a\n",' + b"b" * 1000 + b"\n", b""),
    ],
    ids=["jsonl", "json", "csv"],
)
def test_a_file_is_read_in_less_memory_than_it_is_long(
    name: str, start: bytes, row: bytes, end: bytes, tmp_path: Path
) -> None:
    path, count = tmp_path / name, 12 * MIB // len(row)
    path.write_bytes(start + row * count + end)
    read = read_raw(path)
    next(read)
    tracemalloc.start()
    try:
        assert sum(1 for _ in read) == count - 1 + (end != b"")
        assert tracemalloc.get_traced_memory()[1] < 6 * MIB
    finally:
        tracemalloc.stop()


def test_a_file_that_nobody_may_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD)
    monkeypatch.setattr(lines, "opened", _denied)
    with pytest.raises(UsageProblem, match="cannot be read: Permission denied"):
        load_table(path)


def _denied(path: Path) -> None:
    raise PermissionError(13, "Permission denied", str(path))


@pytest.mark.parametrize("ending", ["jsonl", "json", "csv", "parquet"])
def test_what_is_no_plain_file_is_refused_before_it_is_opened(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{ending}"
    os.mkfifo(path)
    with pytest.raises(UsageProblem, match="is a pipe, not a plain file"):
        load_table(path)
    for target, said in [("/dev/zero", "is a device"), ("/proc/kmsg", "is in `/proc`")]:
        path.unlink()
        path.symlink_to(target)
        with pytest.raises(UsageProblem, match=said):
            load_table(path)
    path.unlink()
    path.symlink_to(path)
    with pytest.raises(UsageProblem, match="cannot be read: Too many levels of symbolic links"):
        load_table(path)
    path.unlink()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        with pytest.raises(UsageProblem, match="is a socket"):
            load_table(path)


def test_a_folder_with_a_link_out_of_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, folder = tmp_path / "private.jsonl", tmp_path / "rows"
    private.write_bytes(GOOD)
    folder.mkdir()
    link = folder / "a.jsonl"
    link.symlink_to(private)
    with pytest.raises(UsageProblem, match="is a link out of its folder"):
        load_table(folder)
    link.unlink()
    (folder / "b.jsonl").write_bytes(GOOD)
    link.symlink_to("b.jsonl")
    (folder / "loop.jsonl").symlink_to("loop.jsonl")
    (folder / "folder.jsonl").mkdir()
    os.mkfifo(folder / "pipe.jsonl")
    assert len(load_table(folder).rows) == 2
    cached = tmp_path / "cache" / "tunelock" / "rows"
    cached.mkdir(parents=True)
    (cached / "a.jsonl").symlink_to(private)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert len(load_table(cached).rows) == 1


def test_a_snapshot_of_the_hub_has_links_to_its_blobs(tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "abc" / "data"
    for folder in (blobs, snapshot):
        folder.mkdir(parents=True)
    (blobs / "0123").write_bytes(GOOD)
    (snapshot / "a.jsonl").symlink_to("../../../blobs/0123")
    assert len(load_table(snapshot).rows) == 1


def test_a_conversation_of_too_many_turns_is_refused(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"messages": turns * (MOST_TURNS // 2)}))
    assert len(load_table(path).rows[0].messages) == MOST_TURNS
    path.write_text(json.dumps({"messages": turns * MOST_TURNS}))
    with pytest.raises(UsageProblem, match="line 1 has 4,096 turns; the limit is 2,048"):
        load_table(path)
