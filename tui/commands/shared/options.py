"""Command-line options that several commands share."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from lockfiles.errors import naming


def _pairs(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, Path]:
    pairs = {}
    for value in values:
        name, equals, path = value.partition("=")
        if not equals or not name or not path:
            raise click.BadParameter(f"`{value}` is not of the form NAME=PATH")
        pairs[name] = Path(path).absolute()
    return pairs


def lock(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the argument LOCK, `run.lock` by default; hints of errors name the file that is given."""

    @wraps(command)
    def named(lock: Path, **given: object) -> Any:
        with naming(lock):
            return command(lock=lock, **given)

    return click.argument("lock", type=click.Path(path_type=Path), default=Path("run.lock"))(named)


def locate(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--locate NAME=PATH`, which gives the path of a local input of the lock."""
    return click.option(
        "--locate", "located", multiple=True, callback=_pairs, metavar="NAME=PATH",
        help="Path of a local input: model, template, train, validation, test.",
    )(command)  # fmt: skip
