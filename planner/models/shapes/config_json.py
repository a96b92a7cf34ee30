"""Reads the fields of a model's `config.json`, under the names that its family uses."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockfiles import bounded_json
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command
from lockfiles.harmless import one_line

Flag = bool | str
"""True or False for all models of a family, or the field of `config.json` with the value."""
NAMES: Mapping[str, tuple[str, ...]] = {
    "hidden_size": ("n_embd", "n_embed", "d_model"),
    "num_hidden_layers": ("n_layer", "n_layers"),
    "num_attention_heads": ("n_head", "n_heads"),
    "num_key_value_heads": ("num_kv_heads",),
    "intermediate_size": ("ffn_hidden_size", "ffn_dim", "n_inner"),
    "max_position_embeddings": ("n_positions", "seq_length"),
    "num_experts": ("num_local_experts", "moe_num_experts"),
    "num_experts_per_tok": ("moe_topk", "moe_k"),
}
"""Alternative names of fields in some families."""
MOST: Mapping[str, int] = {
    "hidden_size": 1 << 20,
    "num_hidden_layers": 4096,
    "num_attention_heads": 1 << 14,
    "num_key_value_heads": 1 << 14,
    "head_dim": 1 << 14,
    "intermediate_size": 1 << 22,
    "vocab_size": 1 << 24,
    "moe_intermediate_size": 1 << 22,
    "shared_expert_intermediate_size": 1 << 22,
    "num_experts": 1 << 14,
    "num_local_experts": 1 << 14,
    "n_routed_experts": 1 << 14,
    "num_experts_per_tok": 1 << 14,
    "n_shared_experts": 1 << 10,
    "moe_num_experts": 1 << 14,
    "moe_num_shared_experts": 1 << 10,
    "q_lora_rank": 1 << 20,
    "kv_lora_rank": 1 << 20,
    "qk_nope_head_dim": 1 << 14,
    "qk_rope_head_dim": 1 << 14,
    "v_head_dim": 1 << 14,
    "hc_mult": 1 << 6,
    "hc_sinkhorn_iters": 1 << 10,
    "index_head_dim": 1 << 14,
    "index_kpool": 1 << 14,
    "index_n_heads": 1 << 14,
    "index_topk": 1 << 24,
    "linear_head_dim": 1 << 14,
    "linear_num_heads": 1 << 14,
    "o_groups": 1 << 14,
    "o_lora_rank": 1 << 20,
    "sliding_window_pattern": 4096,
    "linear_conv_kernel_dim": 1 << 10,
    "linear_key_head_dim": 1 << 14,
    "linear_num_key_heads": 1 << 14,
    "linear_num_value_heads": 1 << 14,
    "linear_value_head_dim": 1 << 14,
}
"""The largest value of a field: far above that of any published model."""
MOST_OTHERWISE = 1 << 24
BETWEEN = "has dense layers between mixtures"
"""Completes the sentence of `ConfigJson.unsupported`."""
_MOST_CHARS = 100
"""Limit for names, such as that of a family."""
_MOST_NUMBER = 1e300
_OTHER = Advice("choose a model of another family, such as `llama`, `qwen3` or `mixtral`")
_UNLIMITED = frozenset(["time_step_limit", "mamba_dt_limit"])
"""Fields whose upper limit may be infinite."""


def read(path: Path) -> dict[str, Any]:
    """Return the fields of a `config.json` or another small JSON file of a model.

    Raises UsageProblem if it is not a JSON object, is too large, or has a number that is not
    finite.
    """
    values = bounded_json.read_object(path)
    if wrong := _not_finite(values):
        raise UsageProblem(
            f"`{one_line(wrong, most=_MOST_CHARS)}` in `{path}` is not a finite number.",
            fix=Advice(f"copy or download `{path.name}` again"),
        )
    return values


def _not_finite(values: Any, name: str = "") -> str:
    """Return the name of the first number that is not finite; empty if all are."""
    if isinstance(values, Mapping):
        return next((found for k, v in values.items() if (found := _not_finite(v, k))), "")
    if name in _UNLIMITED and isinstance(values, list):
        values = [value for value in values if value != math.inf]
    if isinstance(values, list):
        return next((found for value in values if (found := _not_finite(value, name))), "")
    if isinstance(values, float) and not math.isfinite(values):
        return name or "?"
    return (name or "?") if isinstance(values, int) and abs(values) > _MOST_NUMBER else ""


def _most(key: str) -> float:
    """Return the largest value of a field, under whatever name; any if it is not known."""
    if key == "depth" or "layers" in key:
        return MOST["num_hidden_layers"]
    named = (field for field, others in NAMES.items() if key in others)
    return MOST.get(next(named, key), math.inf)


class UnknownArchitecture(UsageProblem):
    """A model that only a trace can say something about."""


@dataclass(frozen=True)
class ConfigJson:
    """The fields of a `config.json`, with validated access."""

    values: Mapping[str, Any]
    """Its fields."""
    name: str
    """The name of the file in errors, such as its path."""

    def integer(self, field: str, default: int | None = None) -> int:
        """Return an integer from 1 to the limit in `MOST`. Raises UsageProblem otherwise."""
        value = self._value(field, default)
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            raise self._wrong(f"`{field}` in `{self.name}` is not a positive integer.")
        most = MOST.get(field, MOST_OTHERWISE)
        if value > most:
            raise self._wrong(f"`{field}` in `{self.name}` is larger than {most:,}.")
        return value

    def texts(self, field: str, known: Collection[str], count: int) -> tuple[str, ...]:
        """Return a list of `count` texts, each of them `known`. Raises UsageProblem otherwise."""
        found = self._list(field, count)
        if not all(isinstance(one, str) and one in known for one in found):
            several = " and ".join(f"`{one}`" for one in known)
            raise self._wrong(f"`{field}` in `{self.name}` has other items than {several}.")
        return tuple(found)

    def integers(self, field: str, count: int | None, *, least: int = 1) -> tuple[int, ...]:
        """Return a list of `count` integers from `least` to the limit in `MOST`.

        The list may have any length if `count` is None. Raises UsageProblem otherwise.
        """
        found, most = self._list(field, count), MOST.get(field, MOST_OTHERWISE)
        if not all(type(one) is int and least <= one <= most for one in found):
            raise self._wrong(f"`{field}` in `{self.name}` has items that are not from {least}.")
        return tuple(found)

    def count(self, field: str, default: int) -> int:
        """Return an integer from 0, as `integer` does from 1; `default` without the field."""
        value = self.values.get(field)
        given = default if value is None else value
        return 0 if type(given) is int and given == 0 else self.integer(field, default)

    def text(self, field: str) -> str:
        """Return a text. Raises UsageProblem for anything else."""
        value = self._value(field, None)
        if not isinstance(value, str) or len(value) > _MOST_CHARS:
            raise self._wrong(f"`{field}` in `{self.name}` is not a short text.")
        return value

    def flag(self, flag: Flag) -> bool:
        """Return the value of a flag, or of the field that it names."""
        return flag if isinstance(flag, bool) else self.values.get(flag) is True

    def refusal(self, why: str) -> UsageProblem:
        """Return the error for a model that cannot be trained; `why` completes the sentence."""
        return UsageProblem(f"The model of `{self.name}` {why}.", fix=_OTHER)

    def unsupported(self, why: str) -> UnknownArchitecture:
        """Return the error for a model that no plan supports yet; `why` completes the sentence."""
        model = self.name.removesuffix("/config.json")
        return UnknownArchitecture(
            f"The model of `{self.name}` {why}, which Tunelock does not support yet.",
            fix=(Command("tunelock fit {} --trace", model, to="see what it needs"), _OTHER),
        )

    def within(self) -> None:
        """Raise UsageProblem for a size, also of a part, above that of any published model."""
        for key, value in self.values.items():
            if isinstance(value, Mapping):
                ConfigJson(value, self.name).within()
            elif isinstance(value, int) and value > (most := _most(key)):
                field = one_line(key, most=_MOST_CHARS)
                raise self._wrong(f"`{field}` in `{self.name}` is larger than {most:,}.")

    def contradiction(self, why: str) -> UsageProblem:
        """Return the error for values that no model has together; `why` completes the sentence."""
        return UsageProblem(
            f"The model of `{self.name}` {why}.",
            fix=Advice(f"copy or download `{self.name}` again"),
        )

    def _list(self, field: str, count: int | None) -> list[Any]:
        value = self._value(field, None)
        if not isinstance(value, list) or (count is not None and len(value) != count):
            many = "" if count is None else f" of {count:,} items"
            raise self._wrong(f"`{field}` in `{self.name}` is not a list{many}.")
        return value

    def _value(self, field: str, default: object) -> Any:
        for key in (field, *NAMES.get(field, ())):
            if self.values.get(key) is not None:
                return self.values[key]
        if default is None:
            raise self._wrong(f"`{self.name}` has no field `{field}`.")
        return default

    def _wrong(self, sentence: str) -> UsageProblem:
        return UsageProblem(
            sentence, fix=Advice(f"download `{self.name}` again, from a causal language model")
        )
