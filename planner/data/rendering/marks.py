"""The text that a template marks as generated, with `{% generation %}` blocks.

Training templates have such marks. transformers derives its assistant mask from them in the same
way (`AssistantTracker` in `transformers/utils/chat_template_utils.py`).
"""

import re
from collections.abc import Callable

import jinja2
from jinja2.ext import Extension
from jinja2.nodes import CallBlock, Node
from jinja2.parser import Parser

Span = tuple[int, int]
"""Start and end (exclusive) of a part of the text, in characters."""


_MARK = re.compile(r"\{%-?\s*generation\s*-?%\}")


def has_marks(source: str) -> bool:
    """Return whether a template marks the assistant's text."""
    return _MARK.search(source) is not None


class TooLong(Exception):
    """A template prints more characters than allowed."""


class Generation(Extension):
    """Renders `{% generation %}` blocks and records their spans during `rendered`."""

    tags = {"generation"}  # noqa: RUF012

    def __init__(self, environment: jinja2.Environment) -> None:
        super().__init__(environment)
        self._blocks: list[str] = []
        self._chars = 0
        self._spans: list[Span] = []

    def parse(self, parser: Parser) -> Node:
        """Return the node of a block."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return CallBlock(self.call_method("_said"), [], [], body).set_lineno(line)

    def _said(self, caller: Callable[[], str]) -> str:
        text = caller()
        self._spans.append((self._chars, self._chars + len(text)))
        return text

    def rendered(
        self, template: jinja2.Template, most: int, values: dict[str, object]
    ) -> tuple[str, list[Span]]:
        """Return the rendered text of a template and its marked spans, in order.

        Raises TooLong for more than `most` characters.
        """
        self._blocks, self._spans, self._chars = [], [], 0
        for block in template.generate(values):
            self._blocks.append(block)
            self._chars += len(block)
            if self._chars > most:
                raise TooLong
        return "".join(self._blocks), self._spans
