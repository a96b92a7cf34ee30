"""The tokenizer of a model folder in llama.cpp's terms.

llama.cpp splits text by named rules, so the split pattern of a byte-level tokenizer.json is matched
to a name here. A pattern without a name would tokenize differently and is refused.
SentencePiece-like tokenizers need no name.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockfiles import bounded_json
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command
from lockfiles.harmless import one_line
from planner.data.tokens import lookup
from planner.gguf import merging, sentencepiece
from planner.gguf.family import ELSEWHERE
from planner.gguf.listing import Kind, all_added, listed
from planner.models.folder import SMALL_LIMIT_BYTES

_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SPLITS = {
    _WORDS + r"\p{N}{1,3}" + _REST: "llama-bpe",
    _WORDS + r"\p{N}" + _REST: "qwen2",
}
WHOLE_WORDS = ("llama-bpe",)
"""Splittings after which llama.cpp takes a word that is a token, without merging."""
NORMALIZERS = (None, "NFC")
MOST_VALUES = 3_000_000
"""Maximum JSON values in `tokenizer.json`: 256,000 tokens and their merges have about two million.
"""


@dataclass(frozen=True)
class Tokens:
    """Tokens of one model, padded to the width of its embedding."""

    texts: tuple[str, ...]
    """Token texts in id order; ids without a text are `[PADid]`."""
    kinds: tuple[Kind, ...]
    """The type of each token."""
    model: str
    """llama.cpp's name for the way of merging: `gpt2` or `llama` (SentencePiece)."""
    pre: str
    """llama.cpp's name for the split pattern."""
    scores: tuple[float, ...] = ()
    """For SentencePiece, the score of each token; the highest is merged first."""
    add_space_prefix: bool = False
    """For SentencePiece, whether text after a special token is prefixed with a space."""

    def number(self, text: str) -> int | None:
        """Return the id of a token; None if there is none."""
        return self.texts.index(text) if text in self.texts else None


def read(model_dir: Path) -> Mapping[str, Any]:
    """Return the tokenizer.json of a model folder. Raises UsageProblem."""
    path = model_dir / "tokenizer.json"
    if not path.is_file():
        raise UsageProblem(
            f"`{model_dir}` has no `tokenizer.json`, and only that can be written to GGUF.",
            fix=Command("ls {}", model_dir),
        )
    read = bounded_json.read_object(path, limit_bytes=SMALL_LIMIT_BYTES, most_values=MOST_VALUES)
    with sentences(path):
        return {**read, "added_tokens": all_added(read, lookup.added_tokens(model_dir))}


@contextmanager
def sentences(path: Path) -> Iterator[None]:
    """Turn what a damaged tokenizer.json causes into one sentence, as a UsageProblem."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as problem:
        lacks = problem.args[0] if isinstance(problem, KeyError) else ""
        said = f": it has no field `{one_line(lacks, most=60)}`" if lacks else ""
        raise UsageProblem(
            f"`{path}` is not a valid tokenizer{said}.",
            fix=Advice("save the tokenizer again with `save_pretrained`"),
        ) from problem


def tokens_of(tokenizer: Mapping[str, Any], size: int) -> Tokens:
    """Return the tokens of a tokenizer.json for an embedding of `size` rows.

    Raises UsageProblem for a tokenizer that llama.cpp does not have, and the errors of `sentences`
    for a damaged one.
    """
    model = tokenizer["model"]
    for key in ("continuing_subword_prefix", "end_of_word_suffix", "dropout"):
        if model.get(key):
            raise UsageProblem(
                f"llama.cpp does not support a tokenizer with `{key}`.", fix=ELSEWHERE
            )
    if not sentencepiece.like(tokenizer):
        pre = pre_tokenizer_of(tokenizer)
        return Tokens(*listed(tokenizer, size), "gpt2", pre)
    prefix = sentencepiece.add_space_prefix(tokenizer)
    scores = sentencepiece.scores(tokenizer, model["merges"])
    texts, kinds = listed(tokenizer, size)
    ordered = tuple(scores.get(text, 0.0) for text in texts)
    return Tokens(texts, kinds, "llama", "default", ordered, prefix)


def pre_tokenizer_of(tokenizer: Mapping[str, Any]) -> str:
    """Return llama.cpp's name for the splitting of a byte-level BPE tokenizer.

    Raises UsageProblem for none.
    """
    normalizer, model = tokenizer.get("normalizer"), tokenizer["model"]
    steps = _steps(tokenizer.get("pre_tokenizer"))
    last = steps[-1] if steps else {}
    if model.get("type") != "BPE" or last.get("type") != "ByteLevel":
        named = one_line(model.get("type", "unknown"), most=40)
        raise UsageProblem(
            f"The tokenizer is neither byte-level BPE nor SentencePiece-like BPE (its model is "
            f"`{named}`), so it cannot be converted to GGUF.",
            fix=ELSEWHERE,
        )
    name = _split_name(steps)
    kind = normalizer and normalizer.get("type")
    if name is None or last.get("add_prefix_space") or kind not in NORMALIZERS:
        shown = json.dumps([normalizer, *steps], ensure_ascii=False)
        raise UsageProblem(
            f"llama.cpp has no name for this tokenizer's splitting: `{one_line(shown, most=300)}`.",
            fix=ELSEWHERE,
        )
    _check_whole_words(tokenizer, name)
    return name


def _check_whole_words(tokenizer: Mapping[str, Any], name: str) -> None:
    """Raise UsageProblem if one of this tokenizer and llama.cpp splits a word that is a token, and
    the other does not."""
    model = tokenizer["model"]
    if bool(model.get("ignore_merges")) == (name in WHOLE_WORDS):
        return
    added = {one["content"] for one in tokenizer.get("added_tokens", [])}
    vocab: Mapping[str, int] = model["vocab"]
    texts = [text for text in vocab if len(text) > 1 and text not in added]
    odd = merging.unreachable(texts, merging.pairs(model["merges"]), vocab)
    if odd:
        raise UsageProblem(
            f"llama.cpp's splitting `{name}` does not treat the token "
            f"`{one_line(odd[0], most=40)}` as this tokenizer does.",
            fix=ELSEWHERE,
        )


def _steps(pre_tokenizer: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """Return the pre-tokenizer as a flat list of steps."""
    if pre_tokenizer is None:
        return []
    if pre_tokenizer["type"] == "Sequence":
        return list(pre_tokenizer["pretokenizers"])
    return [pre_tokenizer]


def _split_name(steps: list[Mapping[str, Any]]) -> str | None:
    """Return the name of the steps up to and including ByteLevel, or None."""
    gpt2_words = steps[-1].get("use_regex", True)
    match steps[:-1]:
        case []:
            return "gpt-2" if gpt2_words else None
        case [{"type": "Digits", "individual_digits": True}]:
            return "smollm" if gpt2_words else None
        case [{"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated"} as step]:
            return None if gpt2_words or step.get("invert") else SPLITS.get(regex)
    return None
