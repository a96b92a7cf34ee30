"""`tunelock data FILE`: format and problems of a dataset, and what training will see."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lockfiles.errors import DataRefused, UsageProblem
from lockfiles.fixes import Advice, Option
from tui.terminal import output

if TYPE_CHECKING:
    from planner.data.checks.report import Report
    from planner.data.checks.scan import Chat
    from planner.data.reading.bad_rows import Unread
    from planner.data.reading.classification import Labelled
    from planner.data.reading.formats import Read


@click.command(name="data")
@click.argument("file")
@click.option(
    "--model", metavar="MODEL",
    help="Count tokens with this model: a folder or a Hub id. Weights are not downloaded.",
)  # fmt: skip
@click.option(
    "--row", type=click.IntRange(min=0), help="Show one row as training sees it; the first is 0."
)
@click.option(
    "--format", "format_", type=click.Choice(["auto", "classification"]), default="auto",
    help="Whether the rows are a classification: texts and their labels.",
)  # fmt: skip
@click.option("--prompt-column", metavar="NAME", help="The column that holds the prompt.")
@click.option("--completion-column", metavar="NAME", help="The column that holds the answer.")
@click.option("--system", default="", help="System message for rows that have none.")
@click.option(
    "--role", "roles", multiple=True, metavar="NAME=ROLE",
    help="The role of a speaker whose name is not understood. May be repeated.",
)  # fmt: skip
@click.option(
    "--max-length", type=click.IntRange(min=1),
    help="Maximum tokens of a row.  [default: the model's context]",
)  # fmt: skip
@click.option(
    "--held-out", multiple=True, metavar="FILE",
    help="Validation or test rows, to find those that are also in FILE. May be repeated.",
)  # fmt: skip
@click.option(
    "--html", type=click.Path(path_type=Path), metavar="FILE",
    help="Also write the report as an HTML page with plots.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(
    file: str,
    model: str | None,
    row: int | None,
    format_: str,
    prompt_column: str | None,
    completion_column: str | None,
    system: str,
    roles: tuple[str, ...],
    max_length: int | None,
    held_out: tuple[str, ...],
    html: Path | None,
    as_json: bool,
) -> None:
    """Inspect a dataset and report problems. FILE is not modified.

    FILE is JSONL, JSON, CSV, TSV or Parquet, a folder of such files, or a dataset on the Hub as
    `hf:owner/name:config:split`. With `--model`, lengths are counted in its tokens, and `--row N`
    shows the text, the tokens and which of them are scored.
    """
    from planner.data.checks.file_notes import delimiters
    from planner.data.reading.account import Account
    from planner.data.reading.formats import every_row
    from tui.session.planning import writable
    from tui.text import data_html

    columns = _columns(prompt_column, completion_column, format_)
    placed = _placing()
    file, place = placed(file, "train")
    chat = _chat(model, max_length or 0)
    labelled = _labelled(place, format_, columns, system, chat)
    how: dict[str, Any] = {
        "columns": None if labelled else columns, "system": system, "roles": _roles(roles),
        "labelled": labelled,
    }  # fmt: skip
    account = Account()
    rows = every_row(place, **how, account=account)
    if row is not None:
        _show(file, rows, row, chat, as_json)
        return
    places = dict(placed(other, "test") for other in held_out)
    accounts = {name: Account() for name in places}
    others = {name: every_row(at, **how, account=accounts[name]) for name, at in places.items()}
    for at in places.values():  # a wrong name is reported before the long work
        next(every_row(at, **how))
    if html:
        writable(html, data_html.MARK)
    mapping = {} if labelled else columns or {}
    about = {
        "account": account, "accounts": accounts, "labelled": labelled, "notes": delimiters(place)
    }  # fmt: skip
    report = _report(rows, about, mapping, chat, others)
    if html:
        _write(report, file, html)
    from tui.text import data

    try:
        if as_json:
            output.data_json(data.record(report))
        else:
            output.lines(data.page(report, file))
    except BrokenPipeError:  # refused rows stay refused if nobody reads the report
        if not report.refused:
            raise
    if report.refused:
        raise DataRefused(
            f"`{file}` should not be used for training in its current state.",
            fix=Advice("fix the findings marked `refused` above"),
        )


def _placing() -> Callable[[str, str], tuple[str, Path]]:
    """Return a function from a name to its full name and the path of its rows.

    Rows on the Hub are downloaded. Its second argument is the split for a name without one.
    """
    from planner.hub.datasets.contents import looking
    from planner.hub.datasets.local import local
    from planner.hub.datasets.reference import is_reference

    look = looking(output.note)

    def placed(name: str, use: str) -> tuple[str, Path]:
        if not is_reference(name):
            return name, Path(name)
        found, place = local(name, use, output.note, look)
        return str(found), place

    return placed


def _labelled(
    place: Path, format_: str, columns: dict[str, str] | None, system: str, chat: "Chat | None"
) -> "Labelled | None":
    """Return how to read the rows of a classification; None for other rows."""
    from planner.data.reading.classification import estimated
    from planner.data.reading.detection import labelled_in

    tokens = chat.tokens if chat else estimated
    return labelled_in(place, format_, columns=columns, system=system, tokens=tokens)


def _columns(prompt: str | None, completion: str | None, format_: str) -> dict[str, str] | None:
    if not prompt and not completion:
        return None
    if format_ == "classification":
        return {"prompt": prompt or "", "completion": completion or ""}
    if not prompt or not completion:
        raise UsageProblem(
            "A row needs both a prompt and an answer.",
            fix=Option("--prompt-column NAME --completion-column NAME", to="give both:"),
        )
    return {"prompt": prompt, "completion": completion}


def _roles(given: tuple[str, ...]) -> dict[str, str]:
    from planner.data.reading.roles import mapping
    from planner.interview.questions import BY_KEY
    from planner.questions.question import normal

    try:
        normal(BY_KEY["data.roles"], given)
    except ValueError as problem:
        raise UsageProblem(
            f"`--role` {problem}.", fix=Option("--role NAME=ROLE", note="such as `npc=assistant`")
        ) from None
    return mapping(given)


def _chat(model: str | None, max_length: int = 0) -> "Chat | None":
    """Return a model's template and tokenizer; None without a model."""
    if not model:
        return None
    from planner.data.checks.scan import Chat
    from planner.data.isolation import process
    from planner.data.tokens.encode import load_tokenizer
    from planner.data.tokens.ending import with_ends
    from planner.data.tokens.special_tokens import configured_ends
    from planner.data.tokens.template import load_template
    from planner.interview.answers import check
    from planner.plan.gather import model_facts

    process.start()  # it is ready by the time the model has been read
    named = {"goal.name": "data", "data.train": "rows", "model.source": model}
    facts, folder = model_facts(check(named, {}), Path.cwd())
    tokenizer, shape = load_tokenizer(folder), facts.architecture
    template = with_ends(load_template(folder), tokenizer, configured_ends(folder))
    return Chat(template, tokenizer, shape.context, max_length, shape.vocabulary)


