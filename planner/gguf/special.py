"""The special tokens and chat templates of a model folder, as transformers reads them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockfiles.errors import UsageProblem
from lockfiles.files import read_bounded
from lockfiles.fixes import Advice
from planner.gguf.family import ELSEWHERE
from planner.gguf.tokenizer import Tokens
from planner.models import config_json
from planner.models.folder import SMALL_LIMIT_BYTES

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
    texts, config = special_texts(folder), _object(folder / "config.json")
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


def special_texts(folder: Path) -> dict[str, str]:
    """Return the text of each special token of a folder's tokenizer, without `_token`.

    `special_tokens_map.json` counts only where `tokenizer_config.json` lists no added tokens, and
    then it comes first (transformers, `tokenization_utils_base.py`).
    """
    config = _object(folder / "tokenizer_config.json")
    if "added_tokens_decoder" not in config:
        config = {**config, **_object(folder / "special_tokens_map.json")}
    texts = {}
    for name in NAMES:
        value = config.get(f"{name}_token")
        value = value.get("content") if isinstance(value, dict) else value
        if isinstance(value, str):
            texts[name] = value
    return texts


def chat_templates(folder: Path) -> Templates:
    """Return the chat templates of a folder: its files come before its tokenizer's configuration.

    Raises UsageProblem for one that is not text.
    """
    own, more = folder / "chat_template.jinja", folder / "additional_chat_templates"
    files = {"default": own} if own.is_file() else {}
    files |= {path.stem: path for path in sorted(more.glob("*.jinja"))} if more.is_dir() else {}
    if files:
        named = {name: _text(path) for name, path in files.items()}
        if set(named) == {"default"}:
            return named["default"]
        return [{"name": name, "template": text} for name, text in named.items()]
    value = _object(folder / "tokenizer_config.json").get("chat_template")
    if isinstance(value, list):
        return [
            {"name": str(one["name"]), "template": str(one["template"])}
            for one in value
            if isinstance(one, dict) and "name" in one and "template" in one
        ] or None
    value = value or _object(folder / "chat_template.json").get("chat_template")
    return value if isinstance(value, str) else None


def _text(path: Path) -> str:
    try:
        return read_bounded(path, SMALL_LIMIT_BYTES).decode("utf-8")
    except ValueError:
        raise UsageProblem(
            f"`{path}` is not UTF-8 text.", fix=Advice(f"copy `{path.name}` again")
        ) from None


def _id(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _object(path: Path) -> dict[str, Any]:
    return config_json.read(path) if path.is_file() else {}
