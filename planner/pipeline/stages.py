"""The stages of a run, with their settings, from the answers."""

from collections.abc import Set

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Answer, Change, Key
from planner.interview.answers import Answers
from planner.search.choose import Choice

GGUF_FAMILIES = ("llama", "qwen2", "qwen3")
"""The families that the runner writes GGUF files of; a test holds the two lists equal."""
Settings = dict[str, str | int | bool | list[str]]


def stages(
    answers: Answers, choice: Choice, splits: Set[str], family: str
) -> list[dict[str, object]]:
    """Return the stages in order. Raises UsageProblem where answers ask for the impossible."""
    held = "test" if "test" in splits else "validation"
    levels = list(answers.chosen("results.gguf"))
    adapter = choice.kind != "full"
    merges = adapter and answers.flag("results.merge")
    samples = answers.integer("results.samples")
    found: list[tuple[str, Settings]] = [("prepare", {}), ("train", {})]
    if answers.flag("results.evaluate"):
        if held not in splits:
            raise UsageProblem(
                "Comparing base and tuned model needs held-out rows, and there are none.",
                fix=(
                    Change("data.test", "a file of rows"),
                    Change("data.validation", "a file of rows"),
                    Answer("results.evaluate", False),
                ),
            )
        found.append(("evaluate", {"rows": held, "samples": samples}))
    if merges:
        found.append(("merge", {}))
    if levels:
        _check_family(family)
        if adapter and not merges:
            raise UsageProblem(
                "GGUF files are made from a merged model, and ",
                Key("results.merge"),
                " is false.",
                fix=Answer("results.merge", True),
            )
        found.append(("gguf", _gguf(levels, samples, held if held in splits else "")))
    if repo := answers.text("results.push_to"):
        found.append(("push", {"to": repo, "private": answers.flag("results.private")}))
    found.append(("report", {}))
    return [{"name": name, "settings": settings} for name, settings in found]


def _check_family(family: str) -> None:
    if family not in GGUF_FAMILIES:
        known = ", ".join(f"`{name}`" for name in GGUF_FAMILIES)
        raise UsageProblem(
            f"GGUF export does not know the family `{family}` yet; it knows {known}.",
            fix=Answer("results.gguf", ()),
        )


def _gguf(levels: list[str], samples: int, held: str) -> Settings:
    asked = samples if held else 0
    return {"levels": levels, "rows": held, "samples": asked}
