"""Writes the tokenizer of a model as the metadata of a GGUF file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf

from planner.gguf import merging, tokenizer
from planner.gguf.check import Exportable

_BYTE_SPACE = chr(ord(" ") + 256)
"""A space inside a part of a merge, as llama.cpp expects it."""


def write(writer: gguf.GGUFWriter, model: Exportable, model_dir: Path) -> None:
    """Add the tokens, merges, special tokens and chat templates of a model to an open writer."""
    tokens, special = model.tokens, model.special
    writer.add_tokenizer_model(tokens.model)
    writer.add_tokenizer_pre(tokens.pre)
    writer.add_token_list(list(tokens.texts))
    writer.add_token_types([int(kind) for kind in tokens.kinds])
    if tokens.scores:
        writer.add_token_scores(list(tokens.scores))
        writer.add_add_space_prefix(tokens.add_space_prefix)
    else:
        writer.add_token_merges(_merges(tokenizer.read(model_dir)))
    for name, number in special.ids.items():
        getattr(writer, f"add_{name}_token_id")(number)
    for name, added in special.adds.items():
        getattr(writer, f"add_add_{name}_token")(added)
    if special.templates is not None:
        writer.add_chat_template(special.templates)


def _merges(read: Mapping[str, Any]) -> list[str]:
    pairs = merging.pairs(read["model"]["merges"])
    return [" ".join(part.replace(" ", _BYTE_SPACE) for part in pair) for pair in pairs]
