"""Tokenizers of strangers: what multiplies, never ends, panics or aborts is one sentence."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockfiles.errors import UsageProblem
from planner.data.isolation import limits
from planner.data.rows.rows import Message, Row
from planner.data.tokens.encode import count_tokens, encode
from planner.data.tokens.template import load_template
from planner.data.tokens.tokenizer import load_tokenizer
from runner.demo import files
from tests.few import few

BASE = Path(files.__file__).parent / "base"
ROW = Row((Message("user", "a" * 200 + "!"), Message("assistant", "b" * 50)))


Table = dict[str, Any]
Change = Table | Callable[[Table], Table]
"""What replaces tables of a `tokenizer.json`, or makes such of the whole of it."""


def _replace(pattern: dict[str, str], content: str, times: int = 1) -> Table:
    one = {"type": "Replace", "pattern": pattern, "content": content}
    return {"normalizer": {"type": "Sequence", "normalizers": [one] * times}}


def _split(pattern: str) -> Table:
    split = {"type": "Split", "behavior": "Isolated", "invert": False}
    return {"pre_tokenizer": split | {"pattern": {"Regex": pattern}}}


def _model(**changes: object) -> Change:
    return lambda content: {"model": content["model"] | changes}


FAIL: dict[str, tuple[Change, str]] = {
    "multiplies": (_replace({"String": "a"}, "a" * 16, 12), "SIGABRT|MiB of memory"),
    "multiplies a little": (_replace({"String": "a"}, "aa", 7), "tokens of"),
    "prepends": ({"normalizer": {"type": "Prepend", "prepend": "a" * 10**6}}, "tokens of|SIGABRT"),
    "panics": (_replace({"String": ""}, "aaaa"), "fails: "),
    "backtracks": (_split("(a+)+$"), "fails: "),
    "no unknown token": (_model(vocab={}, merges=[], unk_token="x"), "fails: "),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("chat_template.jinja", "tokenizer_config.json"):
        if (BASE / name).exists():
            shutil.copy(BASE / name, tmp_path / name)
    return tmp_path


def write(folder: Path, change: Change) -> None:
    content = json.loads((BASE / "tokenizer.json").read_text("utf-8"))
    content |= change(content) if callable(change) else change
    (folder / "tokenizer.json").write_text(json.dumps(content), "utf-8")


@pytest.mark.parametrize(("change", "said"), few(FAIL.values()), ids=FAIL)
def test_each_is_one_sentence(
    change: Change, said: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MORE_BYTES", 2**27)
    write(folder, change)
    tokenizer, template = load_tokenizer(folder), load_template(folder)
    with pytest.raises(UsageProblem, match=said) as caught:
        encode(ROW, template, tokenizer)
    assert str(folder) in caught.value.message and caught.value.hint
    with pytest.raises(UsageProblem, match=said):
        count_tokens([ROW], template, tokenizer)


def test_one_without_end_is_stopped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, _replace({"Regex": "(?=a)(?:a?){0,900}(?:a?){0,900}b|a"}, "a", 200))
    tokenizer, template = load_tokenizer(folder), load_template(folder)
    monkeypatch.setattr(limits, "RENDER_SECONDS", 0.1)
    row = Row((Message("user", "a" * 20_000), Message("assistant", "b")))
    with pytest.raises(UsageProblem, match="takes too long"):
        encode(row, template, tokenizer)


BROKEN: dict[str, bytes | Change] = {
    "nothing": b"",
    "no object": b"5",
    "binary": b"\xff\xfe\x00",
    "NUL": bytes(1000),
    "deep": b"[" * 200_000,
    "deep objects": b'{"a":' * 200_000,
    "no model": {"model": None},
    "id of 60 bits": _model(vocab={"a": 10**18}, merges=[]),
    "negative id": _model(vocab={"a": -1}, merges=[]),
    "odd prefix": _model(continuing_subword_prefix="é" * 3),
    "merge of nothing": _model(merges=[["qqq", "zzz"]]),
    "dropout": _model(dropout=9.0),
    "charsmap": {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA////"}},
    "deep regex": _split("(" * 100_000 + ")" * 100_000),
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_what_is_no_tokenizer_is_refused(change: bytes | Change, folder: Path) -> None:
    if isinstance(change, bytes):
        (folder / "tokenizer.json").write_bytes(change)
    else:
        write(folder, change)
    with pytest.raises(UsageProblem, match="is not a tokenizer: ") as caught:
        load_tokenizer(folder)
    assert len(caught.value.message) < 1500


def test_a_file_without_end_is_not_read(folder: Path) -> None:
    (folder / "tokenizer.json").symlink_to("/dev/zero")
    with pytest.raises(UsageProblem, match="is a device, not a plain file"):
        load_tokenizer(folder)
    (folder / "tokenizer.json").unlink()
    with (folder / "tokenizer.json").open("wb") as file:
        file.truncate(limits.TOKENIZER_BYTES + 1)
    with pytest.raises(UsageProblem, match="is larger than 128 MiB"):
        load_tokenizer(folder)


def test_merges_that_are_drawn_are_not(folder: Path) -> None:
    write(folder, _model(dropout=0.9))
    drawn, plain = load_tokenizer(folder), load_tokenizer(BASE)
    template = load_template(folder)
    assert encode(ROW, template, drawn) == encode(ROW, template, plain)
