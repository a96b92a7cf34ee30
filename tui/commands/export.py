"""`tunelock export FOLDER`: a GGUF file from any model folder."""

from collections.abc import Sequence
from pathlib import Path

import click

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command, Fixes, Option, Steps
from lockfiles.harmless import named
from tui.terminal import output
from tui.terminal.units import size

_LEVELS = ("f16", "q8_0", "q4_k_m")


@click.command(name="export")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--gguf", "level", type=click.Choice(_LEVELS), default="q8_0", show_default=True,
    help="About 16, 8.5 or 4.8 bits per weight.",
)  # fmt: skip
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The file to write.  [default: MODEL-LEVEL.gguf]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(model: Path, level: str, out: Path | None, as_json: bool) -> None:
    """Convert the model folder MODEL to a GGUF file for llama.cpp.

    MODEL has config.json, tokenizer.json and safetensors files, such as a run's merged model.
    """
    if not model.is_dir():
        raise UsageProblem(f"`{model}` is not a folder.", fix=_where(model))
    try:
        from runner.export.gguf.convert import convert
    except ModuleNotFoundError as problem:
        raise UsageProblem(
            f"GGUF export needs the package `{problem.name}`, which is not installed.",
            fix=Command("pip install 'tunelock[gguf]'"),
        ) from None

    from lockfiles.files import check_output
    from planner.models.folder import list_entries
    from planner.models.folder_kinds import check_folder
    from runner.inputs import view

    check_folder(model, list_entries(model))
    path = out or Path(f"{model.resolve().name}-{level}.gguf")
    check_output(path, b"GGUF")
    try:
        with view.own(model) as one:
            facts = convert(one.folder, path, level)
    except UsageProblem as problem:
        raise UsageProblem(*problem.said, fix=_without_plans(problem.fix)) from None
    except OSError as problem:
        raise UsageProblem(
            f"`{path}` cannot be written: {problem.strerror}.",
            fix=Option("--out FILE", note="in a folder of your own with enough space"),
        ) from None
    if as_json:
        output.data_json(vars(facts) | {"path": str(facts.path)})
        return
    counted = ", ".join(f"{count} {kind}" for kind, count in sorted(facts.tensor_types.items()))
    output.data(f"{named(str(facts.path))}  {size(facts.size_bytes)}  ({counted})")
    if facts.fallbacks:
        output.note(
            f"warning: {len(facts.fallbacks)} tensors have a row size that {level} does not "
            f"support; they were stored with more bits: {', '.join(facts.fallbacks[:3])}"
        )


def _without_plans(fixes: Fixes) -> Fixes:
    """Return the fixes without those that change `run.toml`, which this command does not read."""
    several = fixes if isinstance(fixes, Sequence) else () if fixes is None else (fixes,)
    return tuple(one for one in several if not isinstance(one, Steps))


def _where(model: Path) -> Fixes:
    """Return the hint for a model that is not a folder: a file, or the name of a repository."""
    if model.exists() or model.is_absolute() or model.parent.is_dir():
        return Command("ls {}", model.parent)
    return Advice(
        "name the folder of a model; one on the Hub is exported by a plan without rows "
        '(in run.toml: [model] source = … and [results] gguf = ["q8_0"])'
    )
