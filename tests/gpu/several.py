"""Trainings on several cards of one host: memory of each rank, step times and losses.

    python -m tests.gpu.several OUT.jsonl [--ranks 2] [--only TEXT] [--seconds BUDGET] [--cpu]

Each line of `several.txt` is one training by the runner's own `train`, with random weights at a
real shape and rows of random tokens, in processes of its own; `single` lines use one card. A line
is added to OUT when it ends, and lines that OUT has are not run again.

Keys of a line: `rows` (`fixed`: rows of `length` tokens; `passes`: padding-free passes of rows with
uniform lengths up to it), `length`, `micro`, `accumulation` (micro-batches of each rank),
`checkpointing`, `steps`, `kernels`, `graphs` (recorded sizes), and `resumes` (stop after a third of
the steps and resume from the checkpoint, otherwise nothing is saved).
"""

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planner.catalogue import lookup
from planner.data.tokens import layout, sizes
from tests import ranks as training
from tests.gpu.shapes import BASE

TABLE = Path(__file__).with_suffix(".txt")
TINY: Mapping[str, Any] = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "vocab_size": 512,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
}  # fmt: skip
LONGEST_SECONDS = 300.0
GIB = 1 << 30


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    text: str
    ranks: int
    """Of engines with several processes."""
    tiny: bool

    @property
    def words(self) -> list[str]:
        """Engine, method and model."""
        return self.text.split()[:3]

    def key(self, name: str, usual: str) -> str:
        """Return the value of a key."""
        pairs = (word.partition("=") for word in self.text.split()[3:])
        return {key: value for key, _, value in pairs}.get(name, usual)

    def number(self, name: str, usual: int) -> int:
        """Return the value of a key that is a number."""
        return int(self.key(name, str(usual)))

    @property
    def config(self) -> dict[str, Any]:
        """The `config.json` of its model."""
        model = self.words[2]
        found = next(one for one in lookup.models() if one.name.rpartition("/")[2] == model)
        own = dict(found.config)
        layers = {"layer_types": own["layer_types"][:2]} if "layer_types" in own else {}
        return own | {**TINY, **layers} if self.tiny else own

    def case(self, base: Path, work: Path) -> training.Case:
        """Return the training."""
        engine, _, offload = self.words[0].partition("+")
        count = 1 if engine == "single" else self.ranks
        length = 64 if self.tiny else self.number("length", 2048)
        micro, accumulation = self.number("micro", 2), self.number("accumulation", 2)
        passes = self.key("rows", "fixed") == "passes"
        case = training.Case(
            base=str(base), work=str(work), method=self.words[1], engine=engine, ranks=count,
            offload=offload or "none", steps=self.number("steps", 9),
            step_rows=micro * accumulation * count, micro_batch=micro, missing=0, longest=length,
            shortest=length // 8 if passes else length, vocabulary=int(self.config["vocab_size"]),
            held_out=0, rank=16, saves=bool(self.number("resumes", 0)),
            pass_tokens=micro * length if passes else 0,
        )  # fmt: skip
        return case.at(work, settings=self._settings(case))

    def _settings(self, case: training.Case) -> dict[str, Any]:
        found: dict[str, Any] = {"evaluate_steps": 1_000_000, "learning_rate": 1e-4}
        if self.tiny:
            return found
        found |= {"dtype": "bfloat16", "optimizer": "adamw_torch_fused"}
        found |= {"checkpointing": self.key("checkpointing", "on") == "on"}
        if case.pass_tokens:
            found |= {"attention": "varlen", "kernels": self.key("kernels", "eager")}
        if graphs := self.number("graphs", 0):
            found |= {"graph_sizes": _sizes(case, graphs), "checkpointing": False}
        return found


def _sizes(case: training.Case, count: int) -> list[int]:
    rows = [row.length for row in training.rows_of(case)]
    each = case.step_rows
    laid = layout.steps(rows, training.order(case)(0), each, case.pass_tokens, case.ranks)
    return list(sizes.sizes([sum(rows[at] for at in one) for step in laid for one in step], count))


