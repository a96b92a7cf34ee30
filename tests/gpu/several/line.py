"""A line of a table of trainings: `ENGINE[+OFFLOAD] METHOD MODEL [KEY=VALUE ...]`.

| key | value | usual |
|---|---|---|
| `rows` | `fixed`: rows of `length` tokens; `passes`: shorter ones, padding-free | `fixed` |
| `length` | tokens of the longest row | 2048 |
| `micro` | rows of a micro-batch; of passes, how many rows of `length` one may hold | 2 |
| `accumulation` | micro-batches of each rank in a step | 2 |
| `checkpointing` | `on` or `off` | `on` |
| `kernels` | of passes: `eager` or `compiled` | `eager` |
| `graphs` | of passes: recorded sizes | 0 |
| `steps` | optimizer steps | 9 |
| `layers` | of the model, at its full width; 0 for all | 0 |
| `bare` | pairs with a plain script with the same engine, order alternated | 0 |
| `most` | seconds after which a training is ended | 150 |
| `profile` | profile some steps and time the links, if 1; such a line is slower | 0 |
| `resumes` | stop after a third of the steps and resume from the checkpoint, if 1 | 0 |
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planner.catalogue import lookup
from planner.data.tokens import layout, sizes
from planner.models.architecture import architecture
from planner.models.facts import ModelFacts
from planner.models.parameters import parameter_count
from tests import ranks as training
from tests.gpu.shallow import cut

TINY: Mapping[str, Any] = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "vocab_size": 512,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
}  # fmt: skip
_MEASURED = ("bare=", "steps=", "most=", "profile=", "resumes=")
"""Keys that change only how a line is measured."""
PERSISTENT_ELEMENTS = 100_000
"""Below so many, ZeRO stage 3 does not share a parameter: DeepSpeed's default."""


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    text: str
    ranks: int
    """Of engines with several processes."""
    tiny: bool
    """Whether the model is a tiny one of the same family with short rows, for a CPU."""

    @property
    def words(self) -> list[str]:
        """Engine, method and model."""
        return self.text.split()[:3]

    @property
    def engine(self) -> str:
        """What shares the training, without what it offloads."""
        return self.words[0].partition("+")[0]

    @property
    def processes(self) -> int:
        """Ranks of this line."""
        return 1 if self.engine == "single" else self.ranks

    @property
    def alone(self) -> str:
        """The same line on one card, without what changes only how it is measured."""
        keys = (word for word in self.text.split()[3:] if not word.startswith(_MEASURED))
        return " ".join(["single", *self.words[1:], *keys])

    def key(self, name: str, usual: str) -> str:
        """Return the value of a key."""
        pairs = (word.partition("=") for word in self.text.split()[3:])
        return {key: value for key, _, value in pairs}.get(name, usual)

    def number(self, name: str, usual: int) -> int:
        """Return the value of a key that is a number."""
        return int(self.key(name, str(usual)))

    @property
    def config(self) -> dict[str, Any]:
        """The `config.json` of its model."""
        return config_of(self.words[2], self.number("layers", 0), tiny=self.tiny)

    @property
    def model(self) -> ModelFacts:
        """What the planner knows of its model."""
        return facts_of(self.words[2], self.config)

    def case(self, base: Path, work: Path) -> training.Case:
        """Return the training."""
        _, _, offload = self.words[0].partition("+")
        count = self.processes
        length = 64 if self.tiny else self.number("length", 2048)
        micro, accumulation = self.number("micro", 2), self.number("accumulation", 2)
        passes = self.key("rows", "fixed") == "passes"
        case = training.Case(
            base=str(base), work=str(work), method=self.words[1], engine=self.engine, ranks=count,
            offload=offload or "none", steps=self.number("steps", 9),
            step_rows=micro * accumulation * count, micro_batch=micro, missing=0, longest=length,
            shortest=length // 8 if passes else length, vocabulary=int(self.config["vocab_size"]),
            held_out=0, rank=16, saves=bool(self.number("resumes", 0)),
            pass_tokens=micro * length if passes else 0,
            persistent=0 if self.tiny else PERSISTENT_ELEMENTS,
            profiled=bool(self.number("profile", 0)),
        )  # fmt: skip
        return case.at(work, settings=self._settings(case))

    def _settings(self, case: training.Case) -> dict[str, Any]:
        found: dict[str, Any] = {"evaluate_steps": 1_000_000, "learning_rate": 1e-4}
        if self.tiny:
            return found
        found |= {"dtype": "bfloat16", "optimizer": "adamw_torch_fused"}
        found |= {"checkpointing": self.key("checkpointing", "on") == "on"}
        if case.pass_tokens:
            found |= {"attention": "varlen", "kernels": self.key("kernels", "eager")}
        if graphs := self.number("graphs", 0):
            found |= {"graph_sizes": _sizes(case, graphs), "checkpointing": False}
        return found


def _sizes(case: training.Case, count: int) -> list[int]:
    rows = [row.length for row in training.rows_of(case)]
    each = case.step_rows
    laid = layout.steps(rows, training.order(case)(0), each, case.pass_tokens, case.ranks)
    return list(sizes.sizes([sum(rows[at] for at in one) for step in laid for one in step], count))


def config_of(model: str, layers: int = 0, *, tiny: bool = False) -> dict[str, Any]:
    """Return the `config.json` of a model of the catalogue, by the last part of its name; with
    `layers` of a model with as many."""
    found = next(one for one in lookup.models() if one.name.rpartition("/")[2] == model)
    own = dict(found.config)
    if not tiny:
        return cut(own, layers) if layers else own
    per_layer = {"layer_types": own["layer_types"][:2]} if "layer_types" in own else {}
    return own | {**TINY, **per_layer}


def facts_of(model: str, config: Mapping[str, Any]) -> ModelFacts:
    """Return what the planner knows of a model with this `config.json`."""
    shape = architecture(config, model)
    return ModelFacts(model, (), shape, parameter_count(shape), "BF16")


def lines(table: Path, ranks: int, *, tiny: bool) -> Iterator[Line]:
    """Yield the lines of a table."""
    for text in table.read_text("utf-8").splitlines():
        if plain := " ".join(text.partition("#")[0].split()):
            yield Line(plain, ranks, tiny)
