"""Small cards simulated on a large one: chosen plans run, and larger micro-batches do not.

    python -m tests.gpu.simulated OUT.jsonl [--seconds BUDGET]

Each question is one of `tunelock fit MODEL --memory GIB --method METHOD --length LENGTH`. Its plan
runs with torch's allocator held to that card's memory, and so does the plan with the next larger
micro-batch that the search considers (`next`), and last the one with a single row more (`row`).
Without OUT the trials are listed, with estimated seconds.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

from planner.fit import machines, models
from planner.fit.request import FitRequest, Wish
from planner.search.budget import CUDA_CONTEXT_BYTES
from planner.search.plan import Plan
from planner.setup.setup import Kind
from tests.gpu.lines import Line, ran, ran_out
from tests.gpu.script import main
from tests.gpu.trials import Trial


@dataclass(frozen=True)
class Question:
    """What is asked of `tunelock fit`."""

    gib: int
    """Memory of the card."""
    model: str
    """A model of the catalogue, without its owner."""
    method: Kind
    """What is trained."""
    length: int
    """Longest row, in tokens."""

    @property
    def name(self) -> str:
        """The question in a few words."""
        return f"{self.gib} GiB, {self.model}, {self.method}, {self.length}"

    @property
    def request(self) -> FitRequest:
        """The plans that `tunelock fit` scores."""
        wish = Wish(method=self.method, length=self.length, packing=False)
        return FitRequest(models.find(self.model), machines.sized(self.gib, all_free=True), wish)


ASKED: dict[int, tuple[tuple[str, Kind, int], ...]] = {
    8: (
        ("Qwen2.5-0.5B", "lora", 1024),
        ("Llama-3.1-8B", "qlora", 512),
        ("SmolLM2-360M", "full", 2048),
        ("gemma-3-1b-pt", "qlora", 2048),
        ("Llama-3.2-1B", "lora", 2048),
        ("Qwen3-4B", "qlora", 2048),
        ("Qwen3-0.6B", "full", 512),
    ),
    12: (
        ("Qwen2.5-7B", "qlora", 1024),
        ("gemma-2-2b", "lora", 512),
        ("pythia-1b", "full", 1024),
        ("Qwen2.5-1.5B", "lora", 4096),
        ("Mistral-7B-v0.3", "qlora", 2048),
        ("Qwen3-0.6B", "full", 2048),
        ("OLMo-2-0425-1B", "lora", 4096),
    ),
    16: (
        ("Qwen2.5-0.5B", "full", 8192),
        ("Llama-3.1-8B", "qlora", 4096),
        ("starcoder2-3b", "lora", 2048),
        ("Qwen3-14B", "qlora", 1024),
        ("Llama-3.2-1B", "full", 2048),
        ("Phi-3.5-mini-instruct", "qlora", 4096),
        ("gemma-2-2b", "lora", 2048),
    ),
    24: (
        ("Llama-3.1-8B", "lora", 1024),
        ("OLMoE-1B-7B-0924", "lora", 2048),
        ("Llama-2-13b-hf", "qlora", 1024),
        ("Qwen2.5-1.5B", "full", 4096),
        ("gemma-7b", "qlora", 1024),
        ("Qwen3-4B", "lora", 2048),
        ("Mistral-Nemo-Instruct-2407", "qlora", 8192),
    ),
    40: (
        ("CodeLlama-34b-hf", "qlora", 512),
        ("Qwen3-14B", "lora", 512),
        ("Qwen2.5-3B", "full", 2048),
        ("Qwen1.5-MoE-A2.7B-Chat", "lora", 2048),
        ("Qwen2.5-7B", "lora", 4096),
        ("Qwen3-4B", "full", 2048),
        ("Qwen2.5-32B", "qlora", 512),
    ),
    48: (
        ("Llama-3.1-70B", "qlora", 1024),
        ("Llama-3.2-3B", "full", 4096),
        ("Llama-2-13b-hf", "lora", 1024),
        ("OLMo-2-1124-7B", "lora", 2048),
        ("Mistral-Small-24B-Base-2501", "qlora", 1024),
        ("gemma-2-9b", "lora", 1024),
        ("Qwen3-8B", "qlora", 4096),
    ),
    80: (
        ("Llama-3.1-70B", "qlora", 512),
        ("Llama-3.1-8B", "full", 2048),
        ("Qwen3-30B-A3B", "lora", 2048),
        ("Qwen2.5-72B", "qlora", 512),
        ("Qwen2.5-32B", "lora", 512),
        ("gemma-3-4b-pt", "full", 1024),
        ("Qwen3-4B", "lora", 8192),
    ),
}
"""Models of every size and of eleven families, by the card's memory in GiB; the most telling
first. They were chosen for their spread and in ignorance of what larger micro-batches need."""


def questions() -> tuple[Question, ...]:
    """Return every question, one of each card's in turn."""
    by_card = [[Question(gib, *asked) for asked in rows] for gib, rows in ASKED.items()]
    turns = chain.from_iterable(zip_longest(*by_card))
    return tuple(question for question in turns if question)


