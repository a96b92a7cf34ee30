"""The `[intent]` of a lock: a digest of the answers, and the origin of each."""

from collections.abc import Collection, Mapping

from lockfiles import digest
from planner.hub.datasets.reference import is_reference
from planner.interview.answers import Answers, given
from planner.interview.exports import matters
from planner.interview.questions import BY_KEY

_LOCAL = {
    "data.train": "local:train",
    "data.validation": "local:validation",
    "data.test": "local:test",
    "data.general": "local:general",
    "model.template": "local:template",
}
_DETECTED = frozenset(
    ["data.format", "machine.device", "machine.parallel", "machine.offload", "method.kind",
     "method.rank", "method.alpha", "method.dropout", "method.micro_batch", "method.checkpointing",
     "method.packing", "method.compile", "method.cuda_graphs", "train.max_length",
     "train.learning_rate"]
)  # fmt: skip
"""Answers whose value the planner chooses where they are not given."""
OF_LABELS = ("data.prompt_column", "data.completion_column", "data.system")
"""Answers that are detected if the rows are a classification."""


def table(
    answers: Answers, *, local_model: bool, detected: Collection[str] = ()
) -> dict[str, object]:
    """Return the `[intent]` table. `local_model` is True for a model that is not on the Hub.

    `detected` are further answers whose value the planner chooses where they are not given.
    """
    named, chosen = _named(answers), _DETECTED.union(detected)
    origin = {
        key: "given" if key in named else "detected" if key in chosen else "default"
        for key in answers
        if len(BY_KEY[key].choices) != 1  # there is nothing to answer
        and (answers.trains or matters(key))
    }
    return {
        "digest": intent_digest(answers, local_model=local_model),
        "name": _name(answers, named),
        "origin": origin,
    }


def _name(answers: Answers, named: Mapping[str, object]) -> str:
    """Return the name of a run; the default one is of a model that was tuned."""
    return answers.text("goal.name") if answers.trains or "goal.name" in named else "base"


def intent_digest(answers: Answers, *, local_model: bool) -> str:
    """Return the digest of the normalized answers, with local paths as logical names.

    Names on the Hub are kept.

    Where the machine's facts came from is not part of it; the facts are, in the lock itself.
    """
    named = {
        key: value if is_reference(str(value)) else _LOCAL.get(key, value)
        for key, value in _named(answers).items()
    }
    named.pop("machine.facts", None)
    if local_model:
        named["model.source"] = "local:model"
    return digest.of_value(named)


def _named(answers: Answers) -> dict[str, object]:
    return {
        f"{table}.{name}": value
        for table, values in given(answers).items()
        for name, value in values.items()
    }
