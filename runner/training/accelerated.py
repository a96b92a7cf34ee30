"""What makes passes fast on a card: compiled and recorded layers, products of the base in FP8, and
the scored positions only."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from lockfiles.lock import Train
from runner.training.compiled import compile_layers
from runner.training.fp8 import round_base
from runner.training.graphs import Graphs
from runner.training.scored import Scored


@dataclass(frozen=True)
class Accelerated:
    """The changes to a model."""

    chosen: bool = False
    """Whether its decoder takes the positions to score."""
    compiled: bool = False
    graphs: Graphs | None = None

    @classmethod
    def of(cls, model: Any, settings: Train, *, choose: bool) -> "Accelerated":
        """Change a model, with or without an adapter, for the passes of a lock.

        `choose` says whether only scored positions are returned, which is for cards: TRL scores all
        of them on a CPU.
        """
        if settings.base_products == "fp8":
            round_base(model)
        if settings.kernels == "compiled":
            compile_layers(model)
        whole = model.get_base_model() if hasattr(model, "peft_config") else model
        decoder = whole.base_model
        graphs = None
        if settings.graph_sizes and torch.cuda.is_available():
            decoder.forward = graphs = Graphs(decoder)
        if choose:
            decoder.forward = Scored(decoder.forward)
        return cls(choose, settings.kernels == "compiled", graphs)

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Compute layers uncompiled: compiling them once more, without gradients, takes longer."""
        if not self.compiled:
            yield
            return
        with torch.compiler.set_stance("force_eager"):
            yield
