"""What to trace of a model whose architecture the closed form does not know, and the result."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from lockfiles.errors import DoesNotFit, UsageProblem
from lockfiles.fixes import Advice, Fixes, Option
from planner.catalogue.lookup import accelerators
from planner.fit.answers import Answer
from planner.fit.machines import cards
from planner.fit.models import UnknownModel
from planner.fit.request import LENGTH, Wish
from planner.machines.facts import MachineFacts
from planner.memory import Estimate
from planner.models.architecture import Architecture
from planner.models.shapes.config_json import NAMES, ConfigJson
from planner.search.budget import budget
from planner.search.dropout import DROPOUT
from planner.search.from_answers import RANKS
from planner.search.plan import Plan
from planner.search.reasons import MEASURED
from planner.search.rejected import where
from planner.search.request import EFFECTIVE_BATCH, Request
from planner.search.space import Space
from planner.search.wording import describe, gib
from planner.setup.setup import Kind, Profile

_METHODS: tuple[Kind, ...] = ("full", "lora", "qlora")


@dataclass(frozen=True)
class TracedModel:
    """What a trace finds out about a model."""

    name: str
    """A Hub id, or the path of a `config.json`."""
    source: str
    """`hub` or `file`."""
    family: str
    """Its `model_type`; of a multimodal model, that of its decoder."""
    context: int | None
    """The longest row that it was made for, in tokens; None where unknown."""
    parameters: int = 0
    """Total elements of all tensors; 0 before the trace."""
    license: str = ""
    """Unknown."""
    gated: bool = False
    """Unknown."""
    gate_seen: str = ""
    """Unknown."""
    quantized: str = ""
    """Empty: quantized weights are refused before a trace."""
    unquantized: str = ""
    """Empty, too."""


@dataclass(frozen=True)
class UnknownRequest:
    """A question to `tunelock fit` that only a trace answers; call `check` on it first."""

    asked: UnknownModel
    """The base model."""
    machine: MachineFacts
    """The machine, with a single card or none."""
    wish: Wish
    """The options."""
    parameters: int = 0
    """Total elements of the model's tensors; 0 before a trace."""

    def check(self) -> None:
        """Raise UsageProblem for options that cannot be traced, and for absurd sizes."""
        self._fields.within()
        for contradicts, sentence, fix in self._contradictions():
            if contradicts:
                raise UsageProblem(sentence, fix=fix)

    @cached_property
    def model(self) -> TracedModel:
        """The base model, as far as its `config.json` says."""
        family, context = self._fields.text("model_type"), self._known("max_position_embeddings")
        return TracedModel(self.asked.name, self.asked.source, family, context, self.parameters)

    @property
    def nodes(self) -> int:
        """Machines that train together."""
        return self.wish.nodes

    @property
    def hidden(self) -> int:
        """The width of the model; 1 where unknown."""
        return self._known("hidden_size") or 1

    @property
    def longest(self) -> int:
        """Tokens of the longest row."""
        return self.wish.length or min(LENGTH, self.model.context or LENGTH)

    @property
    def lengths(self) -> tuple[int, ...]:
        """Empty: every row counts as the longest."""
        return ()

    @cached_property
    def budget_bytes(self) -> int:
        """Bytes available to the process."""
        return budget(self.machine)

    @cached_property
    def plans(self) -> Mapping[Kind, Profile]:
        """The plan of each method: the smallest, where nothing else is set."""
        wish = self.wish
        kinds = (wish.method,) if wish.method else _METHODS
        size, on = wish.micro_batch or 1, wish.checkpointing is not False
        return {kind: self._space.profile(kind, size, on, False) for kind in kinds}

    def answer(self, kind: Kind, estimate: Estimate) -> Answer:
        """Return the answer for a method with the traced memory of its plan."""
        profile = self.plans[kind]
        times = self._space.accumulation(profile.micro_batch)
        plan = Plan(profile, times, estimate, self.budget_bytes)
        return Answer(plan, None, tuple(self._why(plan)))

    def refusal(self, found: Sequence[Answer]) -> DoesNotFit:
        """Return the error for plans of which none fits, with a card that would be large enough."""
        least = min((one.plan for one in found), key=lambda plan: plan.wanted_bytes)
        larger = _card(least.wanted_bytes)
        other = Advice("choose a smaller model")
        return DoesNotFit(
            f"No plan fits: the smallest ({describe(least.profile)}) needs "
            f"{gib(least.wanted_bytes)}, but only {gib(self.budget_bytes)} of "
            f"{where(self.machine, 1)} is available.",
            fix=Option("--gpu {}", larger, to="it would fit with") if larger else other,
        )

    @cached_property
    def _fields(self) -> ConfigJson:
        inner = self.asked.config.get("text_config")
        values = {**self.asked.config, **(inner if isinstance(inner, Mapping) else {})}
        return ConfigJson(values, self.asked.name)

    def _known(self, field: str) -> int | None:
        given = any(self._fields.values.get(key) for key in (field, *NAMES.get(field, ())))
        return self._fields.integer(field) if given else None

    @cached_property
    def _space(self) -> Space:
        wish = self.wish
        share = EFFECTIVE_BATCH
        if wish.micro_batch:
            times = wish.accumulation or -(-share // wish.micro_batch)
            share = times * wish.micro_batch
        request = Request(
            longest=self.longest,
            rank=wish.rank or RANKS["behavior"],
            targets=(),
            dropout=DROPOUT if wish.dropout is None else wish.dropout,
            objective=wish.objective,
            method=wish.method,
            optimizer=wish.optimizer,
            effective_batch=share,
            micro_batch=wish.micro_batch,
            accumulation=wish.accumulation,
            packing=False,
            parallel="single",
        )
        return Space(request, _Shapeless(), self.machine)

    def _why(self, plan: Plan) -> Iterator[str]:
        need, available = gib(plan.wanted_bytes), gib(self.budget_bytes)
        yield (
            f"It needs {need} of {available} available."
            if plan.fits
            else f"It needs {need}, but only {available} is available."
        )
        options = ["`--micro-batch`"] * (self.wish.micro_batch is None)
        options += ["`--no-checkpointing`"] * (self.wish.checkpointing is None)
        if plan.fits and options:
            yield f"Only the smallest plan was traced; {' and '.join(options)} trace others."

    def _contradictions(self) -> Iterator[tuple[bool, str, Fixes]]:
        wish, family = self.wish, self.model.family
        yield (
            bool(len(self.machine.gpus) > 1 or wish.parallel or wish.offload not in (None, "none")),
            f"`{family}` can only be traced, and a trace is for a single card.",
            Option("--gpu NAME", to="use one card:"),
        )
        yield (
            bool(wish.packing),
            f"Whether packing works with `{family}` is not known.",
            Option("--packing", to="leave out"),
        )
        yield (
            not self.machine.gpus and str(wish.optimizer).endswith("8bit"),
            f"`--optimizer {wish.optimizer}` needs a GPU, but this machine has none.",
            (Option("--optimizer adamw_torch", to="use"), Option("--gpu NAME")),
        )


class _Shapeless:
    """A model of which only sizes are asked that do not depend on its shape."""

    parameters, stored_bytes = 0, 0

    @property
    def architecture(self) -> Architecture:
        """Nobody knows it."""
        raise AssertionError("a plan that is traced depends on no shape")


def _card(need: int) -> str:
    """Return the smallest known card with so much available memory; empty if there is none."""
    known = [card for card in accelerators() if card.vendor == MEASURED]
    able = [card for card in known if budget(cards(card, 1)) >= need]
    names = [card.name for card in sorted(able, key=lambda card: card.memory_bytes)]
    return names[0].lower().replace(" ", "-") if names else ""