def trials() -> tuple[Trial, ...]:
    """Return the chosen plans, each before its next larger one; then those of a row more."""
    found = [tuple(_trials(question)) for question in questions()]
    pairs = [trial for each in found for trial in each if trial.facts["which"] != "row"]
    return (*pairs, *(trial for each in found for trial in each if trial.facts["which"] == "row"))


def _trials(question: Question) -> Iterator[Trial]:
    chosen, tried = question.request.best(question.method), question.request.candidates
    assert chosen.fits, question.name
    micro_batch = chosen.profile.micro_batch
    yield _trial(question, "chosen", chosen)
    larger = [size for size in tried.micro_batches if size > micro_batch]
    if larger:
        following = tried.other(chosen.profile, micro_batch=larger[-1])
        yield _trial(question, "next", tried.plan(following))
    if larger and larger[-1] > micro_batch + 1:
        row = tried.other(chosen.profile, micro_batch=micro_batch + 1)
        yield _trial(question, "row", tried.plan(row))


def _trial(question: Question, which: str, plan: Plan) -> Trial:
    facts = {
        "question": question.name, "which": which, "gib": question.gib,
        "method": question.method, "length": question.length,
    }  # fmt: skip
    cap = question.gib * machines.GIB
    name = f"{question.name}, {which}"
    return Trial(name, models.find(question.model), plan, facts, cap_bytes=cap)


def in_margin(line: Line) -> bool:
    """Return whether a plan that was refused would fit, but for the allocator's reserve."""
    needed: int = line["predicted"]["allocated_bytes"] + CUDA_CONTEXT_BYTES
    return needed <= int(line["cap_bytes"])


def summary(found: Sequence[Line]) -> Iterator[str]:
    """Yield what the trials show."""
    chosen, following, row = (
        [line for line in found if line["which"] == which] for which in ("chosen", "next", "row")
    )
    yield f"chosen plans: {sum(map(ran, chosen))} of {len(chosen)} ran"
    yield f"next larger micro-batch: {_ran_out(following)}"
    yield f"  of those beyond the card by estimate: {_ran_out(_beyond(following))}"
    yield f"a single row more: {_ran_out(row)}"
    errors = [
        line["predicted"]["allocated_bytes"] / line["measured"]["allocated_bytes"] - 1
        for line in filter(ran, found)
    ]
    if errors:
        mean = sum(map(abs, errors)) / len(errors)
        yield f"allocated: mean error {mean:.1%}, from {min(errors):+.1%} to {max(errors):+.1%}"
    yield from (f"FAILED {line['name']}: {line['error'][-300:]}" for line in found if line["error"])


def _beyond(found: Iterable[Line]) -> list[Line]:
    return [line for line in found if not in_margin(line)]


def _ran_out(found: Sequence[Line]) -> str:
    return f"{sum(map(ran_out, found))} of {len(found)} ran out of memory"


if __name__ == "__main__":
    main(trials(), summary)
