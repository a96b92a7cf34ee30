"""The special tokens that a run needs: the padding token and those that end an answer."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice
from planner.data.tokens import beyond, lookup
from planner.data.tokens.example import IGNORED, Example
from planner.data.tokens.tokenizer import Tokenizer
from planner.models.shapes import config_json
from planner.models.shapes.config_json import MOST


@dataclass(frozen=True)
class SpecialTokens:
    """The ids of special tokens."""

    pad_id: int
    """The padding token, which is never scored."""
    end_ids: tuple[int, ...]
    """The tokens that end an answer; at least one, ascending."""


def special_tokens(folder: Path, tokenizer: Tokenizer, rows: Iterable[Example]) -> SpecialTokens:
    """Return the special tokens of the model in `folder`, for its training rows.

    An answer ends at the configured end tokens and at the special token that the template adds
    after it: the configuration of a base model has only the former.
    """
    rows = list(rows)
    vocabulary = _vocabulary(folder)
    ends = {*configured_ends(folder), *_turn_end(tokenizer, rows)}
    ends = {end for end in ends if end < vocabulary}
    if not ends:
        raise UsageProblem(
            f"The model in `{folder}` has no end-of-sequence token.",
            fix=Advice(f"set `eos_token_id` in `{folder / 'config.json'}`"),
        )
    pad = _pad(folder, tokenizer)
    if pad is None or pad >= vocabulary:
        pad = min(ends)
    return SpecialTokens(pad, tuple(sorted(ends)))


def configured_ends(folder: Path) -> tuple[int, ...]:
    """Return the tokens at which the model in `folder` stops by its own files, ascending."""
    ends = {*_ends(folder / "config.json"), *_ends(folder / "generation_config.json")}
    return tuple(sorted(ends))


def _vocabulary(folder: Path) -> int:
    """Return the number of rows of the model's embedding."""
    config = _object(folder / "config.json")
    inner = config.get("text_config")
    for values in (inner if isinstance(inner, dict) else {}, config):
        size = values.get("vocab_size")
        if type(size) is int:
            return size
    return MOST["vocab_size"]


def check_ids(folder: Path, tokenizer: Tokenizer, rows: Iterable[Example]) -> None:
    """Raise UsageProblem for a token of the rows beyond the embedding of the model in `folder`."""
    vocabulary = _vocabulary(folder)
    sequences = (one for row in rows for one in row.sequences.values())
    greatest = max((max(one.input_ids, default=0) for one in sequences), default=0)
    if greatest >= vocabulary:
        text = beyond.named(tokenizer, greatest)
        raise UsageProblem(
            f"The tokenizer in `{folder}` gives the token `{text}` the id {greatest}, but the "
            f"model's embedding has {vocabulary:,} rows (`vocab_size` in its `config.json`).",
            fix=Advice("copy the tokenizer's files and `config.json` from the same model"),
        )


def _object(path: Path) -> Mapping[str, Any]:
    return config_json.read(path) if path.is_file() else {}


def _ends(path: Path) -> set[int]:
    value = _object(path).get("eos_token_id")
    values = value if isinstance(value, list) else [value]
    return {item for item in values if type(item) is int and item >= 0}


def _turn_end(tokenizer: Tokenizer, rows: Iterable[Example]) -> set[int]:
    """Return the special token at the end of the last answer in most rows, if there is one.

    Without one, it may be another added token that ends at least half of the rows. Unscored white
    space may follow it, and truncated rows may end anywhere.
    """
    last = _last(rows)
    special = Counter({one: count for one, count in last.items() if one in tokenizer.special_ids})
    if special:
        return {token for token, _ in special.most_common(1)}
    return {
        token
        for token, count in last.most_common(1)
        if token in tokenizer.added_ids and 2 * count >= last.total()
    }


def answer_end(rows: Iterable[Example], end_ids: Collection[int]) -> int | None:
    """Return which of the end tokens is the last that is scored in most rows.

    None if no row ends with one: then training teaches no token that ends an answer.
    """
    last = _last(rows)
    taught = Counter({token: count for token, count in last.items() if token in end_ids})
    return taught.most_common(1)[0][0] if taught else None


def _last(rows: Iterable[Example]) -> Counter[int]:
    """Return how often each token is the last that is scored."""
    sequences = (one for row in rows for one in row.sequences.values())
    last = (next((id for id in reversed(one.labels) if id != IGNORED), None) for one in sequences)
    return Counter(token for token in last if token is not None)


def _pad(folder: Path, tokenizer: Tokenizer) -> int | None:
    name = lookup.special_tokens(folder).get("pad_token")
    found = tokenizer.token_to_id(name) if name is not None else None
    if found is not None:
        return found
    configured = _object(folder / "config.json").get("pad_token_id")
    return configured if type(configured) is int and configured >= 0 else None
