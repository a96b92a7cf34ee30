"""The chosen method: its memory by component, the reason for each value, the alternatives."""

from typing import TYPE_CHECKING

from lockfiles.harmless import joined
from lockfiles.measured import rate
from tui.session.lines import bar
from tui.session.panels.machine import METHODS
from tui.terminal import units

if TYPE_CHECKING:
    from planner.search.choose import Choice

_BAR_CELLS = 40
_NAMED = 4
"""Number of components in the legend, the largest first."""


def _batch(choice: "Choice") -> str:
    plan = choice.profile
    if plan.pass_tokens:
        rows = choice.micro_batch * choice.accumulation * plan.ranks
        return f"{rows} rows a step, in passes of up to {plan.pass_tokens:,} tokens"
    processes = f" in each of {plan.ranks} processes" if plan.ranks > 1 else ""
    return f"micro-batch {choice.micro_batch} x {choice.accumulation} accumulation{processes}"


def render(choice: "Choice") -> str:
    """Return the plan, its memory, the reason for each value, and the rejected alternatives."""
    packing, checkpointing = choice.profile.packing, choice.checkpointing
    adapter = f", rank {choice.rank}, alpha {choice.alpha}" if choice.rank else ""
    lines = [
        f"{METHODS[choice.kind]}{adapter} · {choice.dtype} · "
        f"learning rate {choice.learning_rate:g}",
        f"{_batch(choice)} · checkpointing {_switch(checkpointing)} · packing {_switch(packing)}",
        *_rate(choice),
        *memory(choice),
        "",
        "Why:",
        *(f"  {key}: {sentence}" for key, sentence in choice.why.items()),
    ]
    if choice.rejected:
        lines += ["", "Not chosen (press Enter on Method to choose another):"]
        lines += [
            f"  {other.what}: {units.memory(other.needed_bytes)}. {other.reason}"
            for other in choice.rejected
        ]
    return joined(lines)


def _rate(choice: "Choice") -> list[str]:
    found = choice.rate
    return [f"Speed {rate(found.tokens_per_second, found.flops_share)}"] if found else []


def _switch(on: bool) -> str:
    return "on" if on else "off"


def memory(choice: "Choice") -> list[str]:
    """Return the peak and the budget, a bar of the components, and the largest of them."""
    peak = choice.estimate.peak
    parts = sorted(peak.components.items(), key=lambda part: -part[1])
    named, rest = parts[:_NAMED], sum(size for _, size in parts[_NAMED:])
    legend = [f"{part} {units.memory(size)}" for part, size in named]
    sizes = [size for _, size in named] + [rest]
    return [
        f"Memory {units.memory(peak.peak_bytes)} of {units.memory(choice.budget_bytes)} "
        f"at its peak ({peak.name})",
        f"  {bar(sizes, choice.budget_bytes, _BAR_CELLS)}",
        f"  {' · '.join((*legend, f'other {units.memory(rest)}'))}",
    ]
