"""From answers to candidate plans, and which answers contradict each other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from lockfiles.errors import DoesNotFit, UsageProblem
from lockfiles.fixes import Advice, Answer, Key
from planner.machines.facts import MachineFacts
from planner.models.facts import ModelFacts
from planner.parallelism.engines import never
from planner.parallelism.layouts import NAMES, Offload, may_offload
from planner.search import dropout, effective_tokens, fp8, lora_targets
from planner.search.candidates import Candidates
from planner.search.contradiction import Contradiction
from planner.search.kernels import may_compile, may_record
from planner.search.request import Request
from planner.setup.setup import Kind

if TYPE_CHECKING:
    from planner.interview.answers import Answers
    from planner.search.rehearsal import Rehearsal

RANKS: Mapping[str, int] = {"style": 8, "behavior": 16, "domain": 64}
"""Adapter rank by `goal.change`, from the fine-tuning guide's table of ranks."""


def counted(answers: "Answers", machine: MachineFacts) -> MachineFacts:
    """Return the machine that a plan can use: without its cards where `machine.device` is `cpu`.

    Several machines are counted together. Raises DoesNotFit where the answers ask for more cards
    than there are, or for FP8 products that these cannot compute.
    """
    found = _counted(answers, machine)
    fp8.check_cards(answers.text(fp8.KEY), _training(answers, found))
    return found


def used(answers: "Answers", machine: MachineFacts) -> MachineFacts:
    """Return the facts from `counted`, of cards only those that train."""
    return _training(answers, counted(answers, machine))


