"""Whether the plan that is chosen for one or several cards is the fastest of all that fit.

    python -m tests.gpu.several.choices OUT.jsonl [--ranks 2] [--gib N ...] [--graphs] [--seconds N]
    python -m tests.gpu.several.choices [--ranks 2] [--gib N ...]

For each model, the chosen plan is trained for a few steps, and then those that fit, offload nothing
and are expected to take at most `WITHIN` times as long as the fastest, or are among the `FEWEST`
fastest: those that are expected to be fastest first, at most `MOST`. Each is also tried in passes
of half the size. Each step has the same rows. Lines that OUT has are not run again. Without OUT,
the plans are listed. `--gib` plans for cards of so many GiB; the summary has no word for a plan
that needed more, but its line has its peak.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from planner.data.tokens import layout
from planner.data.tokens.sizes import sizes
from planner.fit import machines
from planner.interview.answers import check
from planner.machines.facts import MachineFacts
from planner.machines.probes.probe import probe
from planner.memory import estimate
from planner.models.facts import ModelFacts
from planner.search import from_answers, ranking
from planner.search.candidates import Candidates
from planner.setup.setup import Kind, Profile
from tests import ranks as training
from tests.gpu import exhaustive
from tests.gpu.lines import Line, added, every, gib, told
from tests.gpu.queue import LEFT
from tests.gpu.several.bases import base
from tests.gpu.several.forks import run
from tests.gpu.several.line import PERSISTENT_ELEMENTS, config_of, facts_of
from tests.gpu.several.measured import LONGEST_SECONDS, WARM, kept

MODELS: tuple[tuple[str, Kind], ...] = (
    ("Qwen2.5-1.5B", "full"),
    ("Llama-3.1-8B", "lora"),
    ("Qwen3-4B", "lora"),
)
ON_ONE_CARD: tuple[tuple[str, Kind], ...] = (
    ("Qwen2.5-0.5B", "lora"),
    ("Qwen2.5-1.5B", "full"),
    ("Qwen3-4B", "qlora"),
    ("Llama-3.1-8B", "lora"),
)
WITHIN = 1.6
FEWEST, MOST = 4, 10
STEP_SECONDS = 4.0
"""Of the measured steps of a plan, about."""
FEWEST_STEPS, MOST_STEPS = 3, 10
TINY_LENGTHS = 16
"""By what rows are shorter for a tiny model."""


@dataclass(frozen=True)
class Search:
    """The plans of a model on some cards."""

    model: str
    method: Kind
    ranks: int
    tiny: bool = False
    gib: int = 0
    """What a card is taken to have; 0 for what it has."""
    card: str = ""
    """The cards, by their name in the catalogue; those of this machine if empty."""
    graphs: bool = False
    """Whether passes are recorded as CUDA graphs, which a plan for several cards does not choose
    unasked."""

    @property
    def name(self) -> str:
        """The search, as lines name it."""
        cards = "1 card" if self.ranks == 1 else f"{self.ranks} cards"
        return f"{self.model} {self.method}, {cards}" + (f" of {self.gib} GiB" if self.gib else "")

    @cached_property
    def config(self) -> dict[str, Any]:
        """The model's `config.json`."""
        return config_of(self.model, tiny=self.tiny)

    @property
    def facts(self) -> ModelFacts:
        """What a plan knows of the model."""
        return facts_of(self.model, self.config)

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """The tokens of a step's rows."""
        own = exhaustive.lengths() * self.ranks
        return tuple(-(-one // TINY_LENGTHS) + 2 for one in own) if self.tiny else own

    @cached_property
    def candidates(self) -> Candidates:
        """All plans, for a run so long that compiling counts nothing."""
        asked = {
            "goal.name": "x", "data.train": "x", "model.source": "x",
            "method.kind": self.method, "method.targets": "all-linear",
            "machine.processes": self.ranks, "train.effective_batch": len(self.lengths),
        }  # fmt: skip
        asked |= {"method.cuda_graphs": "on"} if self.graphs else {}
        answers, many = check(asked, {}), self.lengths * exhaustive.REPEATS
        there = from_answers.counted(answers, machine(self.ranks, self.gib, self.card))
        found = from_answers.candidates(
            answers, self.facts, there,
            rows=len(many), longest=max(many), lengths=many, tokens=sum(many),
        )  # fmt: skip
        return replace(found, request=replace(found.request, rows=None, dropout=0.0))

    def seconds(self, plan: Profile) -> float:
        """Return the expected seconds of a step."""
        return (ranking.seconds(self.candidates, plan) or 0.0) * len(self.lengths)

    def passing(self, plan: Profile) -> Profile:
        """Return a plan with the greatest pass of these steps: the one that it was made with is of
        rows in random order."""
        if not plan.pass_tokens:
            return plan
        laid = layout.passes(self.lengths, plan.pass_tokens, self.ranks)
        most = max(sum(self.lengths[row] for row in one) for one in laid)
        return replace(plan, pass_tokens=most, accumulates=len(laid) > self.ranks)

    @cached_property
    def chosen(self) -> Profile:
        """The plan that is chosen."""
        found = ranking.fastest_of(self.candidates, self.method)
        assert found, f"no plan fits: {self.name}"
        return found

    @cached_property
    def plans(self) -> list[Profile]:
        """The plans to try: the chosen one, then others from the fastest on."""
        every = (
            half
            for at in self.candidates.unmoved(self.method)
            for one in self.candidates.of(self.method, at)
            if self.candidates.fits(one)
            for half in self._halves(one)
        )
        first = list(dict.fromkeys(sorted(every, key=self.seconds)))
        most = WITHIN * self.seconds(first[0])
        many = max(FEWEST, sum(self.seconds(one) <= most for one in first))
        return list(dict.fromkeys((self.chosen, *first[:many])))[:MOST]

    def _halves(self, plan: Profile) -> Iterator[Profile]:
        """Yield a plan, and the same in passes of half the size."""
        yield plan
        half = plan.pass_tokens // 2
        if half >= max(self.lengths):
            yield replace(plan, pass_tokens=half, accumulates=True)

    @property
    def steps(self) -> int:
        """The steps of each plan, those that warm up included."""
        each = min(map(self.seconds, self.plans))
        return WARM + max(FEWEST_STEPS, min(MOST_STEPS, round(STEP_SECONDS / max(each, 1e-9))))

    def case(self, plan: Profile, place: Path, work: Path) -> training.Case:
        """Return the training of a plan."""
        settings: dict[str, Any] = {"evaluate_steps": 1_000_000, "learning_rate": 1e-4}
        if not self.tiny:
            settings |= {"dtype": plan.dtype, "optimizer": plan.optimizer}
            settings |= {"checkpointing": plan.checkpointing}
            settings |= _passes(plan, self.lengths) if plan.pass_tokens else {}
        return training.Case(
            base=str(place), work=str(work), method=self.method, engine=plan.parallel,
            ranks=self.ranks, offload=plan.offload, steps=self.steps,
            step_rows=len(self.lengths), micro_batch=plan.micro_batch, missing=0,
            longest=max(self.lengths), vocabulary=int(self.config["vocab_size"]), held_out=0,
            rank=plan.rank, saves=False, lengths=self.lengths * self.steps, in_order=True,
            settings=settings, pass_tokens=plan.pass_tokens, bucket=plan.bucket,
            persistent=0 if self.tiny else PERSISTENT_ELEMENTS,
        )  # fmt: skip

    def line(self, plan: Profile) -> Line:
        """Return what a line tells of a plan before it ran."""
        return {
            "name": f"{self.name}: {_words(plan)}", "model": self.name, "method": self.method,
            "chosen": plan == self.chosen, "tokens": sum(self.lengths), "profile": told(plan),
            "predicted": {
                "allocated_bytes": estimate(self.facts, self.passing(plan)).peak.peak_bytes,
                "step_seconds": self.seconds(plan),
            },
            "measured": None, "error": "",
        }  # fmt: skip


def machine(ranks: int, gib: int = 0, card: str = "") -> MachineFacts:
    """Return a machine with so many cards of a name, else this one with so many of its own, which
    have `gib` GiB if it is not 0; without a card, one with H100s."""
    found = probe(Path("/"))
    if card or not found.gpus:
        found = machines.named(f"{card or exhaustive.CARD}:{ranks}")
    size = gib * machines.GIB
    cards = found.gpus[:ranks]
    if gib:
        cards = tuple(replace(card, memory_bytes=size, free_bytes=size) for card in cards)
    return replace(found, gpus=cards)


def _passes(plan: Profile, lengths: Sequence[int]) -> dict[str, Any]:
    found: dict[str, Any] = {"attention": plan.attention, "kernels": plan.kernels}
    found["attention"] = "varlen" if plan.attention == "varlen" else "sdpa"
    if plan.graph_sizes:
        laid = layout.passes(lengths, plan.pass_tokens, plan.ranks)
        tokens = [sum(lengths[row] for row in one) for one in laid]
        found["graph_sizes"] = list(sizes(tokens, plan.graph_sizes))
    return found


def _words(plan: Profile) -> str:
    words = [plan.parallel]
    words.append(
        f"passes of {plan.pass_tokens}" if plan.pass_tokens else f"micro-batch {plan.micro_batch}"
    )
    words += [plan.attention] * (plan.pass_tokens > 0)
    words += [plan.kernels] * (plan.kernels != "eager")
    words += [f"{plan.graph_sizes} graphs"] * (plan.graph_sizes > 0)
    words += ["checkpointing"] * plan.checkpointing
    words += [f"bucket {plan.bucket / 1e6:.0f}M"] * plan.parallel.startswith("zero")
    return ", ".join(words)


def measured(search: Search, plan: Profile, bases: Path) -> Line:
    """Return the line of a plan, after its steps."""
    found = search.line(plan)
    dtype = "float32" if search.tiny else "bfloat16"
    place = base(search.config, bases / f"{search.model}{'-tiny' * search.tiny}", dtype)
    with tempfile.TemporaryDirectory(dir=bases) as work:
        try:
            told = run(search.case(plan, place, Path(work)), LONGEST_SECONDS)
        except AssertionError as problem:
            if "OutOfMemoryError" in str(problem):
                return found | {"measured": {"out_of_memory": "train"}}
            return found | {"error": str(problem)[-3000:]}
    steps = [one["step_seconds"] for one in told[0]["events"] if one["kind"] == "step"]
    own = {"out_of_memory": "", "step_seconds": steps[WARM - 1 :], "first_seconds": steps[0]}
    return found | {"measured": own | kept(told)["by_rank"][0]}


def _due(searches: Sequence[Search], done: set[str], most: int) -> Iterator[tuple[Search, Profile]]:
    """Yield the plans that were not run: all chosen ones, then the others of each model in turn."""
    for turn in range(min(most, MOST)):
        for search in searches:
            for plan in search.plans[turn : turn + 1]:
                if search.line(plan)["name"] not in done:
                    yield search, plan


def _listed(searches: Sequence[Search]) -> Iterator[str]:
    for search in searches:
        for plan in search.plans:
            line = search.line(plan)
            mark = " (chosen)" if line["chosen"] else ""
            need = gib(line["predicted"]["allocated_bytes"])
            yield f"{search.seconds(plan):7.3f} s  {need:>10}  {line['name']}{mark}"
        yield f"  {search.steps} steps each"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the plans that are due, and print how the chosen ones stand; the exit code is `LEFT`
    where time was over before."""
    given = argparse.ArgumentParser(prog="tests.gpu.several.choices")
    given.add_argument("out", nargs="?", type=Path)
    given.add_argument("--ranks", type=int, default=2)
    given.add_argument("--gib", type=int, nargs="*", default=[0], help="memory to plan for; 0: all")
    given.add_argument("--only", default="", help="models with this text")
    given.add_argument("--most", type=int, default=MOST, help="plans of a model")
    given.add_argument("--graphs", action="store_true", help="record passes as CUDA graphs")
    given.add_argument("--seconds", type=float, default=1e9, help="start no plan after this")
    given.add_argument("--bases", type=Path, default=Path(tempfile.gettempdir()) / "several")
    given.add_argument("--cpu", action="store_true", help="train tiny models in float32")
    asked = given.parse_args(arguments)
    ends = time.monotonic() + asked.seconds
    searches = [
        Search(model, method, asked.ranks, asked.cpu, gib, graphs=asked.graphs)
        for gib in asked.gib
        for model, method in (MODELS if asked.ranks > 1 else ON_ONE_CARD)
        if asked.only in model
    ]
    if asked.out is None:
        print("\n".join(_listed(searches)))
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that processes are ended
    asked.bases.mkdir(parents=True, exist_ok=True)
    done = {one["name"] for one in every(asked.out) if not one["error"]}
    code = 0
    for search, plan in _due(searches, done, asked.most):
        if time.monotonic() > ends:
            print("no time for all plans", flush=True)
            code = LEFT
            break
        began = time.monotonic()
        line = measured(search, plan, asked.bases)
        added(asked.out, line)
        print(f"{time.monotonic() - began:5.1f} s  {_result(line)}", flush=True)
    print("\n".join(exhaustive.summary(every(asked.out))))
    return code


def _result(line: Line) -> str:
    if line["error"]:
        return f"{line['name']}: FAILED: {line['error'].strip().splitlines()[-1][-300:]}"
    if line["measured"]["out_of_memory"]:
        return f"{line['name']}: out of memory"
    rate = exhaustive.tokens_per_second(line)
    return f"{line['name']}: {rate:,.0f} tokens/s, {exhaustive.predicted_speed(line):,.0f} expected"


if __name__ == "__main__":
    sys.exit(main())
