"""The Jinja environment of chat templates: as in transformers, with nothing to reach out by.

It is used in the child process only, which bounds the time and memory of each call.
"""

import json
from collections.abc import Callable
from typing import Any

import jinja2
from jinja2.exceptions import SecurityError
from jinja2.ext import loopcontrols
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from planner.data.rendering.marks import Generation

MAX_ITEMS = 100_000
"""The most that `*` may repeat; jinja2's own limit for `range` (`MAX_RANGE`)."""
MAX_NUMBER = 2**63
"""The most that `*` may make of numbers."""


class Sandbox(ImmutableSandboxedEnvironment):
    """A sandbox in which single operations make nothing large, so that a mistake has a sentence."""

    intercepted_binops = frozenset(["*", "**"])

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Multiply; raises SecurityError for powers, and for what would be too large."""
        if operator == "**":
            raise SecurityError("powers are not allowed")
        sizes = [one if isinstance(one, int | float) else len(one) for one in (left, right)]
        limit = MAX_NUMBER if sizes == [left, right] else MAX_ITEMS
        if abs(sizes[0] * sizes[1]) > limit:
            raise SecurityError(f"`*` makes more than {limit}")
        return super().call_binop(context, operator, left, right)


class _Namespace(Namespace):
    """Jinja's `namespace` without underscore names, which could reach Python's internals."""

    def __init__(self, /, *args: Any, **values: Any) -> None:
        attributes = dict(*args, **values)
        for name in attributes:
            _Namespace._check(name)
        super().__init__(attributes)

    def __setitem__(self, name: str, value: Any) -> None:
        _Namespace._check(name)
        super().__setitem__(name, value)

    @staticmethod
    def _check(name: object) -> None:
        if isinstance(name, str) and name.startswith("_"):
            raise SecurityError(f"a namespace cannot have the attribute `{name}`")


def compiled(source: str, strftime: Callable[[str], str]) -> tuple[jinja2.Template, Generation]:
    """Compile Jinja text with the names that transformers gives templates.

    The second value renders it. Raises whatever Jinja raises for text that is no template.
    """
    environment = Sandbox(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.filters["tojson"] = _tojson
    environment.globals["namespace"] = _Namespace
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = strftime
    (generation,) = (
        found for found in environment.extensions.values() if isinstance(found, Generation)
    )
    return environment.from_string(source), generation


def _raise(message: str) -> None:
    raise jinja2.TemplateError(message)


def _tojson(
    value: object,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )
