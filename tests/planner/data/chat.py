"""Conversations and a tokenizer for tests of chat templates."""

import re
from functools import cache
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as Library
from tokenizers import decoders, models, pre_tokenizers, processors, trainers

from planner.data.reading.formats import load_table
from planner.data.rows.rows import Message, Row
from planner.data.tokens.template import ChatTemplate, compile_template
from planner.data.tokens.tokenizer import Tokenizer

SAMPLES = Path(__file__).parents[2] / "data"
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
_MARK = re.compile(r"<\|?[^<>\s'\"{}]{1,40}\|?>|\[/?[A-Z_]{3,}\]")
"""What templates print around turns, as tokens of their own."""
ODD = Row(
    (
        Message("user", "  naïve 🙂 question?\n"),
        Message("assistant", "日本 — 🙂 fine.\n\n  indented  "),
        Message("user", "and?"),
        Message("assistant", "<b>&amp;</b>"),
    )
)


@cache
def conversations() -> dict[str, list[Row]]:
    """Return real rows: with a system turn, of one question, and of two."""
    columns = {"prompt": "question", "completion": "answer"}
    maths = load_table(SAMPLES / "gsm8k.jsonl", columns=columns).rows
    tasks = load_table(SAMPLES / "self-instruct.alpaca.jsonl").rows
    intents = load_table(SAMPLES / "clinc150.messages.jsonl").rows
    pairs = zip(maths, tasks, strict=False)
    several = [Row(one.messages + other.messages) for one, other in pairs]
    return {"system": list(intents), "one": [*maths, *tasks], "several": [*several, ODD]}


def tokenizer(source: str) -> Any:
    """Return a byte-level BPE of the rows, with what a template prints as special tokens."""
    special = {*_MARK.findall(source), *SPECIAL.values()}
    return Library.from_str(_trained(tuple(sorted(special))))


@cache
def _trained(special: tuple[str, ...]) -> str:
    """Return the tokenizer with these special tokens, as JSON."""
    made: Any = Library(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=900,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    said = (m.content for rows in conversations().values() for row in rows for m in row.messages)
    made.train_from_iterator(said, trainer)
    text: str = made.to_str()
    return text


def ours(made: Any) -> Tokenizer:
    """Return the same tokenizer as `load_tokenizer` reads it."""
    return Tokenizer(made.to_str().encode())


def template(source: str, **how: Any) -> ChatTemplate:
    """Return a template with these special tokens."""
    return compile_template(source, SPECIAL, **how)
