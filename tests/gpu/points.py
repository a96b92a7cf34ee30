"""Peaks and step times of many plans on this card, with random weights and the runner's settings.

    python -m tests.gpu.points OUT.jsonl [--seconds BUDGET] [--only PART] [--skip OTHER.jsonl ...]
    python -m tests.gpu.points OUT.jsonl --table tests/gpu/times.txt --host
    python -m tests.gpu.points OUT.jsonl --table TABLE --configs FOLDER
    python -m tests.gpu.points OUT.jsonl --table tests/gpu/families.txt --steps 8 --host-every 8

With `--configs`, models may be those of a folder with `NAME.json`, each a `config.json`.
One JSON line a point, written as it is measured; points that stand in OTHER are not run again.
With `--host`, each point tells how fast its host was. With `--host-every`, the host is measured in
a process of its own at the start, after so many points and at the end, each a line named `host`.
With `--steps`, points have so many steps, fewer where one is long, and no evaluation: for times.
`--part 1/3` is the first of three parts of a table, for three cards.
`tests/planner/memory/test_points.py` and `tests/planner/speed` hold the closed form and the step
time to these lines.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from planner.catalogue import lookup
from planner.catalogue.lookup import find_accelerator
from planner.memory import Phase, estimate
from planner.models.architecture import architecture
from planner.models.facts import ModelFacts, parameter_count
from planner.search import lora_targets
from planner.setup.setup import Profile
from planner.speed import step_seconds
from runner.rehearse.case import Case, Measured
from runner.rehearse.host import HOST
from tests.gpu.forked import each
from tests.gpu.shallow import cut

TABLE = Path(__file__).with_name("points.txt")
TIMES = Path(__file__).with_name("times.txt")
"""Plans whose times were predicted before they were measured."""
ROOM_BYTES = 134 << 30
"""Memory of an H200 that cases which share it may claim."""
IN_A_ROW = 4
"""Failures in a row that end the measurement."""
LONG_SECONDS = 2.0
"""A step from which on fewer of them are run; on a card of the kind `NOMINAL`, as predicted."""
NOMINAL = "H100 SXM"
_OPTIMIZERS = {
    "fused": "adamw_torch_fused", "torch": "adamw_torch",
    "8bit": "adamw_8bit", "paged8": "paged_adamw_8bit",
}  # fmt: skip


def configs(folder: Path | None = None) -> dict[str, Mapping[str, Any]]:
    """Return the `config.json` of each model of the catalogue, by the last part of its name, and
    those of a folder, by the names of its files."""
    own = (
        {path.stem: json.loads(path.read_text("utf-8")) for path in folder.glob("*.json")}
        if (folder)
        else {}
    )
    return {model.name.rpartition("/")[2]: model.config for model in lookup.models()} | own


def cases(table: Path = TABLE, folder: Path | None = None) -> Iterator[Case]:
    """Yield a table's cases, in its order."""
    known = configs(folder)
    for line in table.read_text("utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            yield _case(line.split(), known)


def _case(words: list[str], known: Mapping[str, Mapping[str, Any]]) -> Case:
    """Read `MODEL OBJECTIVE METHOD RANK LENGTH MICRO CHECKPOINTING OPTIMIZER DROPOUT ACCUMULATION`,
    and after them any of `padded`, `attention`, `int8`, `untied` (a head of its own), `window=N`
    (a sliding one), `chunk_size=N` (of state-space layers), `layers=N` and `steps=N`."""
    model, objective, method, rank, length, micro, checkpointing, optimizer, dropout, every = words[
        :10
    ]
    extra = dict(word.partition("=")[::2] for word in words[10:])
    config = dict(known[model])
    if "layers" in extra:
        config = cut(config, int(extra["layers"]))
    if "window" in extra:
        config["sliding_window"] = int(extra["window"])
    if "chunk_size" in extra:
        config["chunk_size"] = int(extra["chunk_size"])
    if "untied" in extra:
        config["tie_word_embeddings"] = False
    shape = architecture(config, model)
    names = lora_targets.preset(shape, "attention" if "attention" in extra else "all-linear")
    full = method == "full"
    name = _OPTIMIZERS[optimizer]
    profile = Profile(
        device="cuda",
        method=method,  # type: ignore[arg-type]
        rank=0 if full else int(rank),
        targets=() if full else names,
        length=int(length),
        micro_batch=int(micro),
        checkpointing=checkpointing == "ckpt",
        dtype="bfloat16",
        dropout=0.0 if full else float(dropout),
        padded="padded" in extra or objective != "sft",
        autocast=True,
        fused=name == "adamw_torch_fused",
        accumulates=int(every) > 1,
        objective=objective,
        optimizer=name,  # type: ignore[arg-type]
        base_bits=8 if "int8" in extra else 0,
        scored=0.5 if objective == "dpo" else 1.0,
    )
    steps = int(extra.get("steps", "3"))
    return Case(" ".join(words), config, profile, accumulation=int(every), steps=steps)


def on_cpu(case: Case) -> Case:
    """Return a case that a CPU can run: its widths, two layers, short rows, float32."""
    shallow = cut(case.config, 2)
    profile = replace(
        case.profile, device="cpu", length=32, micro_batch=min(2, case.profile.micro_batch),
        dtype="float32", autocast=False, fused=False, optimizer="adamw_torch", base_bits=0,
        method="full" if case.profile.method == "full" else "lora",
    )  # fmt: skip
    return replace(case, config=shallow, profile=profile, steps=2)


def read(path: Path) -> Iterator[tuple[Case, dict[str, Any]]]:
    """Yield each point of a file of lines: its case and what was measured."""
    known = configs()
    for told in lines(path):
        if told["case"] != HOST.name:
            yield _case(told["case"].split(), known), told


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield what each line of a file tells."""
    yield from map(json.loads, path.read_text("utf-8").splitlines())


def line(case: Case, found: Measured, *, alone: bool) -> str:
    """Return a point as it is written; `alone` where nothing else slowed it down."""
    told = {
        "case": case.name,
        "card": found.card,
        "alone": alone,
        "peaks": dict(found.peaks),
        "reserved_bytes": found.reserved_bytes,
        "step_seconds": [round(seconds, 4) for seconds in found.step_seconds],
        "load_seconds": round(found.load_seconds, 2),
        "host_seconds": round(_host(case, found), 5),
        "out_of_memory": found.out_of_memory,
    }
    return json.dumps(told)


def _host(case: Case, found: Measured) -> float:
    return found.warm_step_seconds if case.name == HOST.name else found.host_seconds


def timed(case: Case, steps: int) -> Case:
    """Return a case with so many steps, the first of which warms up, and no evaluation."""
    try:
        sized, card = _sized(case), find_accelerator(NOMINAL)
        long = (step_seconds(sized, case.profile, card, case.accumulation) or 0) > LONG_SECONDS
    except LookupError:
        long = False
    return replace(case, steps=max(2, steps * 2 // 3) if long else steps, evaluate=False)


def with_hosts(some: Sequence[Case], every: int) -> Iterator[Case]:
    """Yield cases, and the host's before each so many of them; none if 0."""
    for at, case in enumerate(some):
        if every and at % every == 0:
            yield HOST
        yield case


def main() -> None:
    """Run the table."""
    given = argparse.ArgumentParser()
    given.add_argument("out", type=Path)
    given.add_argument("--seconds", type=float, default=1e9)
    given.add_argument("--table", type=Path, default=TABLE)
    given.add_argument("--configs", type=Path)
    given.add_argument("--host", action="store_true")
    given.add_argument("--host-every", type=int, default=0)
    given.add_argument("--steps", type=int, default=0)
    given.add_argument("--only", default="")
    given.add_argument("--part", default="1/1")
    given.add_argument("--skip", type=Path, nargs="*", default=())
    given.add_argument("--at-once", type=int, default=1)
    given.add_argument("--cpu", action="store_true")
    asked = given.parse_args()
    done = {told["case"] for path in asked.skip for told in lines(path)}
    every = (replace(case, times_host=asked.host) for case in cases(asked.table, asked.configs))
    wanted = [case for case in every if asked.only in case.name and case.name not in done]
    wanted = wanted[::2] + wanted[1::2]  # spread over families, should the time be over
    part, parts = map(int, asked.part.split("/"))
    wanted = wanted[part - 1 :: parts]
    if asked.steps:
        wanted = [timed(case, asked.steps) for case in wanted]
    if asked.cpu:
        wanted = [on_cpu(case) for case in wanted]
    failed = 0
    with asked.out.open("a", encoding="utf-8") as out:
        found_of = each(
            with_hosts(wanted, asked.host_every),
            seconds=asked.seconds,
            at_once=asked.at_once,
            room_bytes=ROOM_BYTES,
            claim=_claim,
        )
        for case, found in chain(found_of, each([HOST] * bool(asked.host_every))):
            failed = failed + 1 if isinstance(found, str) else 0
            if isinstance(found, str):
                print("FAILED", case.name, found[-600:], flush=True)
                if failed == IN_A_ROW:
                    return
                continue
            out.write(line(case, found, alone=asked.at_once == 1) + "\n")
            out.flush()
            print(_short(case, found), flush=True)


def _expected(case: Case) -> Phase:
    return estimate(_sized(case), case.profile).peak


def _sized(case: Case) -> ModelFacts:
    shape = architecture(case.config, case.name)
    return ModelFacts(case.name, (), shape, parameter_count(shape), "")


def _claim(case: Case) -> int:
    """Return what a case may take of the card."""
    try:
        return int(1.25 * _expected(case).peak_bytes) + (2 << 30)
    except LookupError:
        return ROOM_BYTES // 2  # a layer without a closed form


def _short(case: Case, found: Measured) -> str:
    if case.name == HOST.name:
        return f"host {found.warm_step_seconds:.4f} s, all {found.seconds:.1f}"
    try:
        expected = _expected(case)
    except LookupError:
        return f"no closed form: {case.name} | {found.phase} {found.allocated_bytes / 1e9:.2f} GB"
    error = expected.peak_bytes / found.allocated_bytes - 1
    median = sorted(found.step_seconds)[len(found.step_seconds) // 2]
    phases = f"{expected.name}/{found.phase} {found.allocated_bytes / 1e9:.2f} GB"
    times = f"step {median:.2f} s, load {found.load_seconds:.1f}, all {found.seconds:.1f}"
    return f"{error:+.2%} {case.name} | {phases} {found.out_of_memory} {times}"


if __name__ == "__main__":
    main()
