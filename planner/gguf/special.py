"""The special tokens and chat templates of a model folder, as transformers reads them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice
from planner.data.tokens import lookup
from planner.gguf.family import ELSEWHERE
from planner.gguf.tokenizer import Tokens
from planner.models.shapes import config_json

NAMES = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
"""The special tokens that a GGUF file can name."""
KNOWN_ENDS = frozenset(
    [
        "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<end_of_turn>",
        "<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]",
        "<|end_of_text|>", "<end_of_utterance>", "<eos>", "<\uff5cend▁of▁sentence\uff5c>",
    ]
)  # fmt: skip
"""Tokens at which llama.cpp ends an answer because of their text (`llama-vocab.cpp`)."""
MOST_ENDS = 3
"""The end tokens that a GGUF file can name: `eos`, `eot` and `eom`."""

Templates = str | list[dict[str, str]] | None


@dataclass(frozen=True)
class Special:
    """The special tokens of one model."""

    ids: Mapping[str, int]
    """The id of each token of NAMES, and of `eot` and `eom`, that the model has."""
    adds: Mapping[str, bool]
    """Whether `bos` and `eos` are added around a text that is encoded on its own."""
    templates: Templates
    """The chat template, or several with their names; None without one."""


def special_of(folder: Path, tokens: Tokens, tokenizer: Mapping[str, Any]) -> Special:
    """Return the special tokens of a model folder.

    `eos`, `eot` and `eom` are the tokens that end an answer. `eos` is that of the tokenizer, which
    a chat template may print. Raises UsageProblem if there are more than a file can name.
    """
    config = _object(folder / "config.json")
    texts = {key.removesuffix("_token"): one for key, one in lookup.special_tokens(folder).items()}
    ids = {}
    for name in NAMES:
        number = (
            tokens.number(texts[name]) if name in texts else _id(config.get(f"{name}_token_id"))
        )
        if number is not None and number < len(tokens.texts):
            ids[name] = number
    ids |= _named_ends(end_ids(folder), ids.get("eos"), tokens)
    return Special(ids, _added(folder, tokenizer, texts, ids), chat_templates(folder))


def _added(
    folder: Path, tokenizer: Mapping[str, Any], texts: Mapping[str, str], ids: Mapping[str, int]
) -> dict[str, bool]:
    """Return whether `bos` and `eos` are added, as the tokenizer's files say."""
    config = _object(folder / "tokenizer_config.json")
    processor = tokenizer.get("post_processor") or {}
    found = {"bos": False, "eos": False}
    for step in processor.get("processors", [processor]):
        if step.get("type") == "TemplateProcessing" and (parts := step.get("single")):
            ends = {"bos": parts[0], "eos": parts[-1]}
            names = {key: one.get("SpecialToken", {}).get("id") for key, one in ends.items()}
            found = {key: len(parts) > 1 and names[key] == texts.get(key, "") for key in found}
    for key in found:
        if type(flag := config.get(f"add_{key}_token")) is bool:
            found[key] = flag
    return {key: value and key in ids for key, value in found.items()}


def _named_ends(ends: Sequence[int], eos: int | None, tokens: Tokens) -> dict[str, int]:
    """Return which end tokens a file names, and as what."""
    inside = [end for end in ends if end < len(tokens.texts)]
    ordered = [*([] if eos is None else [eos]), *(end for end in inside if end != eos)]
    by_text = [end for end in ordered[1:] if tokens.texts[end] in KNOWN_ENDS]
    needed = [end for end in ordered if end not in by_text]
    if len(needed) > MOST_ENDS:
        raise UsageProblem(
            f"The model ends answers at {len(needed)} tokens that a GGUF file would have to name, "
            f"and it can name only {MOST_ENDS}.",
            fix=(Advice("shorten `eos_token_id` in `generation_config.json`"), *ELSEWHERE),
        )
    spare = [*needed, *by_text][:MOST_ENDS]
    return dict(zip(("eos", "eot", "eom"), spare, strict=False))


def end_ids(folder: Path) -> list[int]:
    """Return the tokens that end an answer of a model folder, in the order that it names them."""
    found: list[int] = []
    for name in ("generation_config.json", "config.json"):
        value = _object(folder / name).get("eos_token_id")
        values = value if isinstance(value, list) else [value]
        found += [number for one in values if (number := _id(one)) is not None]
    return list(dict.fromkeys(found))


def chat_templates(folder: Path) -> Templates:
    """Return the chat templates of a folder. Raises UsageProblem if a file cannot be read."""
    found = lookup.templates(folder)
    if set(found) <= {lookup.DEFAULT}:
        return found.get(lookup.DEFAULT)
    return [{"name": name, "template": text} for name, text in found.items()]


def _id(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _object(path: Path) -> dict[str, Any]:
    return config_json.read(path) if path.is_file() else {}
