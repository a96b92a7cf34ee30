"""Makes a lock from answers and facts: a pure function, the same bytes for the same input."""

from dataclasses import asdict, replace

from lockfiles import limits, lock
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Change
from lockfiles.harmless import one_line
from lockfiles.lock import TrainingLock
from planner.data.checks.wording import several
from planner.data.mend.steps import Step
from planner.data.reading.bad_rows import MOST_BAD_ROWS
from planner.data.reading.classification import Labelled
from planner.data.tokens.ending import NEXT_TURN
from planner.data.tokens.template import FIXED_NOW
from planner.interview.answers import Answers
from planner.interview.decision import Decision, decide
from planner.machines.facts import MachineFacts
from planner.memory.family_quirks import attention
from planner.pipeline.kind import Wanted
from planner.pipeline.stages import stages
from planner.plan import every, exactness, passes, prediction
from planner.plan.gather import PartFacts, PlanFacts, StreamFacts
from planner.plan.integrity import integrity
from planner.plan.provenance import OF_LABELS
from planner.search.choose import Alternative, Choice, choose
from planner.search.from_answers import counted, used


def plan(answers: Answers, facts: PlanFacts) -> TrainingLock:
    """Return the lock of a run that trains; for another one see `planner.plan.export`.

    Raises UsageProblem where the checklist advises against fine-tuning and `goal.override` is
    empty, where answers contradict each other, where a rehearsal was of another model or device,
    and where a fact is not allowed in a lock; DoesNotFit where no plan fits.
    """
    decision = decide(answers, facts.examples)
    check_verdict(decision, answers.text("goal.override"))
    if facts.rehearsal:
        facts.rehearsal.check(facts.model, counted(answers, facts.machine))
        facts = replace(facts, machine=facts.rehearsal.on(facts.machine))
    choice = choose(
        answers,
        facts.model,
        rows=facts.stream.rows,
        longest=facts.stream.longest,
        machine=facts.machine,
        lengths=facts.stream.lengths,
        tokens=facts.stream.tokens,
        rehearsal=facts.rehearsal,
    )
    laid = passes.laid_out(choice, answers, facts.stream.lengths)
    staged = stages(_wanted(choice, answers, facts))
    predicted = prediction.predict(
        choice, answers, facts, _evaluate_steps(choice, answers, facts), staged
    )
    tables = {
        **every.tables(
            answers,
            facts.model,
            staged,
            detected=OF_LABELS if facts.labelled else (),
            engine=choice.profile.parallel,
        ),
        "decision": _decision(decision, answers),
        "template": _template(answers, facts),
        "data": [_data(part, answers, facts) for part in facts.parts],
        "fix": [_fix(step) for step in facts.steps],
        "stream": _stream(facts, laid),
        "objective": _objective(choice, answers),
        "method": _method(choice),
        "train": _train(choice, answers, facts) | laid.train,
        "parallel": _parallel(choice, answers),
        "exactness": exactness.table(answers, choice, facts.machine),
        "machine": _machine(used(answers, facts.machine), choice),
        "prediction": predicted.table,
        "why": _why(choice, answers, facts) | predicted.why,
        "rejected": [_rejected(alternative) for alternative in choice.rejected],
    }
    return lock.of_tables(tables | {"integrity": integrity(tables)}).training()


def check_verdict(decision: Decision, override: str) -> None:
    """Raise UsageProblem where the verdict is against fine-tuning and is not overridden."""
    if not decision.tunes and not override:
        raise UsageProblem(
            f"The checklist advises `{decision.verdict}`, not fine-tuning: "
            f"{' '.join(decision.reasons)} {decision.advice}",
            fix=Change("goal.override", "why you fine-tune anyway"),
        )


def _wanted(choice: Choice, answers: Answers, facts: PlanFacts) -> Wanted:
    return Wanted(
        answers,
        adapter=choice.kind != "full",
        splits={part.split for part in facts.parts},
        family=facts.model.architecture.family,
    )


def _decision(decision: Decision, answers: Answers) -> dict[str, object]:
    return {
        "verdict": decision.verdict,
        "reasons": list(decision.reasons),
        "against": list(decision.against),
        "overridden": "" if decision.tunes else answers.text("goal.override"),
    }


def _template(answers: Answers, facts: PlanFacts) -> dict[str, object]:
    return {
        "source": _template_source(answers, facts),
        "sha256": facts.template.sha256,
        "date": f"{FIXED_NOW:%Y-%m-%d}",
        "pad_id": facts.template.special.pad_id,
        "end_ids": list(facts.template.special.end_ids),
        "loss_mask": "assistant-turns-with-end",
        "golden_sha256": facts.template.golden_sha256,
    } | {
        key: end
        for key, end in zip(("answer_end", "call_end"), facts.template.ends, strict=True)
        if end
    }


