"""How a BPE model merges the characters of a text: by the rank of a pair, or by a token's score.

Hugging Face tokenizers merge the adjacent pair of the lowest rank; llama.cpp's SentencePiece
tokenizer merges the pair whose joined text is the token of the highest score.
"""

from collections.abc import Callable, Mapping, Sequence

MOST_STEPS = 50_000_000
"""Limit for the sum of the squared lengths of the texts that are merged; large vocabularies have
about ten million."""

Pair = tuple[str, str]
_PREFERENCE = Callable[[str, str], float | None]
"""The rank of a pair, the lowest first; None for a pair that is not merged."""


def pairs(merges: Sequence[object]) -> dict[Pair, int]:
    """Return the rank of each pair of a tokenizer.json, from either form of its merges.

    Raises ValueError for anything but pairs of texts.
    """
    ranks: dict[Pair, int] = {}
    for rank, merge in enumerate(merges):
        parts = merge.split(" ") if isinstance(merge, str) else merge
        if not isinstance(parts, list) or len(parts) != 2:
            raise ValueError(f"merge {rank} is not a pair")
        left, right = parts
        if not isinstance(left, str) or not isinstance(right, str):
            raise ValueError(f"merge {rank} is not a pair of texts")
        ranks.setdefault((left, right), rank)
    return ranks


def merged(text: str, preference: _PREFERENCE) -> tuple[list[str], float | None]:
    """Return the parts that a text is merged into, and the preference of the last merge."""
    parts, last = list(text), None
    while len(parts) > 1:
        best, at = None, 0
        for index in range(len(parts) - 1):
            found = preference(parts[index], parts[index + 1])
            if found is not None and (best is None or found < best):
                best, at = found, index
        if best is None:
            break
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
        last = best
    return parts, last


def bounded(texts: Sequence[str]) -> Sequence[str]:
    """Return the texts. Raises ValueError if merging them would take minutes."""
    if sum(len(text) ** 2 for text in texts) > MOST_STEPS:
        raise ValueError("its tokens are too long")
    return texts


def by_rank(ranks: Mapping[Pair, int], known: Mapping[str, int]) -> _PREFERENCE:
    """Return the preference of a Hugging Face tokenizer.

    A character that is not `known` stays by itself, as it becomes bytes.
    """

    def rank(left: str, right: str) -> float | None:
        return ranks.get((left, right)) if left in known and right in known else None

    return rank


def by_score(scores: Mapping[str, float]) -> _PREFERENCE:
    """Return the preference of llama.cpp's SentencePiece tokenizer."""

    def score(left: str, right: str) -> float | None:
        found = scores.get(left + right)
        return None if found is None else -found

    return score


def unreachable(
    texts: Sequence[str], ranks: Mapping[Pair, int], known: Mapping[str, int]
) -> list[str]:
    """Return the texts of tokens that merging never makes from their own characters."""
    preference = by_rank(ranks, known)
    return [text for text in bounded(texts) if merged(text, preference)[0] != [text]]