def written(line: Line, folder: Path) -> Path:
    """Return the base of a line, with random weights, written once."""
    place = folder / f"{line.words[2]}{'-tiny' if line.tiny else ''}"
    if place.exists():
        return place
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(1)
    own = line.config
    config = AutoConfig.for_model(own.pop("model_type"), **own)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        dtype = torch.float32 if line.tiny else torch.bfloat16
        model = AutoModelForCausalLM.from_config(config, dtype=dtype)
    unfinished = place.with_name(place.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(BASE, unfinished)
    model.save_pretrained(unfinished)
    del model
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    unfinished.rename(place)
    return place


def measured(line: Line, base: Path, work: Path) -> dict[str, Any]:
    """Run a line and return what is kept of it."""
    case, began = line.case(base, work), time.monotonic()
    before: list[float] = []
    if case.saves:
        stop = case.steps // 3
        before = training.losses(training.run(case.at(work, stop_after=stop), LONGEST_SECONDS))
    found = training.run(case, LONGEST_SECONDS)
    steps = [one for one in found[0]["events"] if one["kind"] == "step"]
    seconds = [one["step_seconds"] for one in steps[2:]] or [0.0]
    tokens = [one["tokens"] for one in steps]
    return {
        "line": line.text, "ranks": case.ranks, "length": case.longest, "rows": case.step_rows,
        "settings": case.train.model_dump(mode="json"), "shares": found[0]["shares"],
        "by_rank": [
            {key: value for key, value in one.items() if key.endswith("_bytes") or key == "first"}
            for one in found
        ],
        "step_seconds": statistics.median(seconds), "all_step_seconds": seconds,
        "tokens_per_step": statistics.median(tokens),
        "losses": before + training.losses(found), "resumed_at": len(before),
        "seconds": round(time.monotonic() - began, 1),
    }  # fmt: skip


def _due(asked: argparse.Namespace, done: set[str]) -> Iterator[Line]:
    for text in asked.table.read_text("utf-8").splitlines():
        plain = text.partition("#")[0].strip()
        if plain and asked.only in plain and plain not in done:
            yield Line(plain, asked.ranks, asked.cpu)


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(text) for text in path.read_text("utf-8").splitlines()]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the lines that are due."""
    given = argparse.ArgumentParser()
    given.add_argument("out", type=Path)
    given.add_argument("--table", type=Path, default=TABLE)
    given.add_argument("--ranks", type=int, default=2)
    given.add_argument("--only", default="", help="run lines with this text")
    given.add_argument("--seconds", type=float, default=1e9, help="start no line after this")
    given.add_argument("--bases", type=Path, default=Path(tempfile.gettempdir()) / "several")
    given.add_argument("--cpu", action="store_true", help="train tiny models in float32")
    asked = given.parse_args(arguments)
    ends = time.monotonic() + asked.seconds
    done = {one["line"] for one in _read(asked.out) if "missing" not in one}
    asked.bases.mkdir(parents=True, exist_ok=True)
    for line in _due(asked, done):
        if time.monotonic() > ends:
            print("no time for", line.text, flush=True)
            continue
        with tempfile.TemporaryDirectory(dir=asked.bases) as work:
            try:
                found = measured(line, written(line, asked.bases), Path(work))
            except AssertionError as problem:
                found = {"line": line.text, "missing": str(problem)[-3000:]}
        with asked.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")
        print(_told(found), flush=True)


def _told(found: Mapping[str, Any]) -> str:
    if "missing" in found:
        return f"{found['line']}: FAILED: {found['missing'][-600:]}"
    peaks = [
        "/".join(
            f"{one.get(key, 0) / GIB:.2f}"
            for key in ("allocated_bytes", "reserved_bytes", "outside_bytes", "host_bytes")
        )
        for one in found["by_rank"]
    ]
    losses = " ".join(f"{one:.4f}" for one in found["losses"][:: max(1, len(found["losses"]) // 4)])
    return (
        f"{found['line']}: {found['step_seconds']:.3f} s, "
        f"{found['tokens_per_step'] / max(found['step_seconds'], 1e-9):,.0f} tokens/s, "
        f"GiB allocated/reserved/outside/host {' '.join(peaks)}, losses {losses}, "
        f"{found['shares']['wrapper']}, {found['seconds']} s"
    )


if __name__ == "__main__":
    main()
