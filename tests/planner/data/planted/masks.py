"""Faults that are seen in tokens only: rows too long, and loss masks that teach nothing."""

from dataclasses import replace
from functools import cache
from random import Random

from planner.data.checks.scan import Chat
from planner.data.rows.rows import Row
from tests.planner.data.chat import ours, template, tokenizer
from tests.planner.data.check_rows import with_answer
from tests.planner.data.planted.file import WHOLE_FILE, File, Plant, Planted, in_some

_ROWS = 400
"""The first rows, of which every mask is looked at, which is slow."""
_TURN = "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
_ASKED = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
CHATML = "{% for m in messages %}" + _TURN + "{% endfor %}" + _ASKED
STRICT = CHATML.replace(
    _TURN,
    "{% if not loop.first and m.role == loop.previtem.role %}"
    "{{ raise_exception('Roles must alternate') }}{% endif %}" + _TURN,
)
"""As templates in use do that take no two turns of one role."""
_SAID = (
    "{% if m.role == 'assistant' %}{% generation %}{{ m.content }}END{% endgeneration %}"
    "{% else %}{{ m.content }}<|im_end|>{% endif %}"
)
_SCORED = CHATML.replace("{{ m.content }}<|im_end|>", _SAID)
MARKED = _SCORED.replace("END", "<|im_end|>")
ENDLESS = _SCORED.replace("END{% endgeneration %}", "{% endgeneration %}<|im_end|>")
"""The end of a turn stands behind what is scored."""


def over_length(file: File, source: Random) -> Planted | None:
    """Answers that make a row longer than the longest."""
    rows, chat = file.rows[:_ROWS], _chat(CHATML)
    longest = File(rows, chat=chat).report().lengths.maximum
    clean = File(rows, chat=replace(chat, context=longest))
    more = " and so on" * longest
    return in_some(clean, source, lambda row: with_answer(row, row.answer + more))


def refused(file: File, source: Random) -> Planted | None:
    """A turn twice, which the template refuses."""

    def twice(row: Row) -> Row:
        at = source.choice([-2, -1])
        return replace(row, messages=(*row.messages[:at], row.messages[at], *row.messages[at:]))

    return in_some(_looked_at(file, STRICT), source, twice)


def unscored(file: File, source: Random) -> Planted | None:
    """No answer, so that nothing is scored."""
    clean = _looked_at(file, MARKED)
    return in_some(clean, source, lambda row: replace(row, messages=row.messages[:-1]))


def end_never_scored(file: File, source: Random) -> Planted | None:
    """A template that scores answers without their end."""
    clean = _looked_at(file, MARKED)
    return Planted(clean, File(clean.rows, chat=_chat(ENDLESS)), WHOLE_FILE)


def _looked_at(file: File, source: str) -> File:
    return File(file.rows[:_ROWS], chat=_chat(source))


@cache
def _chat(source: str) -> Chat:
    return Chat(template(source), ours(tokenizer(source)), context=2**20)


PLANTS: dict[str, Plant] = {
    "over-length": over_length,
    "template": refused,
    "no-scored-token": unscored,
    "end-never-scored": end_never_scored,
}
