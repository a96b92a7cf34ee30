"""Converts rows to token ids and labels, and stores encoded rows on disk.

Only the assistant's text is scored, including its end of turn. The spans come from the template's
`{% generation %}` marks. Since few templates have them, the fallback is to render every prefix of
the conversation.
"""

import hashlib
import json
import os
import struct
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lockfiles import files, text
from lockfiles.errors import DataRefused, DigestDiffers, UsageProblem
from lockfiles.fixes import Advice, Change
from planner.data.isolation import client
from planner.data.isolation.client import Fault, Tokens
from planner.data.rendering.spans import Span
from planner.data.rows.rows import Row
from planner.data.tokens.template import ChatTemplate, refusal
from planner.data.tokens.tokenizer import Tokenizer, load_tokenizer

__all__ = [
    "Encoded",
    "Tokenizer",
    "TurnsRewritten",
    "assistant_spans",
    "encode",
    "encode_all",
    "encode_rows",
    "load_tokenizer",
    "read_encoded",
    "stream_sha256",
    "write_encoded",
]

BATCH, BATCH_CHARS = 256, 2_000_000
"""Limits for rows that are encoded together; a longer row is encoded alone."""
IGNORED = -100
FORMAT_VERSION = 1
_OTHER_TEMPLATE = Change("model.template", "a Jinja file that prints each turn unchanged")
_AGAIN = Advice("remove the `prepare` folder from the run folder and rerun the lock")


class TurnsRewritten(DataRefused):
    """A chat template changes earlier text when a turn is added."""


@dataclass(frozen=True)
class Encoded:
    """One row as tokens."""

    input_ids: tuple[int, ...]
    """Token ids, 0 to the vocabulary size - 1."""
    labels: tuple[int, ...]
    """The token id if the token is scored, else -100; as long as `input_ids`."""

    @property
    def scored(self) -> int:
        """The number of scored tokens."""
        return sum(label != IGNORED for label in self.labels)


def assistant_spans(template: ChatTemplate, row: Row) -> tuple[str, list[Span]]:
    """Return the rendered row and the scored character spans: those that the template marks or,
    without marks, each assistant turn with its end.

    Raises DataRefused if a prefix of the conversation does not render to a prefix of the text.
    """
    asked = {"do": "spans", "row": client.written(row)} | template.date
    try:
        return client.text_and_spans(
            *client.ask([template.loaded], asked, waits=client.row_waits([row])[:1])
        )
    except Fault as fault:
        raise _refused(fault) from None


def encode(row: Row, template: ChatTemplate, tokenizer: Tokenizer) -> Encoded:
    """Return the tokens and labels of one row.

    A token that crosses the edge of a span is scored, as in transformers.
    """
    (found,) = encode_rows([row], template, tokenizer)
    if isinstance(found, DataRefused):
        raise found
    return found


def encode_rows(
    rows: Sequence[Row], template: ChatTemplate, tokenizer: Tokenizer
) -> list[Encoded | DataRefused]:
    """Return the tokens and labels of each row as `encode` does, or the error for that row.

    Raises TemplateRunsAway and TokenizerFails.
    """
    found = _tokens(rows, template, tokenizer, whole=False)
    return [one if isinstance(one, DataRefused) else _encoded(one) for one in found]


def whole_rows(
    rows: Sequence[Row], template: ChatTemplate, tokenizer: Tokenizer
) -> list[Tokens | DataRefused]:
    """Return the rendered text and token offsets of each row; raises as `encode_rows` does."""
    return _tokens(rows, template, tokenizer, whole=True)


def encoded(
    row: Row, template: ChatTemplate, tokenizer: Tokenizer
) -> tuple[str, list[Span], Encoded]:
    """Return the rendered text of a row, its token offsets, and its tokens and labels."""
    (found,) = whole_rows([row], template, tokenizer)
    if isinstance(found, DataRefused):
        raise found
    places = list(zip(found.offsets[::2], found.offsets[1::2], strict=True))
    return found.text, places, _encoded(found)


def count_tokens(
    rows: Sequence[Row], template: ChatTemplate, tokenizer: Tokenizer
) -> Sequence[int]:
    """Return the number of tokens of each row; if the template refuses a row, of its plain text.

    Raises TemplateRunsAway and TokenizerFails.
    """
    _, raw = _asked("count", rows, template, tokenizer)
    counts = client.numbers(raw)
    if len(counts) != len(rows):
        raise tokenizer.failure(Fault("broken", "a wrong number of rows"))
    return counts


def _tokens(
    rows: Sequence[Row], template: ChatTemplate, tokenizer: Tokenizer, *, whole: bool
) -> list[Tokens | DataRefused]:
    head, raw = _asked("encode", rows, template, tokenizer, whole=whole)
    try:
        found = list(client.token_rows(head, raw, len(rows), whole=whole))
    except Fault as fault:
        raise tokenizer.failure(fault) from None
    return [_refused(Fault(*one)) if isinstance(one, tuple) else one for one in found]


def _asked(
    do: str, rows: Sequence[Row], template: ChatTemplate, tokenizer: Tokenizer, **how: object
) -> tuple[dict[str, object], memoryview]:
    asked = {"do": do, "rows": [client.written(row) for row in rows]} | how | template.date
    try:
        return client.ask([template.loaded, tokenizer.loaded], asked, waits=client.row_waits(rows))
    except Fault as fault:
        if fault.place == len(rows) or fault.kind in ("tokens", "broken"):
            raise tokenizer.failure(fault) from None
        raise _refused(fault) from None


