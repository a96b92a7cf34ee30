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
MORE_REASONING = ("thought", "thoughts", "think", "cot", "chain_of_thought", "reasoning_text")
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
SYSTEM = ("system", "system_prompt", "system_message", "system_instruction", "systemInstruction")
"""Columns with a row's system message."""
HISTORY = ("history",)
"""Columns with the turns before the prompt (LLaMA-Factory, ms-swift)."""

_WEIGHTS = frozenset(
    ["weight", "weights", "sample_weight", "sample_weights", "example_weight", "loss_weight",
     "loss_weights", "loss_scale", "importance_weight"]
)  # fmt: skip
_TRUE = frozenset(
    ["train", "training", "trainable", "loss", "train_on_turn", "train_on_responses_only",
     "completion_only_loss", "assistant_only_loss"]
)  # fmt: skip
_FALSE = frozenset(
    ["masked", "mask_loss", "ignore_loss", "no_loss", "train_on_input", "train_on_inputs",
     "train_on_prompt", "train_on_prompts", "train_on_source", "continue_final_message",
     "prefix", "partial"]
)  # fmt: skip
_MEDIA = frozenset(
    ["image", "images", "image_url", "image_path", "video", "videos", "audio", "audios", "objects",
     "pixel_values"]
)  # fmt: skip
_MEANING: Mapping[str, str] = {
    **dict.fromkeys(_MEDIA, "which only a model with images, audio or video can use"),
    **dict.fromkeys(
        ("mask", "masks", "loss_masks", "mask_ranges", "train_detail", "training_detail",
         "roles_to_train", "segments", "assistant_masks", "completion_mask", "loss_mask"),
        "which says what to train on in a form that is not supported",
    ),
    **dict.fromkeys(
        ("documents", "chat_template", "chat_template_kwargs", "enable_thinking"),
        "which changes how a template prints the row and is not supported",
    ),
    **dict.fromkeys(
        ("rejected", "rejected_response", "rejected_messages", "rejected_output",
         "rejected_answer"),
        "which is for preference training",
    ),
    **dict.fromkeys(("channel",), "which changes how a template prints the turn"),
    **dict.fromkeys(
        (*TOOLS, *HISTORY, *CALLS, "system", "tool_responses", "tool_results"),
        "which is not used at this place",
    ),
}  # fmt: skip
_HARMLESS = frozenset(
    ["id", "ids", "idx", "index", "uuid", "guid", "hash", "key", "no", "number", "source",
     "sources", "dataset", "dataset_name", "data_source", "subset", "config", "split", "origin",
     "repo", "score", "scores", "rating", "ratings", "reward", "rewards", "quality", "grade",
     "similarity", "perplexity", "lang", "language", "languages", "locale", "country", "meta",
     "metadata", "info", "extra", "attributes", "annotations", "annotator", "labels", "label",
     "category", "categories", "type", "types", "task", "task_type", "topic", "topics", "subject",
     "domain", "tag", "tags", "keywords", "title", "name", "level", "difficulty", "version",
     "model", "models", "model_name", "engine", "provider", "generator", "license", "licence",
     "copyright", "author", "authors", "user", "username", "ip", "date", "time", "timestamp",
     "created", "created_at", "create_time", "updated", "updated_at", "update_time", "modified",
     "url", "urls", "uri", "link", "links", "path", "file", "filename", "file_name", "row", "line",
     "page", "length", "tokens", "token_count", "n_tokens", "num_tokens", "turns", "n_turns",
     "num_turns", "turn", "usage", "logprobs", "logprob", "finish_reason", "stop_reason", "cost",
     "latency", "temperature", "top_p", "seed", "max_tokens", "toxic", "toxicity", "redacted",
     "openai_moderation", "moderation", "safe", "verified", "status", "state", "comment",
     "comments", "notes", "cache_control", "citations", "signature", "input_ids",
     "attention_mask", "token_type_ids", "position_ids", "parallel_tool_calls", "tool_choice",
     "custom_id", "object", "__index_level_0__"]
)  # fmt: skip
_HARMLESS_ENDS = (
    "_id", "_ids", "_uuid", "_idx", "_index", "_hash", "_score", "_scores", "_rating", "_url",
    "_date", "_time", "_at", "_by", "_name", "_type", "_source", "_lang", "_language", "_count",
    "_tokens", "_length", "_model", "_metadata", "_tags", "_category", "_license",
)  # fmt: skip
_TEXTS = frozenset(
    ["context", "contexts", "passage", "passages", "background", "knowledge", "evidence", "persona",
     "scenario", "suffix", "rationale", "explanation", "hint", "hints", "few_shot", "prompt",
     "question", "query", "instruction", "instructions", "input", "inputs", "problem",
     "completion", "answer", "answers", "response", "responses", "output", "outputs", "solution",
     "target", "text", "messages", "conversations", "conversation", *REASONING, *MORE_REASONING,
     *SYSTEM]
)  # fmt: skip
_LONG_WORDS, _LONG_CHARS = 5, 100
"""Text of so many words or characters may be a part of the prompt or of the answer."""
_LOOKED_AT = 2000
"""Characters of a text whose words are counted."""
_FLAGS = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}
_EMPTY_TEXTS = ("", "[]", "{}", "null", "none", "nan")


@lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """Return a name in lower case with `_` between its words: `Sample Weight`, `sampleWeight`."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[\s.-]+", "_", split).lower()


def is_empty(value: object) -> bool:
    """Return whether a value says nothing: null, an empty text, list or object, or text of one."""
    if isinstance(value, str):
        return len(value) <= 4 and value.strip().lower() in _EMPTY_TEXTS
    return value is None or value == [] or value == {}


def flag(value: object) -> bool | None:
    """Return a true or false value, also as 1, 0, `1.0` or `true`; None for anything else."""
    if isinstance(value, bool):
        return value
    said = str(value).strip().lower() if isinstance(value, int | float | str) else ""
    return _FLAGS.get(said)


def meaning(name: str, value: object) -> str:
    """Return why a key that is not used changes what the row means, as a clause; empty if it does
    not, or if its value is the usual one."""
    known = plain(name)
    if known in _WEIGHTS:
        return "" if flag(value) is True else "but all rows count alike"
    if known in _TRUE:
        return "" if flag(value) is True else "which is not supported at this place"
    if known in _FALSE and (flag(value) is not None or known not in ("prefix", "partial")):
        return "which is not supported at this place" if flag(value) is not False else ""
    if known in ("label", "kto_tag") and str(value).lower() == "false":
        return "which marks a bad answer"
    if known == "channel" and value == "final":
        return ""
    return _MEANING.get(known, "")


def may_be_text(name: str, value: object) -> bool:
    """Return whether a key that is not used may hold text of the prompt or of the answer.

    Its name says so, or its value is a long text or a list of objects, and its name is not one
    that is known to be about the row instead.
    """
    known = plain(name)
    if known in _TEXTS:
        return isinstance(value, str | list | dict)
    if known in _HARMLESS or known.endswith(_HARMLESS_ENDS) or known.startswith("_"):
        return False
    if isinstance(value, list):
        return any(isinstance(one, dict) for one in value[:1])
    said = value[:_LOOKED_AT] if isinstance(value, str) else ""
    return len(said) >= _LONG_CHARS or len(said.split()) >= _LONG_WORDS
