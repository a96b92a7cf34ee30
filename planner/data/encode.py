"""From rows to token ids and labels, and encoded rows on disk.

Only what the assistant says is scored, its end-of-turn text included. Spans come from the
template's `{% generation %}` marks or, as few have any, from the rendering of the conversation's
beginnings.
"""

import hashlib
import json
import struct
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from lockfiles.errors import DataRefused, DigestDiffers, UsageProblem
from planner.data.bounded_memory import bounded_memory
from planner.data.rows import Message, Row
from planner.data.template import ChatTemplate

IGNORED = -100
FORMAT_VERSION = 1
_OTHER_TEMPLATE = 'in run.toml: [model] template = "…", a Jinja file that prints each turn as it is'
_AGAIN = "remove the `prepare` folder that holds them from the run, and run the lock again"


class TurnsRewritten(DataRefused):
    """A chat template changes earlier text when a turn is added."""


@dataclass(frozen=True)
class Encoded:
    """One row as tokens."""

    input_ids: tuple[int, ...]
    """Token ids, 0 to the vocabulary size - 1."""
    labels: tuple[int, ...]
    """The token's id where it is scored, else -100; as long as `input_ids`."""

    @property
    def scored(self) -> int:
        """How many tokens are scored."""
        return sum(label != IGNORED for label in self.labels)


def load_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of the model in `folder`, with exact character offsets.

    The post-processor is left out: it would only add special tokens, which the template
    prints itself, and trim white space from the offsets. Raises UsageProblem.
    """
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise UsageProblem(f"`{path}` is not a file.", hint=f"ls {folder}")
    try:
        content = json.loads(path.read_text("utf-8"))
        content.update(post_processor=None, truncation=None, padding=None)
        return Tokenizer.from_str(json.dumps(content))
    except Exception as error:  # tokenizers raises bare Exception
        raise UsageProblem(
            f"`{path}` is not a tokenizer: {error}.", hint=f"copy or download `{path}` again"
        ) from error


@bounded_memory()  # once for all renderings of a row
def assistant_spans(template: ChatTemplate, row: Row) -> tuple[str, list[tuple[int, int]]]:
    """The rendered row and the character spans that are scored: those that the template marks
    or, where it has no marks, each assistant's turn with what ends it.

    Raises DataRefused if a conversation's beginning does not render to the text's beginning.
    """
    tools = row.tools
    if template.marks:
        return template.marked(row.messages, tools=tools)
    text, spans = template.render(row.messages, tools=tools), []
    for index, message in enumerate(row.messages):
        if message.role != "assistant":
            continue
        before = template.render(row.messages[:index], tools=tools, add_generation_prompt=True)
        after = template.render(row.messages[: index + 1], tools=tools)
        if not (text.startswith(after) and after.startswith(before)):
            raise TurnsRewritten(
                f"The chat template changes earlier text when message `{index + 1}` is added, "
                "so what the assistant says cannot be found.",
                hint=_OTHER_TEMPLATE,
            )
        spans.append((len(before), _end(text, len(before), len(after), message)))
    return text, spans


def _end(text: str, start: int, end: int, message: Message) -> int:
    # White space after an end-of-turn text is layout; alone, it is what ends the turn.
    said = message.content.strip()
    found = text.find(said, start, end)
    if found < 0:  # a template may rewrite thinking; what comes last must still be there
        said = said.splitlines()[-1].strip()
        found = text.find(said, start, end)
    if found < 0:
        raise DataRefused(
            f"The chat template leaves out what the assistant says: `{said[:40]}`.",
            hint=_OTHER_TEMPLATE,
        )
    visible = max(start, len(text[:end].rstrip()))
    return end if found + len(said) == visible else visible


def encode(row: Row, template: ChatTemplate, tokenizer: Tokenizer) -> Encoded:
    """Tokens and labels of one row.

    A token that reaches over the edge of a span is scored, as in transformers.
    """
    return encoded(row, template, tokenizer)[2]


def encoded(
    row: Row, template: ChatTemplate, tokenizer: Tokenizer
) -> tuple[str, list[tuple[int, int]], Encoded]:
    """The rendered text of one row, where each token stands in it, and its tokens and labels."""
    text, spans = assistant_spans(template, row)
    encoding = tokenizer.encode(text, add_special_tokens=False)
    labels = tuple(
        token if any(first < end and last > start for start, end in spans) else IGNORED
        for token, (first, last) in zip(encoding.ids, encoding.offsets, strict=True)
    )
    return text, encoding.offsets, Encoded(tuple(encoding.ids), labels)


def encode_all(
    rows: Iterable[Row], template: ChatTemplate, tokenizer: Tokenizer
) -> Iterator[Encoded]:
    """Encode rows one by one; a DataRefused names the row, counted from 1."""
    for number, row in enumerate(rows, 1):
        try:
            yield encode(row, template, tokenizer)
        except DataRefused as error:
            raise type(error)(f"Row {number}: {error.message}", hint=error.hint) from error


def stream_sha256(encoded: Iterable[Encoded]) -> str:
    """SHA-256 (hex) over rows of: length as u32 LE, ids as u32 LE, scored mask as u8."""
    digest = hashlib.sha256()
    for row in encoded:
        digest.update(struct.pack("<I", len(row.input_ids)))
        digest.update(_words(row.input_ids).tobytes())
        digest.update(_mask(row))
    return digest.hexdigest()


def write_encoded(folder: Path, encoded: Sequence[Encoded]) -> str:
    """Write rows to `folder` and return their stream digest; the header comes last."""
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


def read_encoded(folder: Path) -> list[Encoded]:
    """Read rows that `write_encoded` wrote; raises UsageProblem or DigestDiffers."""
    path = folder / "header.json"
    if not path.is_file():
        raise UsageProblem(f"`{folder}` has no encoded rows.", hint=f"ls {folder}")
    header = json.loads(path.read_text("utf-8"))
    if header.get("version") != FORMAT_VERSION:
        raise UsageProblem(
            f"`{path}` has the version `{header.get('version')}`, not `{FORMAT_VERSION}`.",
            hint=_AGAIN,
        )
    rows = _read_rows(folder)
    if len(rows) != header["rows"] or stream_sha256(rows) != header["stream_sha256"]:
        raise DigestDiffers(
            f"The encoded rows in `{folder}` are not those in its header.", hint=_AGAIN
        )
    return rows


def _read_rows(folder: Path) -> list[Encoded]:
    lengths = _from_bytes((folder / "lengths.u32").read_bytes())
    ids = _from_bytes((folder / "ids.u32").read_bytes())
    mask, rows, at = (folder / "mask.u8").read_bytes(), [], 0
    if not sum(lengths) == len(ids) == len(mask):
        raise DigestDiffers(f"The encoded rows in `{folder}` are cut short.", hint=_AGAIN)
    for length in lengths:
        part, marks = tuple(ids[at : at + length]), mask[at : at + length]
        labels = tuple(t if m else IGNORED for t, m in zip(part, marks, strict=True))
        rows.append(Encoded(part, labels))
        at += length
    return rows


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