def _refused(fault: Fault) -> DataRefused:
    """Return the error for a row that the template does not render properly."""
    if fault.kind == "rewritten":
        return TurnsRewritten(
            f"The chat template changes earlier text when message `{fault.said}` is added, "
            "so the assistant's text cannot be located.",
            fix=_OTHER_TEMPLATE,
        )
    if fault.kind == "left-out":
        return DataRefused(
            f"The chat template omits the assistant's text: `{fault.said}`.",
            fix=_OTHER_TEMPLATE,
        )
    return refusal(fault)


def _encoded(found: Tokens) -> Encoded:
    labels = (
        token if counts else IGNORED for token, counts in zip(found.ids, found.scored, strict=True)
    )
    return Encoded(tuple(found.ids), tuple(labels))


def batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield rows in batches for encoding."""
    batch: list[Row] = []
    chars = 0
    for row in rows:
        size = sum(len(turn.content) for turn in row.messages)
        if batch and (len(batch) == BATCH or chars + size > BATCH_CHARS):
            yield batch
            batch, chars = [], 0
        batch.append(row)
        chars += size
    if batch:
        yield batch


def encode_all(
    rows: Iterable[Row], template: ChatTemplate, tokenizer: Tokenizer
) -> Iterator[Encoded]:
    """Yield encoded rows. Raises DataRefused, which names the row, counted from 1."""
    made = (one for batch in batches(rows) for one in encode_rows(batch, template, tokenizer))
    for number, found in enumerate(made, 1):
        if isinstance(found, DataRefused):
            raise type(found)(f"Row {number}: ", *found.said, fix=found.fix)
        yield found


def stream_sha256(encoded: Iterable[Encoded]) -> str:
    """Return the SHA-256 (hex) over each row's length (u32 LE), ids (u32 LE) and mask (u8)."""
    digest = hashlib.sha256()
    for row in encoded:
        digest.update(struct.pack("<I", len(row.input_ids)))
        digest.update(_words(row.input_ids).tobytes())
        digest.update(_mask(row))
    return digest.hexdigest()


def write_encoded(folder: Path, encoded: Sequence[Encoded]) -> str:
    """Write rows to `folder` and return their digest; the header is written last."""
    folder.mkdir(parents=True, exist_ok=True)
    lengths = _words([len(row.input_ids) for row in encoded])
    (folder / "lengths.u32").write_bytes(lengths.tobytes())
    with (folder / "ids.u32").open("wb") as ids, (folder / "mask.u8").open("wb") as mask:
        for row in encoded:
            ids.write(_words(row.input_ids).tobytes())
            mask.write(_mask(row))
    digest = stream_sha256(encoded)
    header = {"version": FORMAT_VERSION, "rows": len(encoded), "stream_sha256": digest}
    (folder / "header.json").write_text(json.dumps(header, indent=2) + "\n", "utf-8")
    return digest


def read_encoded(folder: Path, locked_sha256: str | None = None) -> list[Encoded]:
    """Return rows that `write_encoded` wrote. Raises UsageProblem or DigestDiffers.

    `locked_sha256` is their digest in a lock.
    """
    path = folder / "header.json"
    if not path.is_file():
        raise UsageProblem(f"`{folder}` has no encoded rows.", fix=_AGAIN)
    try:
        header = text.read_json_object(path)
    except UsageProblem as problem:
        raise UsageProblem(*problem.said, fix=_AGAIN) from None
    if header.get("version") != FORMAT_VERSION:
        raise UsageProblem(
            f"`{path}` has the version `{header.get('version')}`, not `{FORMAT_VERSION}`.",
            fix=_AGAIN,
        )
    rows = _read_rows(folder)
    found = {"rows": len(rows), "stream_sha256": stream_sha256(rows)}
    if any(header.get(name) != value for name, value in found.items()):
        raise DigestDiffers(
            f"The encoded rows in `{folder}` do not match their header.", fix=_AGAIN
        )
    if locked_sha256 not in (None, found["stream_sha256"]):
        raise DigestDiffers(f"The encoded rows in `{folder}` do not match the lock.", fix=_AGAIN)
    return rows


def _read_rows(folder: Path) -> list[Encoded]:
    lengths = _from_bytes(_content(folder / "lengths.u32"))
    ids = _from_bytes(_content(folder / "ids.u32"))
    mask, rows, at = _content(folder / "mask.u8"), [], 0
    if not sum(lengths) == len(ids) == len(mask):
        raise DigestDiffers(f"The encoded rows in `{folder}` are incomplete.", fix=_AGAIN)
    for length in lengths:
        part, marks = tuple(ids[at : at + length]), mask[at : at + length]
        labels = tuple(t if m else IGNORED for t, m in zip(part, marks, strict=True))
        rows.append(Encoded(part, labels))
        at += length
    return rows


def _content(path: Path) -> bytes:
    try:
        with os.fdopen(files.open_regular(path, follow=False), "rb") as file:
            return file.read()
    except OSError as problem:
        raise UsageProblem(f"`{path}` cannot be read: {problem.strerror}.", fix=_AGAIN) from None


def _mask(row: Encoded) -> bytes:
    return bytes(label != IGNORED for label in row.labels)


def _words(values: Iterable[int]) -> "array[int]":
    words = array("I", values)
    if sys.byteorder == "big":
        words.byteswap()
    return words


def _from_bytes(content: bytes) -> "array[int]":
    words = array("I")
    words.frombytes(content[: len(content) // 4 * 4])
    if sys.byteorder == "big":
        words.byteswap()
    return words
