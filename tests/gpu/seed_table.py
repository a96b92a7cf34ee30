"""The guide's table of memory by model size, answered by the tool and measured.

    python -m tests.gpu.seed_table OUT.jsonl [--seconds BUDGET]

The table says what QLoRA and full fine-tuning of 7-8B, 13B, 34B and 70B need, and names a card.
Each question is `tunelock fit MODEL --gpu CARD --method METHOD --offload none`. A plan that fits
runs with torch's allocator held to the card's memory. The least plan (one row of 2048 tokens,
checkpointing) runs whole where the measuring card holds it; otherwise, and to check that, at 2 and
4 layers of full width, from which its depth follows: each phase's peak is linear in the number of
layers. Plans for several cards are answered and not measured. Without OUT the trials are listed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from planner.catalogue import lookup
from planner.fit import machines, models
from planner.fit.request import FitRequest, Wish
from planner.search.plan import Plan
from planner.setup.setup import Kind
from tests.gpu.lines import Line, gib, ran
from tests.gpu.script import main
from tests.gpu.trials import CARD, Trial, shallow

LAYERS = (2, 4)
"""Depths from which a plan's own depth is extrapolated."""
WHOLE = 0.97
"""Share of the measuring card that a plan may need whole, by its estimate."""
COUNTS = (1, 2, 4, 8, 16, 32, 64)
"""Numbers of A100 80GB that full fine-tuning is asked for, until it fits."""


@dataclass(frozen=True)
class Size:
    """A row of the table."""

    name: str
    """The table's name of it."""
    model: str
    """The model of this size that is measured, without its owner."""
    said: Mapping[Kind, str]
    """Memory by method, as the table says it."""
    cards: tuple[str, ...]
    """The cards that it, or the text above it, names."""


TABLE = (
    Size("7-8B", "Llama-3.1-8B", {"qlora": "6-10 GB", "full": "60+ GB"}, ("RTX 3090", "RTX 4090")),
    Size("13B", "Llama-2-13b-hf", {"qlora": "10-16 GB", "full": "100+ GB"}, ("RTX 4090", "A6000")),
    Size("34B", "CodeLlama-34b-hf", {"qlora": "20-28 GB", "full": "250+ GB"}, ("A100 40GB",)),
    Size("70B", "Llama-3.1-70B", {"qlora": "36-48 GB", "full": "500+ GB"}, ("A6000", "A100 80GB")),
)
"""The text above the table has 70B fit a single card of 48 GB, which is the A6000 here."""


@dataclass(frozen=True)
class Question:
    """What is asked of `tunelock fit`."""

    size: Size
    """The row of the table."""
    method: Kind
    """What is trained."""
    card: str
    """The card's name."""
    count: int = 1
    """How many of them."""

    @property
    def name(self) -> str:
        """The question in a few words."""
        return f"{self.size.name}, {self.method}, {self.count} x {self.card}"

    @property
    def request(self) -> FitRequest:
        """The plans that `tunelock fit` scores."""
        machine = machines.named(f"{self.card}:{self.count}")
        wish = Wish(method=self.method, offload="none", packing=False)
        return FitRequest(models.find(self.size.model), machine, wish)


def questions() -> Iterator[Question]:
    """Yield the table's questions, and how many cards full fine-tuning takes."""
    for size in TABLE:
        for method in size.said:
            yield from (Question(size, method, card) for card in size.cards)
        counts = [Question(size, "full", "A100 80GB", count) for count in COUNTS]
        too_few = takewhile(lambda asked: not asked.request.best("full").fits, counts)
        yield counts[len(list(too_few))]


def trials() -> tuple[Trial, ...]:
    """Return the trials, the shortest first: plans that fit, the least ones, and shallow ones."""
    chosen = [_chosen(question) for question in questions()]
    every = [least(size, method) for size in TABLE for method in size.said]
    whole = [trial for trial in every if trial.plan.total_bytes <= WHOLE * _card_bytes()]
    few = [shallow(trial, layers) for trial in every for layers in LAYERS]
    found = [trial for trial in chosen if trial] + whole + few
    return tuple(sorted(found, key=lambda trial: trial.seconds))


