"""The page of the exit codes, made from the tree of errors."""

from collections.abc import Iterator

from lockfiles.errors import TunelockError

_INTRO = """\
# Exit codes

Scripts and schedulers can rely on the exit codes. `tunelock run --foreground` and `tunelock watch`
exit with the code of the run.

| Code | Name | Meaning |
|---|---|---|
| 0 | `done` | The command succeeded. |"""

_OUTRO = """\
An error is one sentence on stderr, `error: …`, followed by `hint: …` with a command if there is a
fix. `TUNELOCK_TRACEBACK=1` shows the traceback of an unexpected error."""


def page() -> str:
    """Return the page, its rows by ascending code."""
    errors = sorted(_errors(), key=lambda error: error.exit_code)
    rows = [f"| {one.exit_code} | `{one.__name__}` | {_first_line(one)} |" for one in errors]
    return "\n".join([_INTRO, *rows]) + f"\n\n{_OUTRO}"


def _first_line(error: type[TunelockError]) -> str:
    return (error.__doc__ or "").partition("\n")[0]


def _errors() -> Iterator[type[TunelockError]]:
    """Yield the kinds of errors; those below them have the exit codes of some of these."""
    found = TunelockError.__subclasses__()
    yield from (one for one in found if one.__module__ == TunelockError.__module__)