def _template_source(answers: Answers, facts: PlanFacts) -> str:
    if facts.template.trains:
        return "training"
    return "local:template" if answers.text("model.template") else "model"


def _data(part: PartFacts, answers: Answers, facts: PlanFacts) -> dict[str, object]:
    split_off, drawn = _is_split_off(part, answers), part.split == "general"
    return {
        "split": part.split,
        **_place(part),
        "format": part.format,
        **_columns(answers, facts.labelled),
        "fraction": _fraction(part, answers),
        "split_seed": answers.integer("train.seed") if split_off or drawn else 0,
        "split_by": facts.split_by if split_off else "rows",
        "rows": part.rows,
        "sha256": part.sha256,
        "tokens_sha256": part.tokens_sha256,
        "files": [asdict(file) for file in part.hub.files] if part.hub else [],
        **_given(answers),
        **_labels(part, facts),
    }


def _columns(answers: Answers, labelled: Labelled | None) -> dict[str, object]:
    """Return the columns and the system message: those of a classification as they were found."""
    return {
        "prompt_column": labelled.prompt if labelled else answers.text("data.prompt_column"),
        "completion_column": labelled.completion
        if labelled
        else answers.text("data.completion_column"),
        "system": labelled.system if labelled else answers.text("data.system"),
    }


def _labels(part: PartFacts, facts: PlanFacts) -> dict[str, object]:
    trained = part.split == "train" and facts.labelled
    return {"labels": list(facts.labelled.labels)} if trained and facts.labelled else {}


def _given(answers: Answers) -> dict[str, object]:
    """Return the settings that a lock omits where they have their default."""
    share, roles = answers.number("data.bad_rows"), list(answers.chosen("data.roles"))
    return ({} if share == MOST_BAD_ROWS else {"bad_rows": share}) | (
        {"roles": roles} if roles else {}
    )


def _place(part: PartFacts) -> dict[str, object]:
    """Return where the rows of a split come from."""
    hub = part.hub
    return {
        "source": f"hf:{hub.repo}" if hub else f"local:{part.source}",
        "revision": hub.revision if hub else "",
        "commit": hub.commit if hub else "",
        "config": hub.config if hub else "",
        "hub_split": hub.split if hub else "",
    }


def _is_split_off(part: PartFacts, answers: Answers) -> bool:
    return not answers.text("data.validation") and part.source == "train"


def _fraction(part: PartFacts, answers: Answers) -> float:
    if part.split == "general":
        return answers.number("data.general_share")
    return answers.number("data.validation_fraction") if _is_split_off(part, answers) else 0.0


def _fix(step: Step) -> dict[str, object]:
    return {"source": step.file, "step": step.step, "what": step.what, "rows": step.rows}


def _stream(facts: PlanFacts, laid: passes.Laid) -> dict[str, object]:
    stream = facts.stream
    return {
        "max_length_tokens": stream.max_length,
        "packing": laid.packing,
        "rows": stream.rows,
        "tokens": stream.tokens,
        "scored_tokens": stream.scored_tokens,
        "sha256": stream.sha256,
        "order_sha256": list(stream.order_sha256),
        **({"passes_sha256": list(laid.sha256)} if laid.sha256 else {}),
    }


def _objective(choice: Choice, answers: Answers) -> dict[str, object]:
    return {"name": choice.profile.objective, **choice.profile.spec.settings(answers)}


def _method(choice: Choice) -> dict[str, object]:
    return {
        "kind": choice.kind,
        "rank": choice.rank,
        "alpha": choice.alpha,
        "dropout": choice.dropout,
        "targets": list(choice.targets),
        "bias": choice.profile.bias,
    }


def _train(choice: Choice, answers: Answers, facts: PlanFacts) -> dict[str, object]:
    return {
        "micro_batch": choice.micro_batch,
        "accumulation": choice.accumulation,
        "epochs": answers.integer("train.epochs"),
        "learning_rate": choice.learning_rate,
        "schedule": "cosine",
        "warmup_ratio": answers.number("train.warmup_ratio"),
        "weight_decay": answers.number("train.weight_decay"),
        "gradient_clip": 1.0,
        "optimizer": choice.profile.optimizer,
        "dtype": choice.dtype,
        "attention": "varlen"
        if choice.profile.attention == "varlen"
        else attention(facts.model.architecture.family),
        "checkpointing": choice.checkpointing,
        "keep": answers.text("train.keep"),
        "evaluate_steps": _evaluate_steps(choice, answers, facts),
        "seed": answers.integer("train.seed"),
    }


