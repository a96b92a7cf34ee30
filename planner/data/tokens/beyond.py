"""Tokens of a tokenizer that the embedding of its model has no row for."""

from lockfiles.harmless import one_line
from planner.data.tokens.tokenizer import Tokenizer

TEXT_CHARS = 100


def named(tokenizer: Tokenizer, token: int) -> str:
    """Return the text of a token on one line. Raises TokenizerFails."""
    return one_line(tokenizer.decode([token], skip_special_tokens=False), most=TEXT_CHARS)


def texts(tokenizer: Tokenizer, vocabulary: int) -> dict[int, str]:
    """Return the added tokens beyond an embedding of `vocabulary` rows, by id.

    Raises TokenizerFails.
    """
    found = sorted(token for token in tokenizer.added_ids if token >= vocabulary)
    return {one: tokenizer.decode([one], skip_special_tokens=False) for one in found}


def unused(tokenizer: Tokenizer, vocabulary: int) -> str:
    """Return a sentence on tokens beyond the embedding that no row uses; empty if there are none.

    Raises TokenizerFails.
    """
    first = min(texts(tokenizer, vocabulary), default=vocabulary)
    if not (text := named(tokenizer, first)):
        return ""
    return (
        f"The tokenizer has tokens that the model's embedding of {vocabulary:,} rows has no row "
        f"for, such as `{text}` (id {first}). No row of the data uses them."
    )
