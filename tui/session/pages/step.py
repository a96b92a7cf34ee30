"""The page of a step: rows to choose from, and the facts above them."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from lockfiles.errors import TunelockError
from lockfiles.harmless import escaped, joined, paragraphs
from planner.questions.question import Question
from tui.session.draft import STEPS, Draft
from tui.session.facts import Facts
from tui.session.pages import data
from tui.session.pages.page import Action, Page
from tui.session.steps import ALL, Values, missing, verdict
from tui.session.wording import said

if TYPE_CHECKING:
    from planner.search.choose import Choice

START = "Start?"
"""The title of the page that confirms the start."""


def of_step(draft: Draft, facts: Facts, out: str) -> Page:
    """Return the page of the draft's current step."""
    step = ALL[draft.current]
    rows: tuple[Question | Action, ...] = step.applying(draft.values)
    if draft.current == "data":
        rows = tuple(data.rows(draft.values, facts))
    if draft.current == "model":
        rows += data.x_ray(draft.values)
    if draft.current == "review":
        rows = (
            Action("write", f"Write {out} and its lock"),
            Action("ask_start", "Write both and start the run"),
        )
    return Page(step.title, rows, lambda: _guarded(_FACTS[draft.current](draft, facts, out)))


def of_return(kept: Draft) -> Page:
    """Return the page that asks whether to continue a draft."""
    number = STEPS.index(kept.current) + 1
    text = joined(
        (
            f"There are saved answers for `{kept.values['goal.name']}`.",
            f"You were at step {number} of {len(STEPS)}, {kept.current.capitalize()}.",
        )
    )
    rows = (Action("go_on", "Continue where I left off"), Action("start_over", "Start over"))
    return Page("Welcome back", rows, lambda: iter([text]))


def of_start(draft: Draft, facts: Facts) -> Page:
    """Return the page that asks to confirm the start."""

    def text() -> Iterator[str]:
        from tui.session.panels import review

        machine = facts.machine(draft.values)
        yield review.start(facts.lock(draft.values), machine.disk_free_bytes)

    rows = (
        Action("close", "No, back to the review"),
        Action("write_and_start", "Yes, write the files and start the run"),
    )
    return Page(START, rows, lambda: _guarded(text()))


def _guarded(lines: Iterator[str]) -> Iterator[str]:
    shown = ""
    try:
        for shown in lines:
            yield shown
    except TunelockError as problem:
        yield paragraphs(*([shown] if shown else []), escaped(said(problem)))


def _goal(draft: Draft, facts: Facts, out: str) -> Iterator[str]:
    from tui.session.panels import goal

    override = str(draft.values["goal.override"])
    for read in (False, True):
        decision, counted = verdict(draft.values, facts, read=read)
        yield goal.render(decision, counted=counted, override=override)


def _model(draft: Draft, facts: Facts, out: str) -> Iterator[str]:
    from tui.session.panels import model

    if missing(ALL["model"], draft.values):
        yield "Below, enter a Hub repository (`owner/name`) or the path of a local folder."
        return
    found, template = facts.model(draft.values), ""
    try:
        facts.template(draft.values)
    except TunelockError as problem:
        template = said(problem)
    yield model.render(found, template)


def _machine(draft: Draft, facts: Facts, out: str) -> Iterator[str]:
    from tui.session.panels import machine

    values = draft.values
    probed = machine.render(facts.machine(values), saved=bool(values["machine.facts"]))
    yield paragraphs(probed, "Reading the model and the data to see what fits ...")
    longest = facts.gathered(values).stream.longest
    found = {kind: _choice(values, facts, kind) for kind in machine.METHODS}
    yield paragraphs(probed, machine.fits(found, str(values["model.source"]), longest))


def _choice(values: Values, facts: Facts, kind: str) -> "Choice | str":
    try:
        return facts.choice({**values, "method.kind": kind})
    except TunelockError as problem:
        return problem.sentence


def _method(draft: Draft, facts: Facts, out: str) -> Iterator[str]:
    from tui.session.panels import method

    yield method.render(facts.choice(draft.values))


def _results(draft: Draft, facts: Facts, out: str) -> Iterator[str]:
    from tui.session.panels import results

    yield results.render(facts.lock(draft.values))


def _review(draft: Draft, facts: Facts, out: str) -> Iterator[str]:
    from tui.session.panels import review

    stale = [step.capitalize() for step in STEPS if step in draft.stale and step != "review"]
    yield review.render(
        facts.lock(draft.values),
        draft.values,
        stale_steps=stale,
        answer_lines=[line for step in ALL.values() for line in step.summarise(draft.values)],
        answers_file=out,
    )


_FACTS: dict[str, Callable[[Draft, Facts, str], Iterator[str]]] = {
    "goal": _goal,
    "data": data.facts_of,
    "model": _model,
    "machine": _machine,
    "method": _method,
    "results": _results,
    "review": _review,
}
