"""Checks for leftover markup: HTML in prose, and the special tokens of chat templates."""

import re
from array import array
from collections import Counter
from collections.abc import Iterator
from itertools import chain

from planner.data.checks.finding import Finding
from planner.data.checks.groups import Groups
from planner.data.checks.wording import rows_have
from planner.data.rows.rows import Message, Row

MOST = 0.5
"""A tag in the prompts of more than this share of rows is part of their format."""
_MAYBE = re.compile("</?[A-Za-z]|&[A-Za-z#]")
"""A fast first test."""
_TAG = re.compile(
    r"</?(p|br|hr|div|span|font|center|tbody|thead|tr|t[dh]|[uo]l|li|h[1-6]|blockquote|strong|em"
    r"|su[bp]|iframe|noscript)(?=[\s/>])[^<>]{0,300}>"
    r"|</([abiu])>|<(a|img|table|input|body|meta|link)\s[^<>]{0,300}=[^<>]{0,300}>"
    r"|(&)(?:nbsp|amp|lt|gt|quot|apos|[mn]dash|hellip|[lr][sda]quo|bull|copy|reg|trade|deg|euro"
    r"|[aeiouyn](?:acute|grave|circ|uml|tilde)|ccedil|szlig|#\d{2,6}|#x[0-9a-f]{2,5});",
    re.IGNORECASE,
)
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
_ABOUT_MARKUP = re.compile(
    r"(?<![\w./])(?:x?html5?|xml|css|jsx|tsx|svg|php|javascript|markup)\b", re.IGNORECASE
)
_NEVER_FORM = frozenset(("br", "hr", "&"))
"""Tags that are never part of a prompt's format; `&` means all entities."""
_TOKEN = re.compile(
    r"<\|[A-Za-z0-9_]{2,40}\|?>|<[a-z_]{2,40}\|>|<\uff5c[^<>]{2,40}\uff5c>|</?s>"
    r"|<(?:start|end)_of_[a-z]{2,20}>|<(?:bos|eos|pad|unk|sop)>|<</?SYS>>"
    r"|\[/?(?:INST|SYSTEM_PROMPT|TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS|gMASK)\]"
)
"""The special tokens of the 85 chat templates in TRL 1.16 and Tunelock, and of Llama 2 and Mistral,
except those that datasets use on purpose, such as `<think>`, `<tool_call>` and `<image>`."""

_CALLS = re.compile(
    r"</?(?:tool_call|tool_response|tool_calls|functioncall|function_call|tool_results?)>"
    r"|<function=\w"
)
"""Tags of tool calls and of their results in Hermes, Glaive, Qwen, GLM and Nemotron."""


class Markup:
    """`markup`: a warning for HTML tags and entities in prose.

    Code in backticks, rows about markup, and tags in the prompts of most rows are ignored.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._in_prompts: Counter[str] = Counter()
        self._rows: Groups[frozenset[str]] = Groups()

    def see(self, number: int, row: Row) -> None:
        """Keep the tags of the row, separately for prompts and answers."""
        self._seen = number + 1
        turns = row.messages + row.rejected
        if not any(_has_html(turn.content) for turn in turns):
            return
        if any(_ABOUT_MARKUP.search(turn.content) for turn in turns):
            return
        prompts = {name for turn in turns if not _is_answer(turn) for name in _names(turn)}
        self._in_prompts.update(prompts)
        answers = {"in an answer" for turn in turns if _is_answer(turn) and _names(turn)}
        if prompts or answers:
            self._rows.add(frozenset(prompts | answers), number)

    def findings(self) -> Iterator[Finding]:
        """Yield one finding if rows have HTML that is not part of their format."""
        form = {name for name, count in self._in_prompts.items() if count > MOST * self._seen}
        form -= _NEVER_FORM
        rows = self._rows.rows(*[names for names, _ in self._rows.sizes() if names - form])
        if rows:
            yield Finding(
                id="markup",
                severity="warning",
                rows=rows,
                said=f"{rows_have(len(rows), self._seen)} HTML in the text, such as `<br>`, "
                "`<p>` or `&nbsp;`.",
                fix="convert it to plain text or Markdown",
            )


def _is_answer(turn: Message) -> bool:
    return turn.role in ("assistant", "text")


def _has_html(text: str) -> bool:
    return _MAYBE.search(text) is not None and _TAG.search(text) is not None


def _names(turn: Message) -> set[str]:
    prose = _CODE.sub(" ", turn.content) if "`" in turn.content else turn.content
    return {next(filter(None, found.groups())).lower() for found in _TAG.finditer(prose)}


class TemplateTokens:
    """`template-tokens`: a warning for special tokens of chat templates in the text.

    A tokenizer treats them as real special tokens, so a turn could end in the middle. It is only a
    note if most rows are plain text with such tokens, which was rendered before. A second warning
    is for tool calls as text in rows whose tools the template prints, with its own form of calls.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._plain = 0
        self._rows = array("I")
        self._example = ""
        self._calling = array("I")
        self._call = ""

    def see(self, number: int, row: Row) -> None:
        """Look for special tokens in every turn."""
        self._seen = number + 1
        if row.tools and (tag := _call_in(row)):
            self._calling.append(number)
            self._call = self._call or tag
        for turn in chain(row.messages, row.rejected):
            found = _TOKEN.search(turn.content)
            if found:
                self._rows.append(number)
                self._plain += turn.role == "text"
                self._example = self._example or found[0]
                return

    def findings(self) -> Iterator[Finding]:
        """Yield one finding if rows have special tokens, and one if they have calls as text."""
        if self._calling:
            yield Finding(
                id="template-tokens",
                severity="warning",
                rows=self._calling,
                said=f"{rows_have(len(self._calling), self._seen)} tool calls or their results as "
                f"text, such as `{self._call}`; for their tools, the template has its own form.",
                fix="write them as `tool_calls` and as turns of `tool`, without tags",
            )
        if not self._rows:
            return
        rendered = self._plain > MOST * self._seen
        yield Finding(
            id="template-tokens",
            severity="note" if rendered else "warning",
            rows=self._rows,
            said=f"{rows_have(len(self._rows), self._seen)} special tokens of a chat template in "
            f"the text, such as `{self._example}`.",
            fix="train with the template that they belong to, without adding special tokens"
            if rendered
            else "remove them from the text; the template adds its own",
        )


def _call_in(row: Row) -> str:
    """Return the first tag of a call or a result in the turns that have those; empty if none."""
    texts = (turn.content for turn in row.messages if turn.role in ("assistant", "tool"))
    return next((found[0] for text in texts if (found := _CALLS.search(text))), "")
