"""The command line. Commands are listed here by name and imported only when one is run."""

import gc
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from tui.terminal import output

_VERBS = {
    "doctor": "Check what is installed, and how to install what is missing.",
    "demo": "Run the full pipeline on a small built-in model (CPU only).",
    "data": "Inspect a dataset: problems, tokens, and what training will see.",
    "fit": "Show which methods fit on this machine or on a named GPU.",
    "plan": "Turn run.toml into run.lock: every value resolved and explained.",
    "check": "Check whether a lock can run on this machine. Writes nothing.",
    "diff": "Show what differs between two locks, and the consequences.",
    "rehearse": "Measure memory and time with random weights, before any download.",
    "run": "Run a lock. Run the same command again to resume.",
    "launch": "Write what starts a lock on Slurm, Kubernetes or SkyPilot.",
    "watch": "Follow a run from any terminal.",
    "status": "Show the state of a run.",
    "stop": "Stop a run cleanly. Resume it with `tunelock run`.",
    "export": "Convert a model folder to a GGUF file.",
}
"""Each command and what it does, in the order of use."""
_MOST_SHOWN_CHARS = 100
_FEW_COLLECTIONS = 100_000
"""New objects between two collections of garbage: imports make many and leave none behind."""
_EXIT_CODES = (
    "Exit codes: 0 success; 1 a stage failed; 2 wrong usage or input; 3 the lock is out of date; "
    "4 the run does not fit on this machine; 5 a file differs from the locked one; 6 the data "
    "cannot be trained on; 75 stopped, rerun to resume; 130 interrupted."
)


class _Verbs(click.Group):
    """A group whose help needs none of its commands' imports."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _VERBS:
            return None
        command = import_module(f"tui.commands.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_VERBS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _VERBS and not args[0].startswith("-"):
            from lockfiles.errors import UsageProblem
            from lockfiles.fixes import Command
            from lockfiles.harmless import one_line
            from lockfiles.later import COMMANDS, SENTENCE
            from lockfiles.nearest import nearest

            typed = one_line(args[0], most=_MOST_SHOWN_CHARS)
            like = nearest(args[0], (*_VERBS, *COMMANDS))
            known = f"; did you mean `{like}`?" if like else "."
            said = f"`{typed}` is not a tunelock command{known}"
            if like in COMMANDS:
                said = f"`tunelock {like}` {SENTENCE}."
            raise UsageProblem(said, fix=Command("tunelock --help"))
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Verbs,
    epilog=_EXIT_CODES,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="tunelock")
@click.option("--plain", is_flag=True, help="Use plain prompts instead of the full-screen wizard.")
@click.pass_context
def app(context: click.Context, plain: bool) -> None:
    """Plan a fine-tune once, lock it, run it anywhere.

    Without a command, the wizard starts. It asks what you want, writes run.toml (your answers) and
    run.lock (the complete plan), and starts the run if you confirm.
    """
    if context.invoked_subcommand is None:
        from tui.commands.shared.face import begin

        begin(plain=plain)


def main() -> None:
    """Run the command line and exit with its code."""
    gc.set_threshold(_FEW_COLLECTIONS)
    output.guarded(command)


def command(arguments: Sequence[str] | None = None) -> None:
    """Run a command line, by default this process's own. Raises TunelockError."""
    stdout = sys.stdout
    try:
        app(arguments, prog_name="tunelock", standalone_mode=False)
    except click.exceptions.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as problem:
        from tui.terminal.usage import problem_of

        raise problem_of(problem) from None
    except SystemExit:
        if sys.stdout is not stdout:  # click wraps it, and fails if the reader is gone
            raise BrokenPipeError from None
        raise
