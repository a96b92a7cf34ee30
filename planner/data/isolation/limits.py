"""How much one call of a chat template or a tokenizer may take.

Times and sizes grow with what is asked only. Templates in use need milliseconds a conversation, and
tokenizers in use read a million characters a second.
"""

from collections.abc import Iterable, Sequence

RENDER_SECONDS = 10.0
"""The most for one rendering of one conversation."""
PROCESSOR_SECONDS = 1.0
"""The same in seconds of the processor, which a busy machine does not make longer."""
TURN_SECONDS = 0.05
"""More for each turn of a conversation, of which the beginnings are rendered too; and the most that
a turn may take on average where many conversations are rendered together."""
CHARS_PER_SECOND = 50_000
"""Characters of a request that give a tokenizer one second more."""
LOAD_SECONDS = 60.0
"""The most for reading a `tokenizer.json`; one of 260,000 tokens takes a second or two."""
MORE_BYTES = 2**27
"""Memory that a call may take besides what the process has, and besides what its bytes add; Linux
only. Templates in use need a few MiB."""
BYTES_PER_BYTE = 256
"""Memory besides that for each byte of a request: a tokenizer keeps the place of every byte."""
TEMPLATE_CHARS = 2**20
"""The longest chat template; those in use have at most 30,000 characters."""
CONFIG_BYTES = 16 * 2**20
"""The longest `tokenizer_config.json`; one that lists thousands of added tokens has 2 MiB."""
TOKENIZER_BYTES = 128 * 2**20
"""The longest `tokenizer.json`; those of 260,000 tokens have 40 MiB."""
PRINTED_CHARS, PRINTED_TIMES = 2**16, 8
"""The longest text of a conversation: so many characters, the template's own length, and so many
times the conversation's characters."""
TOKENS, TOKENS_PER_CHAR = 1024, 16
"""The most tokens of a text; a character of four bytes has four at most, unless it is rewritten."""
SAID_CHARS = 1000
"""What is kept of an error's text."""
ANSWER_BYTES = 2**29
"""The longest answer of the child process."""
PARQUET_SECONDS = 120.0
"""The most for the next few rows of a Parquet file."""
PARQUET_BYTES, PARQUET_TIMES = 2**31, 4
"""Memory that they may take: so many bytes, and so many times the size of the file."""
UNPACKED_BYTES, UNPACKED_TIMES = 2**28, 1000
"""The most text of a Parquet file: so many bytes, and so many times the size of the file."""
GRACE_SECONDS = 1.0
"""How much later than the parent's deadline a child without a parent ends by itself."""


def row_seconds(turns: int) -> float:
    """Return the most seconds for all renderings of a conversation."""
    return RENDER_SECONDS + TURN_SECONDS * turns


def processor_seconds(waits: Sequence[float]) -> list[float]:
    """Return the seconds of the processor for each wait of a request; 0 is no limit.

    The last of several is that of all tokens, which threads make together.
    """
    more = [max(0.0, wait - RENDER_SECONDS) for wait in waits]
    found = [min(wait, one + PROCESSOR_SECONDS) for wait, one in zip(waits, more, strict=True)]
    return [*found[:-1], 0.0] if len(found) > 1 else found


def token_seconds(chars: int, turns: Iterable[int]) -> float:
    """Return the most seconds for the tokens of conversations of so many characters in all."""
    return RENDER_SECONDS + chars / CHARS_PER_SECOND + TURN_SECONDS * sum(turns)


def printed_chars(template: int, conversation: int) -> int:
    """Return the most characters of text that a template may make; both lengths in characters."""
    return PRINTED_CHARS + template + PRINTED_TIMES * conversation


def tokens(chars: int) -> int:
    """Return the most tokens that a text of so many characters may have."""
    return TOKENS + TOKENS_PER_CHAR * chars