def _training(answers: "Answers", machine: MachineFacts) -> MachineFacts:
    processes, nodes = answers.integer("machine.processes"), answers.integer("machine.nodes")
    return machine.training(processes // nodes)


def _counted(answers: "Answers", machine: MachineFacts) -> MachineFacts:
    nodes = answers.integer("machine.nodes")
    machine = machine.several(nodes)
    device, processes = answers.text("machine.device"), answers.integer("machine.processes")
    if device == "cuda" and not machine.gpus:
        if machine.problem:
            raise DoesNotFit(
                Key("machine.device"),
                " is `cuda`, but this machine's cards cannot be used.",
                fix=Advice(machine.problem),
            )
        raise DoesNotFit(
            Key("machine.device"),
            " is `cuda`, but this machine has no NVIDIA GPU.",
            fix=Answer("machine.device", "auto"),
        )
    if device == "cpu" or not machine.gpus:
        return replace(machine, kind="cpu", gpus=())
    cards = len(machine.gpus)
    if processes > cards:
        here = "one card" if cards == 1 else f"{cards} cards"
        have = "this machine has" if nodes == 1 else f"{nodes} such machines have"
        raise DoesNotFit(
            Key("machine.processes"),
            f" is {processes}, and each process needs its own card, but {have} {here}.",
            fix=Answer("machine.processes", cards),
        )
    return replace(machine, kind="cuda")


def candidates(
    answers: "Answers",
    model: ModelFacts,
    machine: MachineFacts,
    *,
    rows: int,
    longest: int,
    lengths: Sequence[int] = (),
    tokens: int = 0,
    rehearsal: "Rehearsal | None" = None,
) -> Candidates:
    """Return the candidate plans for some answers, on a machine from `counted`.

    Raises UsageProblem where answers contradict each other, the machine or the model.
    """
    asked = _request(answers, model, rows, longest, lengths)
    tuned = rehearsal.tuned if rehearsal else None
    found = Candidates(replace(asked, tokens=tokens), model, machine, rehearsal, tuned)
    laid = found.packings[0] and found.flows
    asked = effective_tokens.with_rows(found.request, concatenated=laid)
    found = replace(found, request=asked)
    for contradicts, sentence, fix in (effective_tokens.both(answers), *_contradictions(found)):
        if contradicts:
            raise UsageProblem(*sentence, fix=fix)
    return found


def _request(
    answers: "Answers", model: ModelFacts, rows: int, longest: int, lengths: Sequence[int]
) -> Request:
    kind = answers.text("method.kind")
    switch = {"auto": None, "on": True, "off": False}
    return Request(
        longest=longest,
        rank=answers.integer("method.rank") or RANKS[answers.text("goal.change")],
        targets=lora_targets.chosen(answers, model.architecture),
        dropout=dropout.chosen(answers, rows),
        bias=lora_targets.bias(answers),
        objective=answers.text("method.objective"),
        method=None if kind == "auto" else cast(Kind, kind),
        rows=rows,
        lengths=lengths,
        seed=answers.integer("train.seed"),
        epochs=answers.integer("train.epochs"),
        effective_batch=answers.integer("train.effective_batch"),
        effective_tokens=answers.integer("train.effective_tokens"),
        micro_batch=answers.integer("method.micro_batch") or None,
        checkpointing=switch[answers.text("method.checkpointing")],
        packing=switch[answers.text("method.packing")],
        compiled=switch[answers.text("method.compile")],
        recorded=switch[answers.text("method.cuda_graphs")],
        base_products="fp8" if answers.text(fp8.KEY) == "fp8" else "bf16",
        exact=answers.flag("train.exact"),
        processes=answers.integer("machine.processes"),
        nodes=answers.integer("machine.nodes"),
        parallel=_set(answers.text("machine.parallel")),
        offload=cast("Offload | None", _set(answers.text("machine.offload"))),
    )


def _set(value: str) -> str | None:
    return None if value == "auto" else value


def _contradictions(found: Candidates) -> Iterator[Contradiction]:
    asked, family = found.request, found.model.architecture.family
    yield (
        asked.method == "qlora" and bool(found.no_qlora),
        (found.no_qlora,),
        Answer("method.kind", "lora"),
    )
    yield (
        bool(asked.packing) and not found.spec.packs,
        (f"Examples of {found.spec.title} cannot be packed.",),
        Answer("method.packing", "off"),
    )
    yield (
        bool(asked.packing) and not found.packs,
        (f"Packing does not work with `{family}`: attention would cross row boundaries.",),
        Answer("method.packing", "off"),
    )
    yield (
        bool(asked.packing) and asked.processes > 1 and not found.flows,
        (
            "Several processes pack rows on GPUs only, in passes whose size the plan chooses, but ",
            Key("machine.processes"),
            f" is {asked.processes}.",
        ),
        Answer("method.packing", "off"),
    )
    yield from fp8.contradictions(found)
    yield from _layers(found)
    yield from _spread(found)
    yield from _batch(found)


def _layers(found: Candidates) -> Iterator[Contradiction]:
    if not found.layouts:
        return
    asked, shape = found.request, found.model.architecture
    plan = found.profile(found.kinds[0], found.share, found.checkpointings[0], found.packings[0])
    yield (
        bool(asked.compiled) and not may_compile(shape, plan),
        (
            f"The layers of `{shape.family}` cannot be compiled here: that is known for dense "
            "decoders, in padding-free passes with flash attention on an NVIDIA card, and not with "
            f"{NAMES['zero3']}.",
        ),
        Answer("method.compile", "auto"),
    )
    yield (
        bool(asked.recorded) and not may_record(found.model, plan),
        (
            f"Passes of `{shape.family}` cannot be recorded here: that needs padding-free passes "
            "with flash attention on an NVIDIA card, a full model on each card, no experts, no "
            "checkpointing and no dynamic scaling of positions.",
        ),
        Answer("method.cuda_graphs", "auto"),
    )


def _spread(found: Candidates) -> Iterator[Contradiction]:
    asked, on_cpu = found.request, found.machine.kind == "cpu"
    yield (
        on_cpu and asked.offload not in (None, "none"),
        (
            Key("machine.offload"),
            f" is `{asked.offload}`, which needs a GPU, but the plan is for a CPU.",
        ),
        Answer("machine.offload", "auto"),
    )
    yield (
        not found.layouts,
        (
            Key("machine.offload"),
            f" is `{asked.offload}`, which ",
            Key("machine.parallel"),
            f" = `{asked.parallel}` cannot do.",
        ),
        _other_than(asked),
    )
    unable = ""
    if asked.parallel:
        unable = never(asked.parallel, asked.offload or "none", asked.method or "")
    yield bool(unable), (unable,), Answer("machine.parallel", "auto")


def _other_than(asked: Request) -> Answer:
    """Return the answer to change where the engine that was set cannot offload what was set."""
    any_engine = may_offload(asked.method or "", asked.offload or "none", None)
    return Answer("machine.parallel" if any_engine else "machine.offload", "auto")


def _batch(found: Candidates) -> Iterator[Contradiction]:
    asked = found.request
    effective, processes, micro = asked.effective_batch, asked.processes, asked.micro_batch or 1
    whole = -(-effective // processes) * processes
    yield (
        effective % processes > 0,
        (
            Key("train.effective_batch"),
            f" is {effective}, which is not divisible by ",
            Key("machine.processes"),
            f" = {processes}.",
        ),
        Answer("train.effective_batch", whole),
    )
    yield (
        processes % asked.nodes > 0,
        (
            Key("machine.processes"),
            f" is {processes}, which is not divisible by ",
            Key("machine.nodes"),
            f" = {asked.nodes}.",
        ),
        Answer("machine.processes", -(-processes // asked.nodes) * asked.nodes),
    )
    near = next(n for n in range(min(micro, found.share), 0, -1) if found.share % n == 0)
    each = " per process" if processes > 1 else ""
    yield (
        found.share % micro > 0,
        (
            Key("method.micro_batch"),
            f" is {micro}, which does not divide ",
            Key("train.effective_batch"),
            f" ({found.share} rows{each}).",
        ),
        Answer("method.micro_batch", near),
    )
