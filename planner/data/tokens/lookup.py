"""Finds the chat templates and special tokens of a model folder as transformers does.

Source: `PreTrainedTokenizerBase._from_pretrained` of transformers 5.23. `chat_template.json` is of
a processor, and only counts if the tokenizer has no template.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lockfiles import text
from planner.data.isolation import limits
from planner.models.folder import TEMPLATES, is_small

SPECIAL = (
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"
)  # fmt: skip
"""The special tokens that every tokenizer may name."""
CONFIG, SPECIAL_MAP, ADDED = "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"
JINJA, PROCESSOR = "chat_template.jinja", "chat_template.json"
DEFAULT, TOOLS = "default", "tool_use"
"""The names of the templates for rows without tools and with tools."""
_SPECIAL_CHARS = 1000
"""The longest special token, in characters; known ones have at most 40."""
_END = "<|endoftext|>"
_DEFAULTS: dict[str, dict[str, str]] = {
    "Qwen2Tokenizer": {"eos_token": _END, "unk_token": _END, "pad_token": _END},
    "Qwen3_5Tokenizer": {"eos_token": _END, "unk_token": _END, "pad_token": _END},
    "GPT2Tokenizer": {"bos_token": _END, "eos_token": _END, "unk_token": _END},
    "GPTNeoXTokenizer": {
        "bos_token": _END, "eos_token": _END, "unk_token": _END, "pad_token": "<|padding|>"
    },
    "GemmaTokenizer": {
        "bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>", "pad_token": "<pad>",
        "mask_token": "<mask>",
    },
    "CohereTokenizer": {
        "bos_token": "<BOS_TOKEN>", "eos_token": "<|END_OF_TURN_TOKEN|>", "unk_token": "<UNK>",
        "sep_token": "<SEP>", "pad_token": "<PAD>", "cls_token": "<CLS>",
        "mask_token": "<MASK_TOKEN>",
    },
}  # fmt: skip
"""The special tokens of tokenizer classes in transformers 5.23 that chat models have."""
_FAMILIES = {
    "qwen3_5": "Qwen3_5Tokenizer", "qwen": "Qwen2Tokenizer", "gemma": "GemmaTokenizer",
    "gpt2": "GPT2Tokenizer", "gpt_neox": "GPTNeoXTokenizer", "cohere": "CohereTokenizer",
}  # fmt: skip
"""Those classes by how a `model_type` begins."""
_ENCODERS = {
    "deepseek_v32": "encoding/encoding_dsv32.py", "deepseek_v4": "encoding/encoding_dsv4.py"
}  # fmt: skip
"""By `model_type`, the program that the authors of a model publish instead of a template.

Source: the model cards of DeepSeek-V3.2 and DeepSeek-V4.
"""
_MOST = 1000
"""Most named special tokens, and most named templates."""


def template_files(folder: Path) -> list[str]:
    """Return the paths, relative to a model's folder, of the files that `templates` and
    `special_tokens` read, sorted; only those that exist."""
    names = [CONFIG, SPECIAL_MAP, ADDED, JINJA, PROCESSOR]
    found = [name for name in names if (folder / name).is_file()]
    return sorted([*found, *(f"{TEMPLATES}/{path.name}" for path in _more(folder).values())])


def templates(folder: Path) -> dict[str, str]:
    """Return the chat templates of a model by name; the only one is `default`. Empty without any.

    Raises UsageProblem if a file cannot be read.
    """
    found: dict[str, str] = {}
    if os.path.lexists(folder / JINJA):
        found[DEFAULT] = jinja(folder / JINJA)
    found |= {name: jinja(path) for name, path in _more(folder).items()}
    found = found or _named(_json(folder / CONFIG).get("chat_template"))
    return found or _named(_json(folder / PROCESSOR).get("chat_template"))


def encoder(folder: Path) -> str:
    """Return the path of the program that encodes messages for a model of this kind, whose authors
    publish no template; empty for other models.

    Raises UsageProblem if `config.json` cannot be read.
    """
    kind = _json(folder / "config.json").get("model_type")
    return _ENCODERS.get(kind, "") if isinstance(kind, str) else ""


def jinja(path: Path) -> str:
    """Return the text of a template's file. Raises UsageProblem if it cannot be read."""
    return text.read(path, limit_bytes=4 * limits.TEMPLATE_CHARS)


def special_tokens(folder: Path) -> dict[str, str]:
    """Return the named special tokens of a model, such as `eos_token`, as text.

    `special_tokens_map.json` overrides `tokenizer_config.json`, unless the latter lists the added
    tokens. Raises UsageProblem if a file cannot be read.
    """
    values = _named_values(folder)
    own = _class_tokens(values, folder)
    found = {name: one for name, one in own.items() if name not in values} | _tokens(values)
    return dict(list(found.items())[:_MOST])


