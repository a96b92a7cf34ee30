"""Whether a model can be exported to GGUF: every condition of the export, before it writes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockfiles.errors import UsageProblem
from lockfiles.harmless import one_line
from planner.gguf import family, tensors, tokenizer
from planner.gguf.family import ELSEWHERE, Config, Family
from planner.gguf.rope import Rope, rope_of
from planner.gguf.special import Special, special_of
from planner.gguf.tokenizer import Tokens
from planner.models.held import Held
from planner.models.stored import shape_of


@dataclass(frozen=True)
class Exportable:
    """A model that can be exported, in the terms of a GGUF file."""

    config: Config
    """Its completed config.json."""
    family: Family
    rope: Rope
    tokens: Tokens
    special: Special


def check(
    model_dir: Path,
    *,
    trained: bool = False,
    template: str = "",
    held: Mapping[str, Held] | None = None,
) -> Exportable:
    """Return a model folder in GGUF's terms. Raises UsageProblem if it cannot be exported.

    `trained`: it is a base model that is trained first, which saves it as the causal language model
    of its family, whatever architecture its configuration names. `template` replaces its chat
    template. `held` are its tensors by name; None if they are not to be checked.
    """
    read = family.read(model_dir)
    config, kind = family.completed(family.saved_as(read) if trained else read)
    rope = rope_of(config, kind)
    tokens, special = _vocabulary(model_dir, int(config["vocab_size"]), template)
    if held is not None:
        shape_of(read, held, str(model_dir / "config.json"))
        tensors.check({name: one.shape for name, one in held.items()}, config, kind)
    return Exportable(config, kind, rope, tokens, special)


def _vocabulary(model_dir: Path, size: int, template: str) -> tuple[Tokens, Special]:
    read = tokenizer.read(model_dir)
    with tokenizer.sentences(model_dir / "tokenizer.json"):
        tokens = tokenizer.tokens_of(read, size)
        special = special_of(model_dir, tokens, read)
        _check_added(read, template or _joined(special), special, tokens)
    return tokens, special


def _joined(special: Special) -> str:
    """Return the text of all chat templates."""
    if isinstance(special.templates, str):
        return special.templates
    return "\n".join(one["template"] for one in special.templates or ())


def _check_added(
    tokenizer: Mapping[str, Any], template: str, special: Special, tokens: Tokens
) -> None:
    """Raise UsageProblem for an added token that llama.cpp finds in other places of a conversation.

    It does not take the white space around a token, nor ask for word boundaries.
    """
    printed = {tokens.texts[special.ids[name]] for name in ("bos", "eos") if name in special.ids}
    for added in tokenizer.get("added_tokens", []):
        text = added["content"]
        odd = next((one for one in ("lstrip", "rstrip", "single_word") if added.get(one)), "")
        if odd and (text in template or text in printed):
            raise UsageProblem(
                f"llama.cpp does not support the `{odd}` of the token `{one_line(text, most=40)}`.",
                fix=ELSEWHERE,
            )
