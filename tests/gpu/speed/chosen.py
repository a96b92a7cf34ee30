"""What the planner chooses by itself, with the runner's own trainer."""

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from planner.data.tokens.order import epoch_order
from planner.fit import machines
from planner.interview.answers import Answers, check
from planner.machines.facts import MachineFacts
from planner.machines.probes.probe import probe
from planner.plan import exactness, passes
from planner.search.choose import Choice, choose
from planner.setup.setup import Profile
from tests.gpu.speed import models, watch
from tests.gpu.speed import rows as same
from tests.gpu.speed.line import WARM, Line
from tests.gpu.speed.profiled import StepProfile


def answers_of(line: Line) -> Answers:
    """Return the answers of a person who sets the method and the size of a step."""
    size = {"train.effective_batch": line.step_rows}
    if line.step_tokens:
        size = {"train.effective_tokens": line.step_tokens}
    named = {"goal.name": "x", "data.train": "x", "model.source": "x"}
    return check(named | size | {"method.kind": line.method}, {})


def choice_of(line: Line, of: Sequence[int], machine: MachineFacts) -> Choice:
    """Return the settings that a plan chooses for rows of these lengths."""
    return choose(
        answers_of(line), models.facts_of(line), rows=len(of), longest=max(of), machine=machine,
        lengths=of, tokens=sum(of),
    )  # fmt: skip


def machine() -> MachineFacts:
    """Return this machine; without a card, one with an H100."""
    found = probe(Path("/"))
    return found if found.gpus else machines.named("H100 SXM")


def chosen(
    line: Line, steps: int, change: Callable[[Any], None] = lambda _: None
) -> dict[str, Any]:
    """Return the line of the chosen plan; `change` gets the trainer's model before training."""
    clock, of = watch.Clock(), same.lengths(line)
    answers, on = answers_of(line), machine()
    choice = choice_of(line, of, on)
    table: Any = exactness.table(answers, choice, on)["environment"]
    _use(dict(table))
    laid = passes.laid_out(choice, answers, of)
    seed, epochs = answers.integer("train.seed"), answers.integer("train.epochs")
    profile, last = StepProfile() if line.profiled else None, WARM + steps
    seen = watch.callback(clock, profile, last)
    trainer = _trainer(line, choice, laid, of, seen, (seed, epochs))
    change(trainer.model)
    trainer.args.max_steps = last + line.profiled
    trainer.args.save_strategy = type(trainer.args.save_strategy)("no")
    trainer.train()
    each, order = choice.micro_batch * choice.accumulation, epoch_order(len(of), seed, 0)
    tokens = [sum(of[row] for row in order[at : at + each]) for at in range(0, len(of), each)]
    said = {
        "settings": _said(choice.profile, each, laid),
        "predicted_bytes": choice.estimate.peak.peak_bytes,
        "predicted_tokens_per_second": choice.rate and round(choice.rate.tokens_per_second),
    }
    return watch.result(line, clock, tokens, of, said | (profile.found if profile else {}))


def _trainer(
    line: Line, choice: Choice, laid: passes.Laid, of: Sequence[int], seen: Any,
    run: tuple[int, int],
) -> Any:  # fmt: skip
    """Return the runner's trainer of a choice, with a callback; `run` has its seed and epochs."""
    from runner.rehearse.job import padding
    from runner.rehearse.settings import method_of, train_of
    from runner.training.job import Job
    from runner.training.make import make_trainer

    seed, epochs = run
    profile = models.here(choice.profile)
    train = train_of(profile, choice.accumulation, models.shape_of(line).family)
    own = {"micro_batch": choice.micro_batch, "epochs": epochs}
    train = train.model_copy(update=dict(laid.train) | own)
    work = Path(tempfile.mkdtemp())
    job = Job(
        base=work, rows=same.rows(line, of), validation=(),
        order=lambda epoch: epoch_order(len(of), seed, epoch), method=method_of(profile),
        train=train, work=work, packing=laid.packing, padding=padding(),
    )  # fmt: skip
    return make_trainer(job, models.model_of(line, choice.profile), [seen])


def _use(environment: dict[str, str]) -> None:
    """Use the allocator of a lock, whose environment is set before a stage starts."""
    import torch

    os.environ.update(environment)
    settings = environment.get("PYTORCH_ALLOC_CONF")
    if settings and torch.cuda.is_available():
        torch.cuda.memory._set_allocator_settings(settings)


def _said(profile: Profile, rows: int, laid: passes.Laid) -> str:
    words = [f"{rows} rows", f"{profile.kernels} layers", profile.attention]
    words.append(
        f"passes of {profile.pass_tokens}, at most {laid.train.get('most_passes', 1)} a step"
        if profile.pass_tokens
        else f"{profile.micro_batch} padded rows at once"
    )
    words += [f"dropout {profile.dropout:g}"] * (profile.method != "full")
    words += ["checkpointing"] * profile.checkpointing
    if "graph_sizes" in laid.train:
        words.append(f"graphs of {laid.train['graph_sizes']}")
    return ", ".join(words)
