"""The model card of a push: the method, base model, data and evaluation of a run.

For a lock that trains nothing, it says what the files were made from.

It contains no paths of this machine, no rows, and no names that are not in the lock. Values are
escaped: none can add markup, a link or a field to the front matter.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from lockfiles.harmless import one_line
from lockfiles.lock import Data, Lock, TrainingLock
from lockfiles.receipt import measured_on

NAME = "README.md"
_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#|~$&@:]|(?<=www)\.)", re.IGNORECASE)
_LICENSE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,59}")


def card(lock: Lock, scores: Mapping[str, Any] | None, learnt_rows: int = 0) -> str:
    """Return the model card of a lock's results; `scores` are those of the evaluation's report, and
    None leaves the evaluation out.

    `learnt_rows` of the evaluation rows are also training rows.
    """
    source = Path(__file__).with_name("card.md.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, finalize=_finalized
    )
    return environment.from_string(source).render(
        **_made(lock),
        name=lock.intent.name,
        base=_base(lock),
        family=lock.model.family,
        parameters=f"{lock.model.parameters:,}",
        data=[_part(part) for part in lock.splits],
        evaluated=scores is not None,
        scores=[
            _score(name, scores[name], learnt_rows)
            for name in ("base", "tuned")
            if scores and name in scores
        ],
        **_system(lock),
        trained_on=_trained_on(learnt_rows),
    )


def _made(lock: Lock) -> dict[str, object]:
    """Return what depends on whether the lock trains, and on what."""
    if not isinstance(lock, TrainingLock):
        return {"front": _Made(_front(lock, "gguf")), "kind": "GGUF files made", "trained": False}
    merged = bool(lock.first("merge")) or lock.method.kind == "full"
    return {
        "front": _Made(_front(lock, "transformers" if merged else "peft")),
        "kind": "A model tuned" if merged else "An adapter tuned",
        "trained": True,
        "method": _method(lock),
        "epochs": lock.train.epochs,
    }


def _system(lock: Lock) -> dict[str, object]:
    """Return the system message that rows were trained with, and the number of their labels."""
    first = lock.splits[0] if lock.splits else None
    said = _fenced(first.system) if first and first.system else ""
    return {"system": _Made(said), "labels": len(first.labels) if first else 0}


def _fenced(text: str) -> str:
    """Return a text as a code block, which nothing inside can end."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


class _Made(str):
    """Text of the card that needs no escaping."""


def _finalized(value: object) -> object:
    return value if isinstance(value, _Made) else plain(value)


def plain(value: object) -> str:
    """Return a value escaped for Markdown, on one line."""
    return _MARKUP.sub(r"\\\1", one_line(value, most=200))


def _base(lock: Lock) -> str:
    """Return the base model's name on the Hub; empty for a local folder, which has no name."""
    source = lock.model.source
    return source.removeprefix("hf:") if source.startswith("hf:") else ""


def _front(lock: Lock, library: str) -> str:
    """Return the front matter, with values in JSON, a subset of YAML."""
    fields: dict[str, object] = {"library_name": library}
    if base := _base(lock):
        fields["base_model"] = base
        if _LICENSE.fullmatch(lock.model.license):
            fields["license"] = lock.model.license
    fields["tags"] = ["tunelock"]
    return "\n".join(f"{key}: {json.dumps(value)}" for key, value in fields.items())


def _method(lock: TrainingLock) -> str:
    method = lock.method
    return "full fine-tuning" if method.kind == "full" else f"{method.kind}, rank {method.rank}"


def _part(part: Data) -> dict[str, object]:
    on_hub = part.source.startswith("hf:")
    name = part.source.removeprefix("hf:") if on_hub else "a local file"
    return {"split": part.split, "rows": f"{part.rows:,}", "source": name}


def _trained_on(learnt_rows: int) -> str:
    if not learnt_rows:
        return "The evaluation rows were not trained on."
    return f"{learnt_rows:,} of the evaluation rows were also trained on."


def _score(name: str, score: Mapping[str, Any], learnt_rows: int) -> dict[str, object]:
    accuracy, loss = float(score["accuracy"]), float(score["loss"])
    rows = measured_on(int(score["rows"]), learnt_rows)
    text = f"accuracy {accuracy:.1%}, loss {loss:.3f}, on {rows}"
    return {"what": f"{name} model", "text": text}
