"""The page of the exit codes, made from the tree of errors."""

from collections.abc import Iterator

from lockfiles.errors import TunelockError

_INTRO = """\
# Exit codes

Exit codes are an interface: scripts and schedulers branch on them. `tunelock run --foreground` and
`tunelock watch` end with the code of the run.

| Code | Name | Meaning |
|---|---|---|
| 0 | `done` | The command did what it was asked to. |"""

_OUTRO = """\
An error is one sentence on stderr, `error: …`, and where something can be done about it a second
one, `hint: …`, with the command to type. `TUNELOCK_TRACEBACK=1` shows the traceback of an
unexpected fault."""


def page() -> str:
    """Return the page, its rows by ascending code."""
    errors = sorted(_errors(TunelockError), key=lambda error: error.exit_code)
    rows = [f"| {one.exit_code} | `{one.__name__}` | {_first_line(one)} |" for one in errors]
    return "\n".join([_INTRO, *rows]) + f"\n\n{_OUTRO}"


def _first_line(error: type[TunelockError]) -> str:
    return (error.__doc__ or "").partition("\n")[0]


def _errors(error: type[TunelockError]) -> Iterator[type[TunelockError]]:
    for one in error.__subclasses__():
        if one.__module__ == TunelockError.__module__:
            yield one
            yield from _errors(one)
