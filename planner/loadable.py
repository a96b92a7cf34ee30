"""Whether the small files of a model have values of the kinds that transformers loads.

Its configuration classes check the kinds of their fields, its tokenizers those of a few. What they
would refuse when training begins, and what would fail after it, is refused here, in one sentence.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lockfiles.errors import UsageProblem
from lockfiles.harmless import one_line
from planner import config_json
from planner.model_folder import CONFIG

Is = Callable[[Any], bool]
DTYPES = ("float32", "float16", "bfloat16")
"""In which a model is loaded, merged and saved."""


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 1000


def _id(value: Any) -> bool:
    return type(value) is int and -1 <= value <= config_json.MOST["vocab_size"]


def _ids(value: Any) -> bool:
    return _id(value) or (isinstance(value, list) and len(value) <= 1000 and all(map(_id, value)))


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _dtype(value: Any) -> bool:
    return value in DTYPES if isinstance(value, str) else False


def _token(value: Any) -> bool:
    return _text(value) or (_table(value) and _text(value.get("content")))


def _side(value: Any) -> bool:
    return value in ("left", "right") if isinstance(value, str) else False


_CONFIG: Mapping[str, tuple[Is, str]] = {
    **dict.fromkeys(("dtype", "torch_dtype"), (_dtype, "float32, float16 or bfloat16")),
    **dict.fromkeys(
        ("rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "norm_epsilon",
         "initializer_range", "attention_dropout", "rope_theta"),
        (_number, "a number"),
    ),
    **dict.fromkeys(
        ("attention_bias", "mlp_bias", "use_cache", "tie_word_embeddings", "use_sliding_window"),
        (_flag, "true or false"),
    ),
    **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"), (_ids, "token ids")),
    **dict.fromkeys(("hidden_act", "activation_function"), (_text, "a text")),
    **dict.fromkeys(("rope_parameters", "rope_scaling"), (_table, "a table")),
    "architectures": (_texts, "a list of texts"),
}  # fmt: skip
_GENERATION: Mapping[str, tuple[Is, str]] = {
    **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"), (_ids, "token ids")),
    **dict.fromkeys(
        ("temperature", "top_k", "top_p", "repetition_penalty", "max_new_tokens", "max_length",
         "min_length", "num_beams"),
        (_number, "a number"),
    ),
    "do_sample": (_flag, "true or false"),
}  # fmt: skip
_TOKENIZER: Mapping[str, tuple[Is, str]] = {
    **dict.fromkeys(
        ("pad_token", "eos_token", "bos_token", "unk_token"), (_token, "the text of a token")
    ),
    **dict.fromkeys(("padding_side", "truncation_side"), (_side, "left or right")),
    "model_max_length": (_number, "a number"),
}
FILES = {
    CONFIG: _CONFIG,
    "generation_config.json": _GENERATION,
    "tokenizer_config.json": _TOKENIZER,
}


def check_loadable(folder: Path) -> None:
    """Raise UsageProblem where a field in a model's small files is of another kind; null is none's.

    Files that are not there have nothing wrong.
    """
    for name, kinds in FILES.items():
        path = folder / name
        if not path.is_file():
            continue
        values = config_json.read(path)
        for key, (fits, kind) in kinds.items():
            value = values.get(key)
            if value is not None and not fits(value):
                raise UsageProblem(
                    f"`{key}` in `{path}` is `{one_line(value, most=60)}`, and must be {kind}.",
                    hint=f"copy or download `{name}` again",
                )
