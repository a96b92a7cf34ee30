"""The machine, and which methods fit on it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lockfiles.harmless import joined
from lockfiles.measured import tokens
from planner.machines.facts import Gpu, MachineFacts
from planner.machines.occupancy import taken
from tui.session.lines import bar, clip
from tui.terminal.units import memory, size

if TYPE_CHECKING:
    from planner.search.choose import Choice

METHODS = {"qlora": "QLoRA", "lora": "LoRA", "full": "Full"}
"""The displayed name of each method."""
_BAR_CELLS = 18
_TIGHT = 0.9
"""Share of the budget above which a method is shown as tight."""


def render(machine: MachineFacts, *, saved: bool) -> str:
    """Return the GPUs, memory and disk; `saved` if they come from another machine's file."""
    where = "Planning for the machine in the file" if saved else "This machine"
    cards = [line for index, gpu in enumerate(machine.gpus) for line in _card(index, gpu)]
    return joined(
        (
            f"{where}{f' · driver {machine.driver}' if machine.driver else ''}",
            *(cards or ["No NVIDIA GPU: training runs on the CPU."]),
            *([machine.problem] if machine.problem else []),
            f"CPU {machine.cpu_cores} cores · RAM {memory(machine.ram_bytes)} "
            f"({memory(machine.ram_free_bytes)} free)",
            f"Disk {size(machine.disk_free_bytes)} free here",
        )
    )


def fits(found: Mapping[str, "Choice | str"], name: str, longest: int) -> str:
    """Return a line for each method: a memory bar if it fits, else why it does not."""
    lines = [f"{name}, rows of up to {longest:,} tokens:"]
    for kind, choice in found.items():
        lines.append(f"  {METHODS[kind]:<7}{_fit(choice)}")
    return joined(lines)


def _fit(choice: "Choice | str") -> str:
    if isinstance(choice, str):
        return f"no: {choice}"
    needed = choice.estimate.peak.peak_bytes
    chosen_to_fill = choice.profile.pass_tokens > 0
    tight = needed > _TIGHT * choice.budget_bytes and not chosen_to_fill
    bars = bar([needed], choice.budget_bytes, _BAR_CELLS)
    fast = f"  {tokens(choice.rate.tokens_per_second)}" if choice.rate else ""
    word = "tight" if tight else "fits"
    return f"{bars} {memory(needed):>10} of {memory(choice.budget_bytes)}  {word}{fast}"


def _card(index: int, gpu: Gpu) -> list[str]:
    kind = "" if gpu.vendor == "AMD" else "cc "
    line = (
        f"GPU {index}  {clip(gpu.name, 24)}  {memory(gpu.memory_bytes)}  "
        f"{memory(gpu.free_bytes)} free  {kind}{gpu.compute_capability}"
    )
    busy = taken(gpu)
    return [line, f"  {busy}"] if busy else [line]
