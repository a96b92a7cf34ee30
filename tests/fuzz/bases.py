"""What is spoiled: a small demo with locks that, among them, have every key a lock can have."""

import os
import tomllib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from lockfiles import intent
from lockfiles import lock as locks
from planner.interview.answers import check, given
from planner.plan.integrity import integrity
from runner.demo import files
from tests.fuzz.hostile import deepened
from tests.journeys.demo_folder import small, tunelock
from tests.kept import seed

FACTS = Path(__file__).parent / "corpus" / "run" / "machine.json"
INTENTS: Mapping[str, Mapping[str, object]] = {
    "demo": {},
    "mended": {
        "data.drop": ["empty", "truncated"],
        "data.dedupe": "exact",
        "data.redact": True,
        "data.general": "rows/general.jsonl",
        "data.general_share": 0.1,
        "data.system": "Name the intent.",
        "method.kind": "qlora",
        "method.packing": "on",
        "train.exact": False,
        "results.push_to": "ana/tuned",
        "results.gguf": [],
    },
    "full": {
        "method.kind": "full",
        "data.validation": "rows/test.jsonl",
        "data.test": "",
        "train.learning_rate": 1e-5,
        "results.gguf": [],
        "results.samples": 0,
    },
    "card": {"machine.device": "cuda", "machine.facts": str(FACTS), "train.exact": False},
}
"""Answers that make each lock, beside the demo's; `card` is planned for a card of elsewhere."""
EXPORT: Mapping[str, object] = {
    "model.source": "base",
    "results.gguf": ["f16", "q8_0"],
    "results.push_to": "ana/base",
}
"""All answers of the lock that trains nothing."""


@dataclass(frozen=True)
class Base:
    """One valid lock and where its inputs are."""

    name: str
    text: str
    places: Mapping[str, Path]

    @property
    def tables(self) -> dict[str, Any]:
        """The lock as TOML reads it."""
        return tomllib.loads(self.text)

    @property
    def locations(self) -> str:
        """A `locations.toml` for a copy of the lock in any folder."""
        return tomli_w.dumps({name: str(path) for name, path in self.places.items()})


def quiet(home: Path) -> None:
    """Keep this process, and what it starts, from the network and from the person's folders."""
    os.environ |= {
        "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "HF_HOME": str(home / "hf"),
        "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false",
        "COLUMNS": "100", "TMPDIR": str(_made(home / "tmp")),
    }  # fmt: skip
    seed(home / "cache")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def made(folder: Path) -> list[Base]:
    """Write the demo into a folder and return its locks. The folder is only read from there on."""
    small(folder)
    rows = folder / "rows" / "test.jsonl"
    (folder / "rows" / "general.jsonl").write_bytes(rows.read_bytes())
    with ThreadPoolExecutor(2) as at_once:
        found = list(at_once.map(lambda item: _planned(folder, *item), INTENTS.items()))
    return [*found, _on_hub(found[0]), _exports(folder)]


def planned_text(more: Mapping[str, object]) -> str:
    """Return a `run.toml` with the demo's answers and some more."""
    answers = files.ANSWERS | {"train.epochs": 2} | dict(more)
    return intent.write(given(check(answers, {})))


def _planned(folder: Path, name: str, more: Mapping[str, object]) -> Base:
    return _locked(folder, name, planned_text(more), _places(folder, more))


def _exports(folder: Path) -> Base:
    text = intent.write(given(check(EXPORT, {})))
    return _locked(folder, "export", text, {"model": folder / "base"})


def _locked(folder: Path, name: str, text: str, places: Mapping[str, Path]) -> Base:
    (folder / f"{name}.toml").write_text(text, "utf-8")
    done = tunelock(folder, "plan", f"{name}.toml")
    assert done.returncode == 0, done.stderr
    return Base(name, (folder / f"{name}.lock").read_text("utf-8"), places)


def _places(folder: Path, more: Mapping[str, object]) -> dict[str, Path]:
    answers = files.ANSWERS | dict(more)
    named = {
        name: answers.get(f"data.{name}") for name in ("train", "validation", "test", "general")
    }
    found = {name: folder / str(path) for name, path in named.items() if path}
    return {"model": folder / "base", **found}


def _on_hub(demo: Base) -> Base:
    """Return the demo's lock as if its model and test rows came from the Hub, with copies here."""
    tables = demo.tables
    tables["model"] |= {"source": "hf:maker/base", "revision": "main", "commit": "0a" * 20}
    test = next(part for part in tables["data"] if part["split"] == "test")
    test |= {"source": "hf:ana/rows", "revision": "main", "commit": "1b" * 20}
    test |= {"config": "default", "hub_split": "test"}
    test["files"] = [{"name": "test.jsonl", "size_bytes": 9717, "sha256": "0" * 64}]
    return Base("hub", text_of(tables), demo.places)


def text_of(tables: Mapping[str, Any]) -> str:
    """Return tables as a lock whose digests are those of its values, as any author can write it.

    Where the values are none of a lock's, the digests stay as they are.
    """
    source = deepened(tomli_w.dumps(dict(tables)))
    try:
        fresh = integrity(locks.parse(source).model_dump(exclude_unset=True))
    except Exception:  # what is none of a lock's ends in any way here: `check` is what is judged
        return source
    return tomli_w.dumps({**tables, "integrity": fresh})
