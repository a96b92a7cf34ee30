"""GGUF: a stage for each level that `results.gguf` names, so that one more redoes none."""

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Answer, Key
from planner.pipeline.kind import PlannedKind, Settings, Wanted

FAMILIES = ("llama", "qwen2", "qwen3")
"""The families that the runner writes GGUF files of; a test holds the two lists equal."""


def _settings(wanted: Wanted) -> list[Settings]:
    levels = list(wanted.answers.chosen("results.gguf"))
    if not levels:
        return []
    _check_family(wanted.family)
    if wanted.adapter and not wanted.answers.flag("results.merge"):
        raise UsageProblem(
            "GGUF files are made from a merged model, and ",
            Key("results.merge"),
            " is false.",
            fix=Answer("results.merge", True),
        )
    samples = wanted.answers.integer("results.samples") if wanted.held else 0
    return [{"levels": [level], "rows": wanted.held, "samples": samples} for level in levels]


def _check_family(family: str) -> None:
    if family not in FAMILIES:
        known = ", ".join(f"`{name}`" for name in FAMILIES)
        raise UsageProblem(
            f"GGUF export does not know the family `{family}` yet; it knows {known}.",
            fix=Answer("results.gguf", ()),
        )


KIND = PlannedKind("files for llama.cpp", _settings, untrained_tables=("packages",))
