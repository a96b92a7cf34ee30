"""The sandboxed Jinja environment of chat templates, compatible with transformers.

It is used only in the child process, which limits the time and memory of each call.
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
"""Limit for repetition with `*`; the same as jinja2's limit for `range` (`MAX_RANGE`)."""
MAX_NUMBER = 2**63
"""Limit for products of numbers."""


class Sandbox(ImmutableSandboxedEnvironment):
    """A sandbox that refuses single operations with large results."""

    intercepted_binops = frozenset(["*", "**"])

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Multiply. Raises SecurityError for powers and for results that are too large."""
        if operator == "**":
            raise SecurityError("powers are not allowed")
        sizes = [one if isinstance(one, int | float) else len(one) for one in (left, right)]
        limit = MAX_NUMBER if sizes == [left, right] else MAX_ITEMS
        if abs(sizes[0] * sizes[1]) > limit:
            raise SecurityError(f"the result of `*` exceeds {limit}")
        return super().call_binop(context, operator, left, right)


class _Namespace(Namespace):
    """Jinja's `namespace` without underscore names, which could expose Python internals."""

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
    """Compile Jinja text with the globals that transformers gives to templates.

    The second value renders it. Raises what Jinja raises for invalid text.
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
