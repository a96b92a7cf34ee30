"""Adds a kind of stage, `tally`, to the closed table, and prints what the floors make of it.

Only a module for each floor and a name in the table are added. The folder that is given gets the
demo's files.
"""

import json
import sys
from pathlib import Path
from types import ModuleType

import lockfiles.stage_kinds as table
from lockfiles.fixes import Answer
from lockfiles.stage_kinds.kind import Settings, StageKind
from planner.pipeline.kind import PlannedKind, Wanted
from planner.pipeline.kind import Settings as Planned
from planner.questions.question import Question

ASKED = Question(
    "results.tally", "results", "choice", "Files to count", "Usually none.", "none", ("none", "all")
)


class Counted(Settings):
    """Which files are counted."""

    files: str


def _settings(wanted: Wanted) -> list[Planned]:
    files = wanted.answers.text("results.tally")
    return [] if files == "none" else [{"files": files}]


def add(name: str, kind: StageKind | PlannedKind) -> None:
    """Let `name` be a module that holds the record of a kind."""
    sys.modules[name] = ModuleType(name)
    vars(sys.modules[name])["KIND"] = kind


def main(folder: Path) -> None:
    """Register the kind before anything reads the table, and plan with it."""
    merged = frozenset(["merge"])
    add(
        "lockfiles.stage_kinds.tally",
        StageKind(
            "tally", Counted, reads=merged, needs=(merged,), answers=("results.tally",),
            packages=("pydantic",),
        ),
    )  # fmt: skip
    add(
        "planner.pipeline.tally",
        PlannedKind(
            "a number of files",
            title="Counting",
            questions=(ASKED,),
            skip=Answer("results.tally", "none"),
            settings=_settings,
            tables=("packages",),
            families=("llama",),
            disk_bytes=lambda sizes, settings: 7,
            file_bytes=lambda sizes: {"list": sizes.parameters},
        ),
    )
    table.NAMES = (*table.NAMES[:-1], "tally", table.NAMES[-1])
    print(json.dumps(_seen(folder)))


def _seen(folder: Path) -> dict[str, object]:
    from lockfiles import intent, lock
    from planner.interview.answers import check, given
    from planner.interview.questions import QUESTIONS
    from planner.interview.schema import schema
    from planner.plan.gather import gather
    from planner.plan.plan import plan
    from tests.planned import MACHINE, answers, few_rows
    from tui.session.panels import results
    from tui.session.steps import ALL

    few_rows(folder)
    asked = {"none": answers(), "all": answers(results__tally="all")}
    made = {key: plan(one, gather(one, folder, machine=MACHINE)) for key, one in asked.items()}
    text = intent.write(given(asked["all"]))
    return {
        "keys": [question.key for question in QUESTIONS],
        "asked": [question.key for question in ALL["results"].questions],
        "schema": list(schema()["properties"]["results"]["properties"]),  # type: ignore[index]
        "reads back": dict(check(intent.parse(text).values, {})) == dict(asked["all"]),
        "same lock": lock.parse(lock.write(made["all"])) == made["all"],
        "stages": {key: [stage.id for stage in one.stage] for key, one in made.items()},
        "inputs": made["all"].of_kind("tally")[0].inputs,
        "packages": {key: sorted(one.packages) for key, one in made.items()},
        "disk": [one.prediction.disk_bytes for one in made.values()],
        "changed": [
            key for key, one in made["none"].integrity.items() if made["all"].integrity[key] != one
        ],
        "panel": results.render(made["all"]),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
