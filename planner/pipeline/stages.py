"""The stages of a run, with their settings, from the answers."""

from collections.abc import Set

from lockfiles.stage_kinds import KINDS
from planner.interview.answers import Answers
from planner.pipeline.kind import Wanted, of_kind
from planner.search.choose import Choice


def stages(
    answers: Answers, choice: Choice | None, splits: Set[str], family: str
) -> list[dict[str, object]]:
    """Return the stages in order. Raises UsageProblem where answers ask for the impossible.

    A stage is called by its kind, the second of a kind `KIND-2`, and reads every earlier stage
    that its kind can read. Without a `choice` nothing is trained.
    """
    wanted = Wanted(answers, choice, splits, family)
    found: list[dict[str, object]] = []
    kinds: dict[str, str] = {}
    for name, kind in KINDS.items():
        asked = of_kind(name).settings(wanted) if choice or kind.untrained is not None else []
        for number, settings in enumerate(asked, start=1):
            stage = name if number == 1 else f"{name}-{number}"
            inputs = [one for one, earlier in kinds.items() if kind.may_read(earlier)]
            found.append({"id": stage, "kind": name, "inputs": inputs, "settings": settings})
            kinds[stage] = name
    return found
