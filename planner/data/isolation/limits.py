"""Limits for one call of a chat template or a tokenizer.

Times and sizes grow only with the request. Real templates take milliseconds per conversation, and
real tokenizers process a million characters per second.
"""

from collections.abc import Iterable, Sequence

RENDER_SECONDS = 10.0
"""Limit for one rendering of a conversation."""
CPU_SECONDS = 1.0
"""The same in CPU time, which does not depend on the load of the machine."""
TURN_SECONDS = 0.05
"""Extra time per turn, since prefixes are rendered too; also the average limit per turn where many
conversations are rendered together."""
CHARS_PER_SECOND = 50_000
"""Characters of a request per extra second for a tokenizer."""
LOAD_SECONDS = 60.0
"""Limit for loading a `tokenizer.json`; one with 260,000 tokens takes one or two seconds."""
MORE_BYTES = 2**27
"""Memory that a call may add, besides `MEMORY_BYTES_PER_REQUEST_BYTE`; Linux only. Real templates
need a few MiB."""
MEMORY_BYTES_PER_REQUEST_BYTE = 256
"""Further memory per byte of a request: a tokenizer stores the position of every byte."""
TEMPLATE_CHARS = 2**20
"""The longest chat template; real ones have at most 30,000 characters."""
CONFIG_BYTES = 16 * 2**20
"""The largest `tokenizer_config.json`; one with thousands of added tokens has 2 MiB."""
TOKENIZER_BYTES = 128 * 2**20
"""The largest `tokenizer.json`; those with 260,000 tokens have 40 MiB."""
PRINTED_CHARS, PRINTED_TIMES = 2**16, 8
"""The longest rendered text: a constant, plus the length of the template, plus a multiple of the
conversation's characters."""
TOKENS, TOKENS_PER_CHAR = 1024, 16
"""The most tokens of a text: a constant and a multiple of its characters."""
SAID_CHARS = 1000
"""Characters of an error text that are kept."""
ANSWER_BYTES = 2**29
"""The largest answer of the child process."""
PARQUET_SECONDS = 120.0
"""Limit for reading the next few rows of a Parquet file."""
PARQUET_BYTES, PARQUET_TIMES = 2**31, 4
"""Memory for that: a constant and a multiple of the file size."""
UNPACKED_BYTES, UNPACKED_TIMES = 2**28, 1000
"""The largest text of a Parquet file: a constant and a multiple of the file size."""
GRACE_SECONDS = 1.0
"""Delay after the parent's deadline until an orphaned child ends by itself."""


def row_seconds(turns: int) -> float:
    """Return the time limit in seconds for all renderings of a conversation."""
    return RENDER_SECONDS + TURN_SECONDS * turns


def cpu_seconds(waits: Sequence[float]) -> list[float]:
    """Return the limits in seconds of CPU time for each wait of a request; 0 means none.

    The last of several waits is for tokenization, which uses several threads.
    """
    more = [max(0.0, wait - RENDER_SECONDS) for wait in waits]
    found = [min(wait, one + CPU_SECONDS) for wait, one in zip(waits, more, strict=True)]
    return [*found[:-1], 0.0] if len(found) > 1 else found


def token_seconds(chars: int, turns: Iterable[int]) -> float:
    """Return the time limit in seconds for tokenizing conversations with `chars` in total."""
    return RENDER_SECONDS + chars / CHARS_PER_SECOND + TURN_SECONDS * sum(turns)


def printed_chars(template: int, conversation: int) -> int:
    """Return the limit for rendered characters; both lengths are in characters."""
    return PRINTED_CHARS + template + PRINTED_TIMES * conversation


def tokens(chars: int) -> int:
    """Return the limit for the tokens of a text with that many characters."""
    return TOKENS + TOKENS_PER_CHAR * chars
