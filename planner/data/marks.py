"""What a template itself marks as generated, with `{% generation %}` blocks.

Training templates have such marks, and transformers makes its assistant mask of them
(`AssistantTracker` in `transformers/utils/chat_template_utils.py`); here as there.
"""

import re
from collections.abc import Callable

import jinja2
from jinja2.ext import Extension
from jinja2.nodes import CallBlock, Node
from jinja2.parser import Parser

Span = tuple[int, int]
"""The first character of a part of the text, and the one behind its last."""
_MARK = re.compile(r"\{%-?\s*generation\s*-?%\}")


def has_marks(source: str) -> bool:
    """Return whether a template marks what the assistant says."""
    return _MARK.search(source) is not None


class Generation(Extension):
    """Renders `{% generation %}` blocks, and keeps where they stand while `rendered` runs."""

    tags = {"generation"}  # noqa: RUF012

    def __init__(self, environment: jinja2.Environment) -> None:
        super().__init__(environment)
        self._blocks: list[str] = []
        self._spans: list[Span] = []

    def parse(self, parser: Parser) -> Node:
        """Return the node of a block."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return CallBlock(self.call_method("_said"), [], [], body).set_lineno(line)

    def _said(self, caller: Callable[[], str]) -> str:
        text = caller()
        start = sum(map(len, self._blocks))
        self._spans.append((start, start + len(text)))
        return text

    def rendered(self, template: jinja2.Template, **values: object) -> tuple[str, list[Span]]:
        """Return what a template renders, and its marked parts in their order."""
        self._blocks, self._spans = [], []
        for block in template.generate(**values):
            self._blocks.append(block)
        return "".join(self._blocks), self._spans