def _report(
    rows: "Iterable[Read | Unread]",
    about: dict[str, Any],
    mapping: dict[str, str],
    chat: "Chat | None",
    held_out: "dict[str, Iterator[Read | Unread]]",
) -> "Report":
    """Read every row and return the report; show progress."""
    from planner.data.checks.registry import every
    from planner.data.checks.scan import scan
    from tui.terminal.heartbeat import Progress

    with Progress("reading rows") as progress:
        return scan(
            rows,
            every,
            mapping=mapping,
            chat=chat,
            held_out=held_out,
            told=lambda done: progress.update(f"{done:,} rows"),
            doing=progress.update,
            **about,
        )


def _write(report: "Report", file: str, to: Path) -> None:
    from lockfiles.files import write_out
    from tui.text import data_html

    try:
        write_out(to, data_html.page(report, file).encode(), data_html.MARK)
    except OSError as problem:
        raise UsageProblem(
            f"`{to}` cannot be written: {problem.strerror}.",
            fix=Option("--html FILE", note="in another folder"),
        ) from None
    output.note(f"wrote {to}")


def _show(
    file: str, rows: "Iterable[Read | Unread]", number: int, chat: "Chat | None", as_json: bool
) -> None:
    """Print one row as training sees it."""
    from planner.data.reading.bad_rows import Unread
    from tui.session import trained_row
    from tui.text import row as xray_page

    if not chat:
        raise UsageProblem(
            "Showing a row's tokens needs a model.",
            fix=Option("--model MODEL", note="a folder or a Hub id"),
        )
    found = next((row for row in rows if row.number == number), None)
    if not found:
        raise UsageProblem(f"`{file}` has no row {number}.", fix=Advice("the first row is 0"))
    if isinstance(found, Unread):
        raise found.problem
    shown, varied = trained_row.as_trained(found, chat.template, chat.tokenizer)
    if varied:
        output.note(trained_row.VARIANT)
    if as_json:
        output.data_json(xray_page.record(shown, number))
    else:
        output.lines(xray_page.page(shown, f"row {number} ({found.path.name}, {found.place})"))
