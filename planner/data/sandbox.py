"""Where chat templates run: as in transformers, and for so long and in so much memory only."""

from collections.abc import Iterable, Iterator
from time import monotonic
from typing import Any

from jinja2 import pass_context
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.nodes import Filter, For, Template
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

RENDER_SECONDS = 10
"""The most for one conversation. Templates in use need milliseconds, also for a thousand turns."""
MAX_ITEMS = 100_000
"""The most that `*` may repeat; jinja2's own limit for `range` (`MAX_RANGE`)."""
MAX_NUMBER = 2**63
"""The most that `*` may make of numbers."""
REFUSALS = (
    TemplateError,
    ArithmeticError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What comes out of it for a template that is wrong; too large a `range` is an OverflowError."""
_WATCHED = "_watched"


class TooLong(SecurityError):
    """A template takes more time than `RENDER_SECONDS`."""


class _Context(Context):
    """The values of one rendering, and when it has to be done."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ends = monotonic() + RENDER_SECONDS

    def derived(self, locals: dict[str, Any] | None = None) -> "_Context":
        inner = super().derived(locals)
        assert isinstance(inner, _Context)
        inner.ends = self.ends
        return inner


class _WatchedLoops(CodeGenerator):
    """Compile each loop so that its steps look at the clock."""

    def visit_Template(self, node: Template, frame: Frame | None = None) -> None:
        for loop in list(node.find_all(For)):
            loop.iter = Filter(loop.iter, _WATCHED, [], [], None, None).set_lineno(loop.lineno)
        super().visit_Template(node, frame)


class Sandbox(ImmutableSandboxedEnvironment):
    """A sandbox in which loops, calls and single operations have an end.

    Jinja has no other way to go round. What a template joins together may grow with each step:
    memory is bounded around the whole rendering.
    """

    context_class = _Context
    code_generator_class = _WatchedLoops
    intercepted_binops = frozenset(["*", "**"])

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.filters[_WATCHED] = _watched

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Call what a template calls, macros among them."""
        _look_at_the_clock(__context)
        return super().call(__context, __obj, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Multiply; raises SecurityError for powers, and for what would be too large."""
        if operator == "**":
            raise SecurityError("powers are not allowed")
        sizes = [one if isinstance(one, int | float) else len(one) for one in (left, right)]
        limit = MAX_NUMBER if sizes == [left, right] else MAX_ITEMS
        if abs(sizes[0] * sizes[1]) > limit:
            raise SecurityError(f"`*` makes more than {limit}")
        return super().call_binop(context, operator, left, right)


@pass_context
def _watched(context: Context, values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        _look_at_the_clock(context)
        yield value


def _look_at_the_clock(context: Context) -> None:
    assert isinstance(context, _Context)
    if monotonic() > context.ends:
        raise TooLong(f"it takes longer than {RENDER_SECONDS} seconds")
