"""Base models with random weights, written in seconds: a 70B of bfloat16 has 141 GB.

    python -m tests.gpu.several.bases MODEL FOLDER [--layers N] [--processes N]

Shards are written by several processes at once. Random numbers repeat every few million: what a
step takes and what it learns at first depend on their spread, not on which they are. FOLDER may be
in `/dev/shm`, which main memory must hold.
"""

import argparse
import fcntl
import json
import multiprocessing
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from planner.models.folder import CONFIG, INDEX
from tests.gpu.several.line import Line, config_of
from tests.gpu.shapes import BASE

SHARD_BYTES = 1 << 30
REPEATED = 1 << 24
"""Random numbers that are drawn for a shard."""
SPREAD = 0.02
"""Their deviation, as transformers initializes these models."""
NAMES = {"bfloat16": "BF16", "float32": "F32"}
Tensor = tuple[str, tuple[int, ...]]
"""A name and a shape."""


def written(line: Line, folder: Path) -> Path:
    """Return the base of a line, which is written where it is missing."""
    layers = line.number("layers", 0)
    name = line.words[2] + (f"-{layers}" if layers else "") + ("-tiny" if line.tiny else "")
    return base(line.config, folder / name, "float32" if line.tiny else "bfloat16")


def base(config: Mapping[str, Any], place: Path, dtype: str, processes: int = 0) -> Path:
    """Write a base model with this `config.json` and the demo's tokenizer, and return its folder;
    nothing is written where the folder exists, or where another process writes it meanwhile.
    Raises AssertionError where the disk is too small.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_name(f"{place.name}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not place.exists():
            _write_base(config, place, dtype, processes)
    return place


def _write_base(config: Mapping[str, Any], place: Path, dtype: str, processes: int) -> None:
    unfinished = place.with_name(f"{place.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(BASE, unfinished, ignore=shutil.ignore_patterns("*.safetensors*"))
    (unfinished / CONFIG).write_text(json.dumps({**config, "dtype": dtype}, indent=2), "utf-8")
    shards = _sharded(tensors(config), width := 2 if dtype == "bfloat16" else 4)
    total = sum(_count(shape) * width for own in shards for _, shape in own)
    free = shutil.disk_usage(place.parent).free
    assert total < free, f"{place} needs {total / 1e9:.1f} GB, but {free / 1e9:.1f} GB are free"
    names = [f"model-{at:05}-of-{len(shards):05}.safetensors" for at in range(1, len(shards) + 1)]
    many = min(processes or len(os.sched_getaffinity(0)), len(shards))
    placed_in = list(zip(names, shards, strict=True))
    jobs = [(unfinished / name, own, dtype, at) for at, (name, own) in enumerate(placed_in)]
    with multiprocessing.get_context("fork").Pool(many) as pool:
        pool.starmap(_write, jobs, chunksize=1)
    placed = {one: name for name, own in placed_in for one, _ in own}
    index = {"metadata": {"total_size": total}, "weight_map": placed}
    (unfinished / INDEX).write_text(json.dumps(index), "utf-8")
    unfinished.rename(place)


def tensors(config: Mapping[str, Any]) -> list[Tensor]:
    """Return the tensors that the files of a dense model hold."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    own = dict(config)
    with torch.device("meta"):
        made = AutoModelForCausalLM.from_config(AutoConfig.for_model(own.pop("model_type"), **own))
    seen: dict[int, Tensor] = {}
    for name, one in made.state_dict(keep_vars=True).items():
        seen.setdefault(id(one), (name, tuple(one.shape)))
    return list(seen.values())


def _sharded(every: Sequence[Tensor], width: int) -> list[list[Tensor]]:
    found: list[list[Tensor]] = [[]]
    size = 0
    for name, shape in every:
        own = _count(shape) * width
        if size and size + own > SHARD_BYTES:
            found.append([])
            size = 0
        found[-1].append((name, shape))
        size += own
    return found


def _count(shape: Sequence[int]) -> int:
    total = 1
    for one in shape:
        total *= one
    return total


def _write(path: Path, own: Sequence[Tensor], dtype: str, seed: int) -> None:
    """Write a shard (https://huggingface.co/docs/safetensors: a header and the tensors' bytes)."""
    import torch

    torch.set_num_threads(1)
    kind = getattr(torch, dtype)
    drawn = torch.empty(REPEATED).normal_(0, SPREAD, generator=torch.Generator().manual_seed(seed))
    random = memoryview(_bytes(drawn.to(kind)))
    width, header, at = kind.itemsize, {}, 0
    for name, shape in own:
        end = at + _count(shape) * width
        header[name] = {"dtype": NAMES[dtype], "shape": list(shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb", buffering=0) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, shape in own:
            left = _count(shape) * width
            if len(shape) == 1:  # scales of norms, and biases
                flat = torch.full(shape, float(name.endswith("weight")), dtype=kind)
                file.write(_bytes(flat))
                continue
            while left:
                left -= file.write(random[: min(left, len(random))])


def _bytes(one: Any) -> Any:
    import torch

    return one.view(torch.uint8).numpy()


def main() -> None:
    """Write a base by its name."""
    given = argparse.ArgumentParser()
    given.add_argument("model")
    given.add_argument("folder", type=Path)
    given.add_argument("--layers", type=int, default=0)
    given.add_argument("--processes", type=int, default=0)
    asked = given.parse_args()
    began = time.monotonic()
    place = base(config_of(asked.model, asked.layers), asked.folder, "bfloat16", asked.processes)
    size, took = sum(one.stat().st_size for one in place.iterdir()), time.monotonic() - began
    print(f"{place}: {size / 1e9:.1f} GB in {took:.1f} s")


if __name__ == "__main__":
    main()