def _chosen(question: Question) -> Trial | None:
    """Return the trial of a plan that fits one card, else None."""
    plan = question.request.best(question.method)
    if not plan.fits or question.count > 1:
        return None
    card = lookup.find_accelerator(question.card)
    return _trial(question.size, plan, "chosen", question.card, card.usable_bytes)


def least(size: Size, method: Kind) -> Trial:
    """Return the trial of the plan that needs least: one row at once, checkpointing."""
    tried = Question(size, method, size.cards[0]).request.candidates
    return _trial(size, tried.plan(tried.least(method)), "least", "", 0)


def _trial(size: Size, plan: Plan, which: str, card: str, cap_bytes: int) -> Trial:
    method = plan.profile.method
    facts = {
        "size": size.name, "method": method, "which": which, "card": card,
        "said": size.said[method],
    }  # fmt: skip
    name = ", ".join(filter(None, (size.name, method, which, card)))
    return Trial(name, models.find(size.model), plan, facts, cap_bytes=cap_bytes, steps=2)


def _card_bytes() -> int:
    return lookup.find_accelerator(CARD).usable_bytes


def extrapolated(shallower: Line, deeper: Line, layers: int) -> int:
    """Return the peak at a depth, from two lines of lesser depth."""
    at, then = int(shallower["layers"]), int(deeper["layers"])
    few: dict[str, int] = shallower["measured"]["peaks"]
    many: dict[str, int] = deeper["measured"]["peaks"]
    each = {phase: (many[phase] - few[phase]) // (then - at) for phase in few}
    return max(few[phase] + each[phase] * (layers - at) for phase in few)


def summary(found: Sequence[Line]) -> Iterator[str]:
    """Yield the table: the tool's answers, and what was measured."""
    for question in questions():
        plan = question.request.best(question.method)
        answer = "fits" if plan.fits else "does not fit"
        beside = f", {plan.profile.parallel}" if question.count > 1 else ""
        profile = plan.profile
        yield (
            f"{question.name}{beside}: {answer}, micro-batch {profile.micro_batch}"
            f"{', checkpointing' if profile.checkpointing else ''}, needs "
            f"{gib(plan.total_bytes)} of each card; {_seen(question, plan.fits, found)}"
        )
    for size in TABLE:
        for method in size.said:
            yield from _told(size, method, found)
    yield from (f"FAILED {line['name']}: {line['error'][-300:]}" for line in found if line["error"])


def _seen(question: Question, fits: bool, found: Sequence[Line]) -> str:
    if not fits:
        return "what it needs is measured below"
    name = f"{question.size.name}, {question.method}, chosen, {question.card}"
    line = next((line for line in found if line["name"] == name), None)
    if question.count > 1 or line is None or not line["measured"]:
        return "not measured"
    if not ran(line):
        return "ran out of memory"
    return f"measured {gib(line['measured']['process_bytes'])}, the whole process"


def _told(size: Size, method: Kind, found: Sequence[Line]) -> Iterator[str]:
    """Yield the table's figure of a row and a method beside the tool's and the measured ones."""
    name, depth = f"{size.name}, {method}, least", models.find(size.model).architecture.layers
    done = {line["name"]: line for line in found if ran(line)}
    predicted = least(size, method).plan.allocated_bytes
    yield f"{name}: the table says {size.said[method]}; predicted {gib(predicted)} allocated"
    if line := done.get(name):
        yield f"  measured whole {_compared(predicted, line['measured']['allocated_bytes'])}"
    few = [done.get(f"{name}, {layers} layers") for layers in LAYERS]
    if few[0] and few[1]:
        yield f"  extrapolated {_compared(predicted, extrapolated(few[0], few[1], depth))}"


def _compared(predicted: int, seen: int) -> str:
    return f"{gib(seen)} allocated ({predicted / seen - 1:+.1%})"


if __name__ == "__main__":
    main(trials(), summary)
