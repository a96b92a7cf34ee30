"""What the screen shows at one moment: rows to choose from, and the facts above them."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lockfiles.errors import TunelockError
from planner.interview.question import Question
from tui.wizard.draft import STEPS, Draft
from tui.wizard.facts import Facts
from tui.wizard.steps import ALL, Values, missing, said, verdict

if TYPE_CHECKING:
    from planner.choose import Choice
    from planner.data.checks.finding import Finding
    from planner.models import ModelFacts

START = "Start?"
"""The title of the page that asks before starting."""
FINDINGS = "What was found"
"""The title of the page that lists what is wrong with the data."""
_ENTER = "Enter shows the first rows that have it; Esc goes back to the step."


@dataclass(frozen=True)
class Action:
    """A row that does something in place of asking."""

    id: str
    """The application's action."""
    title: str
    """What it does, in words."""
    about: str = ""
    """What the note below the page says of it."""


@dataclass(frozen=True, kw_only=True)
class Noticed(Action):
    """A row that shows what is wrong with the data."""

    finding: "Finding"
    """What is wrong."""
    text: str
    """Its sentence and its fix, shown in place of the facts."""


@dataclass(frozen=True)
class Page:
    """One page: a step, or a question about the wizard itself."""

    title: str
    """What stands in the frame."""
    rows: tuple[Question | Action, ...]
    """What the cursor moves over."""
    facts: Callable[[], Iterator[str]]
    """The text above, which grows as more is read; it takes its time, so workers run it."""


def of_step(draft: Draft, facts: Facts, out: str) -> Page:
    """Return the page of the draft's current step."""
    step = ALL[draft.current]
    rows: tuple[Question | Action, ...] = step.applying(draft.values)
    if draft.current == "data":
        rows = tuple(_data_rows(draft.values, facts))
    if draft.current == "model":
        rows += _x_ray(draft.values)
    if draft.current == "review":
        rows = (
            Action("write", f"Write {out} and its lock"),
            Action("ask_start", "Write them and start the run"),
        )
    return Page(step.title, rows, lambda: _guarded(_FACTS[draft.current](draft, facts, out)))


def of_return(kept: Draft) -> Page:
    """Return the page that asks whether to go on with a draft."""
    number = STEPS.index(kept.current) + 1
    text = (
        f"Answers from an earlier visit are here, for `{kept.values['goal.name']}`.\n"
        f"You were at step {number} of {len(STEPS)}, {kept.current.capitalize()}."
    )
    rows = (Action("go_on", "Go on where I was"), Action("start_over", "Start over"))
    return Page("Welcome back", rows, lambda: iter([text]))


def of_start(draft: Draft, facts: Facts) -> Page:
    """Return the page that asks for the separate yes to start."""

    def text() -> Iterator[str]:
        from tui.wizard.panels import review

        machine = facts.machine(draft.values)
        yield review.start(facts.lock(draft.values), machine.disk_free_bytes)

    rows = (
        Action("close", "No, back to the review"),
        Action("write_and_start", "Yes, write the files and start the run"),
    )
    return Page(START, rows, lambda: _guarded(text()))


def of_findings(draft: Draft, facts: Facts) -> Page:
    """Return the page that lists the findings on the data; the draft's report has some."""
    from tui.wizard.panels import data

    looked = facts.reports.looked(draft.values)
    rows = tuple(
        Noticed(
            "rows_of",
            data.finding_line(finding),
            _ENTER if finding.rows else "",
            finding=finding,
            text=data.finding_text(finding),
        )
        for finding in (looked.findings if looked else ())
    )
    return Page(FINDINGS, rows, lambda: iter(()))


def _data_rows(values: Values, facts: Facts) -> Iterator[Question | Action]:
    """Yield the questions, columns that the file has offered as choices, and what else to do."""
    names = facts.column_names(values)
    for question in ALL["data"].applying(values):
        if names and question.key.endswith("_column"):
            yield replace(question, kind="choice", choices=names)
        else:
            yield question
    looked = facts.reports.looked(values)
    if looked and looked.findings:
        from tui.wizard.panels import data

        yield Action("findings", f"Look closer at what was found: {data.tally(looked.findings)}")
    yield from _x_ray(values)