def _parallel(choice: Choice, answers: Answers) -> dict[str, object]:
    plan = choice.profile
    nodes = answers.integer("machine.nodes")
    several = {"nodes": nodes} if nodes > 1 else {}
    offload = {} if plan.offload == "none" else {"offload": plan.offload}
    buckets = {"bucket": plan.bucket} if plan.engine.shards == "deepspeed" else {}
    return {"engine": plan.parallel, "processes": plan.ranks, **several, **offload, **buckets}


def steps(choice: Choice, answers: Answers, facts: PlanFacts) -> int:
    """Return the total optimizer steps of a run."""
    batches = -(-facts.stream.rows // choice.micro_batch)
    in_step = choice.accumulation * choice.profile.ranks
    return -(-batches // in_step) * answers.integer("train.epochs")


def _evaluate_steps(choice: Choice, answers: Answers, facts: PlanFacts) -> int:
    return max(1, min(500, steps(choice, answers, facts) // 5))


def _machine(machine: MachineFacts, choice: Choice) -> dict[str, object]:
    card = machine.gpus[0] if machine.gpus else None
    several = choice.profile.ranks > 1
    links = {
        "card_bytes_per_second": round(machine.links.card_bytes_per_second),
        "network_bytes_per_second": round(machine.links.network_bytes_per_second),
    }
    return {
        "kind": machine.kind,
        "accelerator": card.name if card else "",
        "capability": card.compute_capability if card else "",
        "count": choice.profile.ranks if card else 0,
        "memory_bytes": machine.counted_memory_bytes,
        **{key: rate for key, rate in links.items() if rate and several},
    }


def _rejected(alternative: Alternative) -> dict[str, object]:
    needed = min(alternative.needed_bytes, limits.MOST_BYTES)
    return asdict(alternative) | {"needed_bytes": needed}


_VARIANT = (
    "The model's own template rewrites earlier turns as a conversation grows; its training variant "
    "does not."
)


_OWN_HEAD = (
    "The weights have a head that differs from the embedding, though `config.json` ties them; "
    "both are used."
)


def _why(choice: Choice, answers: Answers, facts: PlanFacts) -> dict[str, str]:
    stream = facts.stream
    total = steps(choice, answers, facts)
    trains = {"template.source": _VARIANT} if facts.template.trains else {}
    if facts.template.left_out:
        trains["template.sha256"] = facts.template.left_out
    own = {"model.architecture.tied": _OWN_HEAD} if facts.model.own_head else {}
    ends = {"template.end_ids": facts.template.unended} if facts.template.unended else {}
    if end := facts.template.ends.answer.strip():
        ends["template.answer_end"] = NEXT_TURN.format(one_line(end))
    if facts.template.beyond:
        own["model.architecture.vocabulary"] = facts.template.beyond
    if facts.model.ahead:
        own["model.parameters"] = _ahead(facts.model.ahead)
    return (
        dict(choice.why)
        | own
        | trains
        | ends
        | _why_data(facts, answers)
        | {
            "stream.max_length_tokens": _length(stream, answers),
            "train.evaluate_steps": f"About five evaluations in {total} steps, at most 500 apart.",
        }
    )


def _ahead(names: tuple[str, ...]) -> str:
    return (
        f"The weights hold {several(len(names), 'tensor')} of layers that predict further tokens "
        f"at once, such as `{one_line(names[0], most=100)}`. Training does not load those layers, "
        "and no result has them."
    )


_SPLITS = {
    "groups": "Rows with nearly the same prompt stay on the same side of the split.",
    "groups-and-labels": "Rows with nearly the same prompt stay on the same side of the split, and "
    "both sides have the same share of each label.",
}


def _why_data(facts: PlanFacts, answers: Answers) -> dict[str, str]:
    why = {"data.split_by": _SPLITS[facts.split_by]} if facts.split_by in _SPLITS else {}
    if facts.learnt:
        why["data.rows"] = " ".join(facts.learnt)
    why |= facts.said
    if facts.remark:
        why["data.format"] = " ".join(filter(None, (why.get("data.format", ""), facts.remark)))
    general = next((part.rows for part in facts.parts if part.split == "general"), 0)
    if general:
        share = general / facts.stream.rows
        few = " (no more are usable)" if share < 0.9 * answers.number("data.general_share") else ""
        said = (
            f"{general} general rows are {share:.1%} of the training rows{few}; they reduce "
            f"forgetting. {facts.skipped}"
        )
        why["data.fraction"] = said.strip()[: limits.MOST_SENTENCE_CHARS]
    return why


def _length(stream: StreamFacts, answers: Answers) -> str:
    cut = f"; longer rows are truncated ({stream.cut_rows})" if stream.cut_rows else ""
    if answers.integer("train.max_length"):
        chosen = "you set it"
    else:
        chosen = "the model's context" if cut else "the longest row"
    return f"{stream.max_length} tokens: {chosen}{cut}."
