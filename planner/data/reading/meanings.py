"""What a key that is not used says by its name: whether the row means something else without it."""

from collections.abc import Mapping

from planner.data.reading.names import (
    CALLS,
    HISTORY,
    MARKS,
    MORE_REASONING,
    REASONING,
    SYSTEM,
    TOOLS,
    flag,
    plain,
)

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
_BAD = frozenset(
    ["false", "bad", "wrong", "incorrect", "rejected", "undesirable", "unhelpful", "dislike",
     "thumbs_down", "thumbs down", "\U0001f44e"]
)  # fmt: skip
"""Labels of bad answers, as text. A 0 may be a class."""
_JUDGED = frozenset(
    ["label", "kto_tag", "correct", "is_correct", "preferred", "accepted", "is_accepted", "liked",
     "good", "is_good", "helpful", "is_helpful", "thumbs_up"]
)  # fmt: skip
"""Keys that may say whether an answer is good."""
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
     "scenario", "suffix", "rationale", "explanation", "hint", "hints", "few_shot", "prefix",
     "prompt",
     "question", "query", "instruction", "instructions", "input", "inputs", "problem",
     "completion", "answer", "answers", "response", "responses", "output", "outputs", "solution",
     "target", "text", "messages", "conversations", "conversation", *REASONING, *MORE_REASONING,
     *SYSTEM]
)  # fmt: skip
_LONG_WORDS, _LONG_CHARS = 5, 100
"""Text of so many words or characters may be a part of the prompt or of the answer."""
_LOOKED_AT = 2000
"""Characters of a text whose words are counted."""


def meaning(name: str, value: object) -> str:
    """Return why a key that is not used changes what the row means, as a clause; empty if it does
    not, or if its value is the usual one."""
    known = plain(name)
    if known in _WEIGHTS:
        return "" if flag(value) is True else "and only 1 is supported here"
    if known in _TRUE:
        return "" if flag(value) is True else "which is not supported at this place"
    if known in _FALSE and (flag(value) is not None or known not in ("prefix", "partial")):
        return "which is not supported at this place" if flag(value) is not False else ""
    if known in ("label", "kto_tag") and str(value).strip().lower() in _BAD:
        return "which marks a bad answer"
    if known == "channel" and value == "final":
        return ""
    return _MEANING.get(known, "")


def judgment(name: str, value: object) -> bool | None:
    """Return whether a key that is not used may say that the answer is good; None if it cannot."""
    return flag(value) if plain(name) in _JUDGED else None


def is_harmless(name: str) -> bool:
    """Return whether a key never changes what a row means, whatever its value is."""
    known = plain(name)
    special = known in _WEIGHTS or known in _TRUE or known in _FALSE or known in _MEANING
    if special or known in _JUDGED or known in MARKS or known in REASONING:
        return False
    return _is_about_the_row(known)


def _is_about_the_row(known: str) -> bool:
    return known in _HARMLESS or known.endswith(_HARMLESS_ENDS) or known.startswith("_")


def may_be_text(name: str, value: object) -> bool:
    """Return whether a key that is not used may hold text of the prompt or of the answer.

    Its name says so, or its value is a long text or a list of objects, and its name is not one
    that is known to be about the row instead.
    """
    known = plain(name)
    if known in _TEXTS:
        return isinstance(value, str | list | dict)
    if _is_about_the_row(known):
        return False
    if isinstance(value, list):
        return any(isinstance(one, dict) for one in value[:1])
    said = value[:_LOOKED_AT] if isinstance(value, str) else ""
    return len(said) >= _LONG_CHARS or len(said.split()) >= _LONG_WORDS
