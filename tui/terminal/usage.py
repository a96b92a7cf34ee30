"""Click's errors about the command line, in Tunelock's words."""

import re

import click

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Command
from lockfiles.harmless import one_line
from lockfiles.later import remark
from lockfiles.nearest import nearest

_MOST_CHARS, _MOST_SAID_CHARS = 100, 400


def problem_of(fault: click.ClickException) -> UsageProblem:
    """Return an error about the command line as one of Tunelock's own."""
    context = fault.ctx if isinstance(fault, click.UsageError) else None
    verb = context.info_name if context and context.parent else None
    fix = Command("tunelock {} --help", verb) if verb else Command("tunelock --help")
    return UsageProblem(_sentence(fault, context, verb), fix=fix)


def _sentence(fault: click.ClickException, context: click.Context | None, verb: str | None) -> str:
    if isinstance(fault, click.NoSuchOption):
        return _unknown_option(fault.option_name, context, verb)
    if isinstance(fault, click.BadParameter) and fault.param is not None:
        return _wrong_value(fault, fault.param, context)
    return _literals(fault.format_message())


def _unknown_option(name: str, context: click.Context | None, verb: str | None) -> str:
    parameters = context.command.get_params(context) if context else []
    known = [one for found in parameters for one in (*found.opts, *found.secondary_opts)]
    like = nearest(name, [one for one in known if one.startswith("--")])
    of = f"`tunelock {verb}`" if verb else "`tunelock`"
    said = f"`{one_line(name, most=_MOST_CHARS)}` is not an option of {of}"
    return f"{said}; did you mean `{like}`?" if like else f"{said}."


def _wrong_value(
    fault: click.BadParameter, found: click.Parameter, context: click.Context | None
) -> str:
    if isinstance(fault, click.MissingParameter):
        return _literals(fault.format_message())
    shown = (
        f"`{found.opts[-1] if found.param_type_name == 'option' else found.human_readable_name}`"
    )
    if isinstance(found.type, click.Choice):
        typed = re.match(r"'(.*?)' is not", fault.message)
        value = one_line(typed[1] if typed else "", most=_MOST_CHARS)
        known = [str(one) for one in found.type.choices]
        named = ", ".join(f"`{one}`" for one in known)
        return f"{shown} must be one of {named}, not `{value}`{remark(value, known)}."
    return f"{shown} is wrong: {_literals(fault.message)}"


def _literals(said: str) -> str:
    """Return click's words with literals in backticks and with ranges in words."""
    line = one_line(said, most=_MOST_SAID_CHARS)
    line = re.sub(r"'([^'`]*)'", r"`\1`", line)
    line = re.sub(r"(-?[\d.]+)<=x<=(-?[\d.]+)", r"\1 to \2", line)
    line = re.sub(r"a valid integer( range)?", "an integer", line)
    line = re.sub(r"a valid float( range)?", "a number", line)
    return line if line.endswith((".", "?")) else f"{line}."
