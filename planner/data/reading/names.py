"""What the keys of a row and of a turn mean, by their names.

The names are those in the documentation of OpenAI, mistral-finetune, TRL, Axolotl, ms-swift,
LLaMA-Factory, NeMo, torchtune, verl and Unsloth, and of the datasets that they name as examples.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

ROLE = ("role", "from", "speaker", "author", "sender", "type")
"""Keys of a turn that name its speaker, also in upper case."""
CONTENT = ("content", "value", "text", "message", "utterance", "parts", "output")
"""Keys of a turn with what is said."""
KEPT = frozenset(
    ["name", "tool_call_id", "tool_responses", "tool_plan", "reasoning", "reasoning_content",
     "thinking", "recipient", "end_turn"]
)  # fmt: skip
"""Keys of a turn that chat templates use under this name: those in TRL 1.16's `chat_templates`, and
Cohere's."""
CALLS = ("tool_calls", "function_call", "function_calls", "tool_call")
"""Keys of a turn with its tool calls."""
CALL_ID = ("tool_call_id", "tool_use_id", "call_id")
"""Keys of a tool's turn with the call that it answers."""
REASONING = ("reasoning_content", "reasoning", "thinking")
"""Columns with the reasoning before an answer, and keys of a turn with it."""
MORE_REASONING = (
    "thought",
    "thoughts",
    "think",
    "cot",
    "chain_of_thought",
    "reasoning_text",
    "reasoning_details",
)
"""Further keys of a turn with its reasoning."""
MARKS: Mapping[str, bool] = {
    "weight": True, "train": True, "training": True, "trainable": True, "train_on_turn": True,
    "loss": True, "loss_mask": True, "loss_weight": True, "masked": False, "mask_loss": False,
    "ignore_loss": False, "no_loss": False,
}  # fmt: skip
"""Marks that say whether a turn counts in the loss; false where a true value means that it does
not. `weight`: OpenAI, mistral-finetune. `train`, `training`: Axolotl. `loss`: ms-swift.
`trainable`, `loss_mask`: verl. `masked`: torchtune."""
ANSWERS_ONLY = frozenset(["weight", "loss", "loss_mask", "loss_weight"])
"""Marks that only an assistant's turn has a use for, where they are documented."""
TOOLS = ("tools", "functions", "available_tools", "tool_definitions", "function_definitions")
"""Columns with a row's tools, and keys of a system turn with them."""
SYSTEM = ("system", "system_prompt", "system_message", "system_instruction")
"""Columns with a row's system message."""
HISTORY = ("history",)
"""Columns with the turns before the prompt (LLaMA-Factory, ms-swift)."""

_NAME_CHARS = 100
"""Characters of a name that are compared; no known name is longer."""
_MOST_NAMES = 2**16
"""Names that are kept, for tables of very many columns, whose names are read once for each row."""
_FLAGS = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}
_EMPTY_TEXTS = ("", "[]", "{}", "null", "none", "nan")


def plain(name: str) -> str:
    """Return a name in lower case with `_` between its words: `Sample Weight`, `sampleWeight`."""
    return _plain(name[:_NAME_CHARS])


@lru_cache(maxsize=_MOST_NAMES)
def _plain(name: str) -> str:
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[\s.-]+", "_", split).lower()


def is_empty(value: object) -> bool:
    """Return whether a value says nothing: null, an empty text, list or object, or text of one."""
    if isinstance(value, str):
        return len(value) <= 4 and value.strip().lower() in _EMPTY_TEXTS
    return value is None or value == [] or value == {}


def are_objects(value: object) -> bool:
    """Return whether a value is a list of objects, such as turns or calls."""
    return isinstance(value, list) and isinstance(value[0] if value else None, dict)


def flag(value: object) -> bool | None:
    """Return a true or false value, also as 1, 0, `1.0` or `true`; None for anything else."""
    if isinstance(value, bool):
        return value
    said = str(value).strip().lower() if isinstance(value, int | float | str) else ""
    return _FLAGS.get(said)
