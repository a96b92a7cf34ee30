"""The tokens of a tokenizer in id order, with the types that a GGUF file gives them."""

from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Any

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice
from lockfiles.harmless import one_line
from planner.gguf import sentencepiece
from planner.gguf.family import ELSEWHERE

MOST_PADDING = 1 << 18
"""Maximum rows of an embedding without a token."""
_SAME_MODEL = Advice("copy `tokenizer.json` and `config.json` from the same model")
_BYTES = frozenset(sentencepiece.BYTES)


class Kind(IntEnum):
    """The types of tokens in a GGUF file."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


def all_added(
    tokenizer: Mapping[str, Any], more: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Return the added tokens of a tokenizer.json with those that other files add or override.

    A new one gets the next id, as in `tokenizers`. It is `spare`: a model may have no row for it.
    """
    found = {one["content"]: one for one in tokenizer.get("added_tokens") or []}
    vocab: Mapping[str, int] = tokenizer["model"]["vocab"]
    for one in more:
        text = one["content"]
        known = found[text]["id"] if text in found else vocab.get(text)
        highest = max((added["id"] for added in found.values()), default=-1)
        number = max(len(vocab), highest + 1) if known is None else known
        found[text] = {**found.get(text, {}), **one, "id": number, "spare": known is None}
    return list(found.values())


def listed(tokenizer: Mapping[str, Any], size: int) -> tuple[tuple[str, ...], tuple[Kind, ...]]:
    """Return token texts and types for ids 0 to size - 1."""
    known = len(tokenizer["model"]["vocab"]) + len(tokenizer.get("added_tokens", []))
    if size > known + MOST_PADDING:
        raise UsageProblem(
            f"The model's `vocab_size` is {size:,}, but its tokenizer has {known:,} tokens.",
            fix=_SAME_MODEL,
        )
    texts, kinds = [""] * size, [Kind.UNUSED] * size
    places: dict[str, int] = {}
    spare = {one["content"] for one in tokenizer.get("added_tokens", []) if one.get("spare")}
    for text, index, kind in _entries(tokenizer):
        if text in spare and index >= size:
            continue
        if not 0 <= index < size:
            raise UsageProblem(
                f"The token `{one_line(text, most=40)}` has id {index}, outside the "
                f"`vocab_size` of {size}.",
                fix=_SAME_MODEL,
            )
        if places.setdefault(text, index) != index:
            raise UsageProblem(
                f"The token `{one_line(text, most=40)}` has two ids, {places[text]} and {index}, "
                "which llama.cpp cannot read.",
                fix=ELSEWHERE,
            )
        texts[index], kinds[index] = text, kind
    for index, kind in enumerate(kinds):
        if kind == Kind.UNUSED:
            texts[index] = _free(f"[PAD{index}]", places)
    return tuple(texts), tuple(kinds)


def _free(name: str, taken: Mapping[str, int]) -> str:
    """Return a name for an id without a token that no token has."""
    while name in taken:
        name = f"[{name}]"
    return name


def _entries(tokenizer: Mapping[str, Any]) -> Iterator[tuple[str, int, Kind]]:
    """Yield the text, id and type of each token; a later entry for an id replaces an earlier."""
    bytewise = sentencepiece.like(tokenizer)
    unknown = tokenizer["model"].get("unk_token")
    for text, index in tokenizer["model"]["vocab"].items():
        kind = Kind.BYTE if bytewise and text in _BYTES else Kind.NORMAL
        yield text, index, Kind.UNKNOWN if bytewise and text == unknown else kind
    for added in tokenizer.get("added_tokens", []):
        text = added["content"]
        if bytewise and text == unknown:
            continue
        control = added["special"] or (text.startswith("<|") and text.endswith("|>"))
        yield text, added["id"], Kind.CONTROL if control else Kind.USER_DEFINED
