"""The tokenizer of a model folder as GGUF metadata: byte-level BPE in tokenizer.json only.

llama.cpp splits text by named rules, so the split pattern of tokenizer.json is matched to a name
here. A pattern without a name would tokenize differently and is refused.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf

from lockfiles import bounded_json
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command
from lockfiles.harmless import one_line
from planner.models import config_json
from planner.models.folder import SMALL_LIMIT_BYTES
from runner.export.gguf.families import ELSEWHERE

_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SPLITS = {
    _WORDS + r"\p{N}{1,3}" + _REST: "llama-bpe",
    _WORDS + r"\p{N}" + _REST: "qwen2",
}
NORMALIZERS = (None, "NFC")
MOST_VALUES = 3_000_000
"""Maximum JSON values in `tokenizer.json`: 256,000 tokens and their merges have about two million.
"""
MOST_PADDING = 1 << 18
"""Maximum rows of an embedding without a token."""


@dataclass(frozen=True)
class Vocabulary:
    """Tokens of one model, padded to the width of its embedding."""

    tokens: tuple[str, ...]
    """Token texts in id order; ids without a text are `[PADid]`."""
    types: tuple[int, ...]
    """gguf.TokenType of each token."""
    pre: str
    """llama.cpp's name for the split pattern (`tokenizer.ggml.pre`)."""
    special: gguf.SpecialVocab
    """Merges, special token ids, add_bos and the chat template."""

    def write(self, writer: gguf.GGUFWriter) -> None:
        """Add the tokenizer's metadata to an open writer."""
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(self.pre)
        writer.add_token_list(list(self.tokens))
        writer.add_token_types(list(self.types))
        self.special.add_to_gguf(writer, quiet=True)


def vocabulary_of(model_dir: Path, size: int) -> Vocabulary:
    """Read the tokenizer for an embedding of `size` rows.

    Raises UsageProblem for missing or damaged files, and for a tokenizer that is not byte-level
    BPE.
    """
    path, config = model_dir / "tokenizer.json", model_dir / "tokenizer_config.json"
    if not path.is_file():
        raise UsageProblem(
            f"`{model_dir}` has no `tokenizer.json`; SentencePiece models are not supported yet.",
            fix=Command("ls {}", model_dir),
        )
    tokenizer = bounded_json.read_object(
        path, limit_bytes=SMALL_LIMIT_BYTES, most_values=MOST_VALUES
    )
    if config.is_file():
        config_json.read(config)
    try:
        return _vocabulary(model_dir, tokenizer, size)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as problem:
        raise UsageProblem(
            f"`{path}` is not a valid tokenizer: {one_line(repr(problem), most=200)}.",
            fix=Advice("save the tokenizer again with `save_pretrained`"),
        ) from problem


def _vocabulary(model_dir: Path, tokenizer: Mapping[str, Any], size: int) -> Vocabulary:
    pre = pre_tokenizer_of(tokenizer)
    tokens, types = _tokens(tokenizer, size)
    special = gguf.SpecialVocab(model_dir, load_merges=True, n_vocab=size)
    # llama.cpp adds a BOS token for some split patterns unless this field disables it.
    special.add_special_token.setdefault("bos", False)
    return Vocabulary(tuple(tokens), tuple(types), pre, special)


def pre_tokenizer_of(tokenizer: Mapping[str, Any]) -> str:
    """Return llama.cpp's name for the splitting of a tokenizer. Raises UsageProblem for none."""
    normalizer = tokenizer.get("normalizer")
    steps = _steps(tokenizer.get("pre_tokenizer"))
    last = steps[-1] if steps else {}
    if tokenizer["model"].get("type") != "BPE" or last.get("type") != "ByteLevel":
        raise UsageProblem(
            "The tokenizer is not byte-level BPE; SentencePiece models are not supported yet.",
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
    return name


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
        case [{"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated"}]:
            return None if gpt2_words else SPLITS.get(regex)
    return None


def _tokens(tokenizer: Mapping[str, Any], size: int) -> tuple[list[str], list[int]]:
    """Return token texts and types for ids 0 to size - 1."""
    kinds = gguf.TokenType
    known = len(tokenizer["model"]["vocab"]) + len(tokenizer.get("added_tokens", []))
    if size > known + MOST_PADDING:
        raise UsageProblem(
            f"The model's `vocab_size` is {size:,}, but its tokenizer has {known:,} tokens.",
            fix=Advice("copy `tokenizer.json` and `config.json` from the same model"),
        )
    texts = [f"[PAD{index}]" for index in range(size)]
    types = [int(kinds.UNUSED)] * size
    entries = [(text, index, kinds.NORMAL) for text, index in tokenizer["model"]["vocab"].items()]
    for added in tokenizer.get("added_tokens", []):
        text = added["content"]
        control = added["special"] or (text.startswith("<|") and text.endswith("|>"))
        kind = kinds.CONTROL if control else kinds.USER_DEFINED
        entries.append((text, added["id"], kind))
    for text, index, kind in entries:
        if not 0 <= index < size:
            raise UsageProblem(
                f"The token `{one_line(text, most=40)}` has id {index}, outside the "
                f"`vocab_size` of {size}.",
                fix=Advice("copy `tokenizer.json` and `config.json` from the same model"),
            )
        texts[index], types[index] = text, int(kind)
    return texts, types
