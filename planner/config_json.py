"""Fields of a model's `config.json`, under the names that its family gives them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lockfiles.errors import UsageProblem
from planner.families import Flag

NAMES: Mapping[str, tuple[str, ...]] = {
    "hidden_size": ("n_embd", "n_embed", "d_model"),
    "num_hidden_layers": ("n_layer", "n_layers"),
    "num_attention_heads": ("n_head", "n_heads"),
    "num_key_value_heads": ("num_kv_heads",),
    "intermediate_size": ("ffn_hidden_size", "ffn_dim", "n_inner"),
    "max_position_embeddings": ("n_positions", "seq_length"),
    "num_experts": ("num_local_experts",),
}
"""Other names under which families have the same field."""


@dataclass(frozen=True)
class ConfigJson:
    """A `config.json`, with one sentence for each way in which a field can be wrong."""

    values: Mapping[str, Any]
    """Its fields."""
    name: str
    """What errors call it, such as its path."""

    def integer(self, field: str, default: int | None = None) -> int:
        """Return a whole number above 0; raises UsageProblem for anything else."""
        value = self._value(field, default)
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            raise self._wrong(f"`{field}` in `{self.name}` is not a whole number above 0.")
        return value

    def text(self, field: str) -> str:
        """Return a text; raises UsageProblem for anything else."""
        value = self._value(field, None)
        if not isinstance(value, str):
            raise self._wrong(f"`{field}` in `{self.name}` is not a text.")
        return value

    def flag(self, flag: Flag) -> bool:
        """Return whether a family, or the field that it names, says yes."""
        return flag if isinstance(flag, bool) else self.values.get(flag) is True

    def refusal(self, why: str) -> UsageProblem:
        """Return the error for a model that is not understood; `why` completes the sentence."""
        return UsageProblem(
            f"The model of `{self.name}` {why}.",
            hint="choose a model of another family, such as `llama`, `qwen3` or `mixtral`",
        )

    def _value(self, field: str, default: object) -> Any:
        for key in (field, *NAMES.get(field, ())):
            if self.values.get(key) is not None:
                return self.values[key]
        if default is None:
            raise self._wrong(f"`{self.name}` has no field `{field}`.")
        return default

    def _wrong(self, sentence: str) -> UsageProblem:
        return UsageProblem(sentence, hint=f"get `{self.name}` again, of a causal language model")
