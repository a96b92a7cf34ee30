"""`python -m tests.runner.trace.families NAME ...`: the closed form against the trace.

NAME is a `config.json` or a `model_type`, which stands for its class's defaults. For the model with
all layers, and cut to `--layers`, each plan of full, LoRA and QLoRA with and without checkpointing
gives the peak of both and the difference, then each phase with the closed form's components.
`--tensors` adds the largest tensors that are alive at the trace's peak.
"""

import argparse
import json
import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lockfiles.errors import UsageProblem
from planner.memory import Estimate, Profile, estimate
from planner.models.architecture import Architecture, architecture
from planner.models.facts import ModelFacts, parameter_count
from planner.search.lora_targets import preset
from runner.trace import OUTSIDE
from tests.runner.trace.cuts import WIDTHS, cut, depth_of

PLAN = Profile(
    device="cuda", method="lora", rank=16, targets=(), length=1024, micro_batch=2,
    checkpointing=False, dtype="bfloat16", dropout=0.05, padded=False, autocast=True, fused=True,
)  # fmt: skip
METHODS: Mapping[str, dict[str, Any]] = {
    "full": {"method": "full", "rank": 0, "dropout": 0.0},
    "lora": {"method": "lora"},
    "qlora": {"method": "qlora"},
}
MIB = 1 << 20


def config_of(name: str) -> dict[str, Any]:
    """Return what a `config.json` says of a text decoder; for a name, a real model's widths or the
    defaults of the family's class."""
    if Path(name).is_file():
        return complete(json.loads(Path(name).read_text("utf-8")))
    return complete({"model_type": name} | WIDTHS.get(name, {}))


def complete(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same with the defaults of the class, such as the kind of each layer."""
    from transformers import CONFIG_MAPPING

    given = {name: each for name, each in fields.items() if name != "quantization_config"}
    made = CONFIG_MAPPING[given.pop("model_type")](**given).get_text_config()
    named = {"model_type": made.model_type, "num_hidden_layers": made.num_hidden_layers}
    return dict(made.to_dict()) | named


def plans(dropout: float, methods: Iterable[str]) -> Iterator[Profile]:
    """Yield the plans that are compared, without targets."""
    for method in methods:
        for checkpointing in (False, True):
            plan = replace(PLAN, dropout=dropout, checkpointing=checkpointing)
            yield replace(plan, **METHODS[method])


def with_targets(plan: Profile, shape: Architecture | None) -> Profile:
    """Return a plan that adapts all linear layers of the closed form, if it knows the family."""
    adapts = shape is not None and plan.method != "full"
    return replace(plan, targets=preset(shape, "all-linear")) if shape and adapts else plan


def shape_of(config: Mapping[str, Any]) -> Architecture | None:
    """Return the shape of a model; None for a family that the closed form does not know."""
    try:
        return architecture(dict(config), "config.json")
    except UsageProblem as problem:
        print(f"  closed form: {problem.message}")
        return None


def closed(shape: Architecture, plan: Profile) -> Estimate:
    """Return the closed form's estimate."""
    return estimate(ModelFacts("", (), shape, parameter_count(shape), "BF16"), plan)


def by_phase(traced: Mapping[str, int]) -> dict[str, int]:
    """Return the trace's peak in each phase, from that in each moment."""
    found: dict[str, int] = {}
    for moment, size in traced.items():
        phase = moment.partition(":")[0]
        found[phase] = max(found.get(phase, 0), size)
    return found


def inside(components: Mapping[str, int]) -> int:
    """Return the bytes of the components that are tensors."""
    return sum(size for what, size in components.items() if what not in OUTSIDE)


def compare(config: Mapping[str, Any], plan: Profile, tensors: int) -> None:
    """Print one plan: the peaks, each phase and, if asked, the largest tensors at the peak."""
    from runner.trace.step import whole_peaks

    shape = shape_of(config)
    plan = with_targets(plan, shape)
    traced = whole_peaks(config, plan)
    phases = by_phase(traced)
    peak = max(phases.values())
    name = f"{plan.method}{', checkpointing' if plan.checkpointing else ''}"
    if shape is None:
        print(f"  {name}: trace {_mib(peak)}", {k: _mib(v) for k, v in traced.items()})
    else:
        made = closed(shape, plan).phases
        most = max(inside(phase.components) for phase in made)
        print(f"  {name}: closed {_mib(most)}, trace {_mib(peak)}: {most / peak - 1:+.2%}")
        for phase in made:
            size, seen = inside(phase.components), phases.get(phase.name, 0)
            error = f"{size / seen - 1:+.1%}" if seen else "-"
            parts = ", ".join(f"{what} {_mib(each)}" for what, each in phase.components.items())
            print(f"    {phase.name}: {_mib(size)} / {_mib(seen)} ({error}): {parts}")
        for moment, size in traced.items():
            if ":" in moment:
                print(f"    {moment}: {_mib(size)}")
    if tensors:
        from tests.runner.trace.alive import largest

        for size, what in largest(config, plan, tensors):
            print(f"    {_mib(size)}: {what}")


def _mib(size: int) -> str:
    return f"{size / MIB:,.0f} MiB"


def main() -> None:
    """Print the comparisons that the command line asks for."""
    warnings.simplefilter("ignore")
    logging.disable(logging.ERROR)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--layers", default="2,4", help="0 for all layers")
    parser.add_argument("--methods", default="full,lora,qlora")
    parser.add_argument("--dropout", type=float, default=0.05)
    parser.add_argument("--tensors", type=int, default=0, metavar="COUNT")
    asked = parser.parse_args()
    for name in asked.names:
        whole = config_of(name)
        for layers in map(int, asked.layers.split(",")):
            config = cut(whole, layers) if layers else whole
            print(f"{name}, {layers or depth_of(whole)} layers", flush=True)
            for plan in plans(asked.dropout, asked.methods.split(",")):
                compare(config, plan, asked.tensors)


if __name__ == "__main__":
    main()
