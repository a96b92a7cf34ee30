"""The engines that a lock may train with: a closed table, since a lock may name no code.

An engine has a module of its name here, in `planner.parallelism` and, where this version runs it,
in `runner.engines`. The order here is the order of preference.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Literal

from lockfiles.engines.engine import Engine

NAMES: tuple[str, ...] = (
    "single",
    "ddp",
    "zero1",
    "zero2",
    "zero3",
    "fsdp2",
)
ENGINES: dict[str, Engine] = {
    name: import_module(f"lockfiles.engines.{name}").ENGINE for name in NAMES
}
SPREADING = tuple(name for name, engine in ENGINES.items() if engine.most_processes != 1)
"""Those with which several processes train together."""

if TYPE_CHECKING:
    EngineName = str
else:
    EngineName = Literal[NAMES]
