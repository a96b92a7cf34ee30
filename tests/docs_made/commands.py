"""The page of the commands, made from click's own declarations."""

import inspect
from collections.abc import Iterator

import click

from tui import cli

_INTRO = """\
# Commands

Every command prints data on stdout and messages on stderr. With `--json`, stdout is one JSON
document, or one JSON object a line where a run is followed. `-h` shows a command's help.
See [exit codes](exit-codes.md) for how a command ends."""


def page() -> str:
    """Return the page of all commands, in the order of `tunelock --help`."""
    group = click.Context(cli.app, info_name="tunelock", **cli.app.context_settings)
    parts = [_INTRO, *_command(cli.app, group, "tunelock")]
    for name in cli.app.list_commands(group):
        command = cli.app.get_command(group, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=group)
        parts += _command(command, context, f"tunelock {name}")
    return "\n\n".join(parts)


def _command(command: click.Command, context: click.Context, title: str) -> Iterator[str]:
    """Yield the heading of a command, its usage, its help and its options."""
    yield f"## {title}"
    pieces = " ".join(command.collect_usage_pieces(context))
    yield f"```text\n{title} {pieces}\n```"
    yield inspect.cleandoc(command.help or "")
    records = (one.get_help_record(context) for one in command.get_params(context))
    yield "\n".join(_option(*record) for record in records if record)


def _option(names: str, words: str) -> str:
    return f"- `{names}`: {words}" if words else f"- `{names}`"