def added_tokens(folder: Path) -> list[dict[str, Any]]:
    """Return the tokens that transformers adds to those of `tokenizer.json`, or overrides there.

    Each has the arguments of `tokenizers.AddedToken`: `content`, `special` and others. Raises
    UsageProblem if a file cannot be read.
    """
    config, values = _json(folder / CONFIG), _named_values(folder)
    listed = config.get("added_tokens_decoder")
    if isinstance(listed, dict):
        numbered = [(int(n), one) for n, one in listed.items() if n.isdecimal() and len(n) < 10]
        found = [_added(one) for _, one in sorted(numbered, key=lambda one: one[0])]
    else:
        added = _json(folder / ADDED).items()
        numbers = {token: number for token, number in added if isinstance(number, int)}
        found = [_plain(token) for token in sorted(numbers, key=lambda token: numbers[token])]
    special = [*_tokens(values).values(), *_extra(values)]
    known = {one["content"] for one in found if one}
    found += [_plain(token, special=True) for token in dict.fromkeys(special) if token not in known]
    named = set(special)
    return [
        one | {"special": True} if one["content"] in named else one
        for one in found
        if one and one["content"] and is_text(one["content"])
    ]


def _named_values(folder: Path) -> dict[str, Any]:
    """Return `tokenizer_config.json`, with what `special_tokens_map.json` overrides."""
    config = _json(folder / CONFIG)
    if "added_tokens_decoder" in config:
        return config
    return config | _json(folder / SPECIAL_MAP)


def _class_tokens(values: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """Return the special tokens that the class of the tokenizer has by default."""
    name = values.get("tokenizer_class")
    if isinstance(name, str):
        return _DEFAULTS.get(name.removesuffix("Fast"), {})
    kind = _json(folder / "config.json").get("model_type")
    families = _FAMILIES.items() if isinstance(kind, str) else ()
    return next((_DEFAULTS[one] for begin, one in families if str(kind).startswith(begin)), {})


def _extra(values: Mapping[str, Any]) -> list[str]:
    """Return the special tokens without a name."""
    listed = values.get("extra_special_tokens") or values.get("additional_special_tokens")
    found = map(_content, listed if isinstance(listed, list) else ())
    return [one for one in found if isinstance(one, str) and 0 < len(one) <= _SPECIAL_CHARS]


def _added(token: object) -> dict[str, Any]:
    """Return the arguments of an added token; empty for anything else."""
    if not isinstance(token, dict) or not isinstance(token.get("content"), str):
        return {}
    flags = ("single_word", "lstrip", "rstrip", "normalized", "special")
    return {"content": token["content"]} | {
        name: token[name] for name in flags if isinstance(token.get(name), bool)
    }


def _plain(token: str, *, special: bool = False) -> dict[str, Any]:
    return {"content": token, "normalized": not special, "special": special}


def is_text(value: str) -> bool:
    """Return whether a text has no lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _tokens(values: Mapping[str, Any]) -> dict[str, str]:
    extra = values.get("extra_special_tokens")
    own = {name: one for name, one in values.items() if name.endswith("_token")}
    named = own | (extra if isinstance(extra, dict) else {})
    found = {name: _content(value) for name, value in named.items()}
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, str) and len(value) <= _SPECIAL_CHARS and is_text(value)
    }


def _content(value: object) -> object:
    return value.get("content") if isinstance(value, dict) else value


def _more(folder: Path) -> dict[str, Path]:
    """Return the files of further templates by name."""
    try:
        names = sorted(os.listdir(folder / TEMPLATES))[:_MOST]
    except OSError:
        return {}
    paths = [folder / TEMPLATES / name for name in names if is_small(f"{TEMPLATES}/{name}")]
    return {path.name.removesuffix(".jinja"): path for path in paths}


def _named(value: object) -> dict[str, str]:
    """Return templates by name from a text, a mapping, or a list of names and templates."""
    if isinstance(value, str):
        return {DEFAULT: value} if value else {}
    if isinstance(value, list):
        listed = [one for one in value if isinstance(one, dict)]
        value = {one.get("name"): one.get("template") for one in listed}
    named = value.items() if isinstance(value, dict) else ()
    return {
        name: one for name, one in named if isinstance(name, str) and isinstance(one, str) and one
    }


def _json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file; empty if there is no file."""
    if not os.path.lexists(path):
        return {}
    return text.read_json_object(path, limit_bytes=limits.CONFIG_BYTES)
