"""The findings on keys and columns that are not used."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from lockfiles import limits
from lockfiles.harmless import one_line
from planner.data.checks.finding import Finding
from planner.data.reading.account import Key

_NAMED = 8
_SAID = {"prompt": "prompt", "answer": "completion"}
"""The parts of one exchange, and the usual names of their columns."""


def findings(keys: Sequence[Key]) -> Iterator[Finding]:
    """Yield a warning on unused keys with long texts, one on keys that may mark bad answers, and a
    note on all others."""
    left = [key for key in keys if not key.became]
    texts = [key for key in left if key.texts]
    others = [key for key in left if not key.texts]
    if texts:
        yield Finding(
            id="unused-keys",
            severity="warning",
            rows=(),
            said=sentence(texts),
            fix="add that text to the prompt or the answer, or remove it from the file",
            count=max(key.count for key in texts),
        )
    for key in _judging(left):
        yield Finding(
            id="unused-keys",
            severity="warning",
            rows=(),
            said=_judged(key),
            fix="remove the rows with bad answers, or that column",
            count=key.bad,
        )
    if others:
        yield Finding(
            id="unused-keys",
            severity="note",
            rows=(),
            said=f"Not used: {_listed(others)}.",
            fix="",
            count=max(key.count for key in others),
        )


def findings_beyond(name: str, keys: Sequence[Key], training: Sequence[Key]) -> Iterator[Finding]:
    """Yield the findings on unused keys of the other file `name` that the training file does not
    have. What may mark bad answers is left out: they are not learned."""
    for one in findings([replace(key, bad=0) for key in _beyond(keys, training)]):
        yield replace(one, said=f"`{name}`: {one.said}", file=name)


def remark(
    keys: Sequence[Key], format_: str, others: Mapping[str, Sequence[Key]] = MappingProxyType({})
) -> str:
    """Return what a plan says of a file's columns: which are the prompt and the answer, if their
    names are not the usual ones, and which text is not used; empty if there is nothing to say.

    `others` has the keys of the files of other splits, of which only text that is not used is said.
    """
    parts = {key.became: key.path for key in keys if key.became in _SAID}
    usual = format_ != "prompt-completion" or set(parts.values()) <= set(_SAID.values())
    pair = " and ".join(f"`{one_line(path)}` is the {part}" for part, path in parts.items())
    said = "" if usual else f"In each row, {pair}."
    judged = map(_judged, _judging(keys))
    more = {name: sentence(_beyond(found, keys)) for name, found in others.items()}
    beyond = [f"In the {name} rows, {one}" for name, one in more.items() if one]
    every = (said, sentence(keys), *judged, *beyond)
    return " ".join(filter(None, every))[: limits.MOST_SENTENCE_CHARS]


def sentence(keys: Sequence[Key]) -> str:
    """Return a sentence on the unused keys with long texts; empty if there are none."""
    texts = [key for key in keys if not key.became and key.texts]
    if not texts:
        return ""
    verb, they = ("is", "it has") if len(texts) == 1 else ("are", "they have")
    return f"{_listed(texts)} {verb} not used, but {they} text that may belong to a turn."


def _beyond(keys: Sequence[Key], training: Sequence[Key]) -> list[Key]:
    """Return the unused keys that are not among the unused ones of the training file."""
    known = {key.path for key in training if not key.became}
    return [key for key in keys if not key.became and key.path not in known]


def _judging(keys: Sequence[Key]) -> list[Key]:
    """Return the unused keys by which some answers may be bad, but not all."""
    return [key for key in keys if not key.became and 0 < key.bad < key.count]


def _judged(key: Key) -> str:
    return (
        f"`{one_line(key.path)}` is not used, and is 0 or false in {key.bad:,} of {key.count:,} "
        "rows. If that marks bad answers, they would be learned too."
    )


def _listed(keys: Sequence[Key]) -> str:
    """Return the keys with their counts, for a sentence."""
    named = [f"`{one_line(key.path)}` ({key.count:,})" for key in keys[:_NAMED]]
    more = [f"{len(keys) - _NAMED} more"] if keys[_NAMED:] else []
    return ", ".join(named + more)