def _x_ray(values: Values) -> tuple[Action, ...]:
    """Return the row that shows training rows as training sees them, once that can be."""
    if not (values["data.train"] and values["model.source"]):
        return ()
    return (Action("x_ray", "See a row as training sees it (x)"),)


def _guarded(lines: Iterator[str]) -> Iterator[str]:
    shown = ""
    try:
        for shown in lines:
            yield shown
    except TunelockError as problem:
        yield f"{shown}\n\n{said(problem)}".strip()


def _goal(draft: Draft, facts: Facts, out: str) -> Iterator[str]:
    from tui.wizard.panels import goal

    override = str(draft.values["goal.override"])
    for read in (False, True):
        decision, counted = verdict(draft.values, facts, read=read)
        yield goal.text(decision, counted=counted, override=override)


def _data(draft: Draft, facts: Facts, out: str) -> Iterator[str]:
    from tui.wizard.panels import data

    values, reports = draft.values, facts.reports
    found = data.text(values, reports.looked(values), reports.seen)
    yield found
    if values["data.format"] == "columns" and values["data.train"]:
        from tui.wizard.panels import mapping

        with suppress(TunelockError):  # the report says what is wrong with the file
            yield f"{mapping.text(facts.first_rows(values), values)}\n\n{found}"


def _model(draft: Draft, facts: Facts, out: str) -> Iterator[str]:
    from tui.wizard.panels import model

    if missing(ALL["model"], draft.values):
        yield "Name a Hub repository or a local folder below."
        return
    found, template = facts.model(draft.values), ""
    try:
        facts.template(draft.values)
    except TunelockError as problem:
        template = said(problem)
    yield model.text(found, template)


def _machine(draft: Draft, facts: Facts, out: str) -> Iterator[str]:
    from tui.wizard.panels import machine

    values = draft.values
    probed = machine.text(facts.machine(values), saved=bool(values["machine.facts"]))
    yield f"{probed}\n\nReading the model and the data for what fits ..."
    longest = facts.gathered(values).stream.longest
    found = {kind: _choice(values, facts, kind) for kind in machine.METHODS}
    yield f"{probed}\n\n{machine.fits(found, str(values['model.source']), longest)}"


def _choice(values: Values, facts: Facts, kind: str) -> "Choice | str":
    try:
        return facts.choice({**values, "method.kind": kind})
    except TunelockError as problem:
        return problem.message


def _method(draft: Draft, facts: Facts, out: str) -> Iterator[str]:
    from tui.wizard.panels import method

    yield method.text(facts.choice(draft.values))


def _results(draft: Draft, facts: Facts, out: str) -> Iterator[str]:
    from tui.wizard.panels import results

    model = facts.gathered(draft.values).model
    sizes = {level: gguf_bytes(model, level) for level in ("f16", "q8_0", "q4_k_m")}
    yield results.text(facts.lock(draft.values), sizes)


def gguf_bytes(model: "ModelFacts", level: str) -> int:
    """Return the size of one GGUF file, without what stands beside it while it is made."""
    from planner.disk import disk_bytes

    size = disk_bytes(model, trained_bytes=0, merges=False, levels=[level])
    scratch = disk_bytes(model, trained_bytes=0, merges=False, levels=["f16"])
    return size - scratch if level == "q4_k_m" else size


def _review(draft: Draft, facts: Facts, out: str) -> Iterator[str]:
    from tui.wizard.panels import review

    stale = [step.capitalize() for step in STEPS if step in draft.stale and step != "review"]
    answers = [line for step in ALL.values() for line in step.summarise(draft.values)]
    yield review.text(facts.lock(draft.values), draft.values, answers=answers, stale=stale, out=out)


_FACTS: dict[str, Callable[[Draft, Facts, str], Iterator[str]]] = {
    "goal": _goal,
    "data": _data,
    "model": _model,
    "machine": _machine,
    "method": _method,
    "results": _results,
    "review": _review,
}
