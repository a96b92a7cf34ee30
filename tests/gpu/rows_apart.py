"""Losses of concatenated rows on this card, of a small model of each family that reads bounds.

    python -m tests.gpu.rows_apart OUT.jsonl [--cpu] [--compiled] [--only FAMILY]

Models have few layers, heads as wide as a real model's, and random weights that bfloat16 can hold.
Differences are of the losses of scored tokens, in the mean and of the worst row's mean:

- `mask32`: float32, concatenated with a mask, against each row alone;
- `padded16`: bfloat16, padded, against float32, padded;
- `varlen16`: bfloat16, concatenated with bounds, against float32 with a mask;
- `alone16`: the same against bfloat16, each row alone;
- `leak16`: the same as `varlen16` with one bound missing, of the row after it.

A family is right if `varlen16` is no greater than `padded16` but for noise, and a leak is seen.
"""

import argparse
import json
import random
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import CONFIG_MAPPING

from planner.catalogue import lookup
from planner.memory.family_quirks import takes_bounds
from planner.models.architecture import Architecture, architecture
from planner.models.families import FAMILIES
from runner.trace.text_only import from_config
from runner.training import kernels, varlen
from runner.training.compiled import compile_layers
from runner.training.packing import Packed
from runner.training.padding_free import PaddingFree
from tests.runner.inputs.test_parameter_count import tiny

ON_CARD = torch.cuda.is_available()
DEVICE = "cuda" if ON_CARD else "cpu"
HEADS, VOCABULARY, LONGEST = 4, 1024, 800
WIDE: dict[str, Any] = {
    "vocab_size": VOCABULARY, "intermediate_size": 512, "moe_intermediate_size": 128,
    "max_position_embeddings": 2048, "sliding_window": 100, "shared_expert_intermediate_size": 128,
    "vocab_size_per_layer_input": VOCABULARY, "hidden_size_per_layer_input": 32,
}  # fmt: skip
SPREAD = 0.04
"""Standard deviation of the weights: large enough for attention to matter."""
NOISE = 1.1
"""Times that a mean difference may exceed another one that is as great."""
SEEN = 5.0
"""Times the mean difference that a leak is, at least."""
CARD = "9.0"
Rows = Sequence[dict[str, list[int]]]


def families() -> Iterator[tuple[str, Architecture]]:
    """Yield each family that is offered such attention, with a model of the catalogue."""
    shapes: dict[str, Architecture] = {}
    for model in lookup.models():
        shape = architecture(dict(model.config), model.name)
        if takes_bounds(shape, [CARD]):
            shapes.setdefault(shape.family, shape)
    yield from ((name, shapes[name]) for name in FAMILIES if name in shapes)


def rows(count: int, longest: int) -> Rows:
    """Return rows of random tokens, one short one after a long one among them."""
    source = random.Random(3)
    lengths = [min(longest, int(source.lognormvariate(5.0, 0.8)) + 2) for _ in range(count)]
    lengths[1:3] = [longest, 37]
    ids = [[source.randrange(3, VOCABULARY) for _ in range(length)] for length in lengths]
    return [{"input_ids": one, "labels": one} for one in ids]


def model_of(family: str, shape: Architecture) -> Any:
    """Return a small model of a family, in bfloat16."""
    torch.manual_seed(0)
    width, fields = shape.head_dim, tiny(family)
    known = CONFIG_MAPPING[family]().to_dict()
    fields |= {name: value for name, value in WIDE.items() if name in known or name in fields}
    fields |= {"hidden_size": HEADS * width, "num_attention_heads": HEADS}
    if "head_dim" in known:
        fields["head_dim"] = width
    with warnings.catch_warnings(), torch.device(DEVICE):
        warnings.simplefilter("ignore")
        made = from_config(CONFIG_MAPPING[family](**fields), attn_implementation="sdpa")
        for parameter in made.parameters():
            if parameter.dim() > 1:
                torch.nn.init.normal_(parameter, 0.0, SPREAD)
    return made.to(torch.bfloat16).eval()


@torch.no_grad()
def losses(model: Any, given: dict[str, Any], ids: torch.Tensor) -> torch.Tensor:
    """Return the loss of each next token of `ids`, of its shape less one column."""
    moved = {
        name: one.to(DEVICE) if isinstance(one, torch.Tensor) else one
        for name, one in given.items()
    }
    narrow = model.dtype == torch.bfloat16
    with torch.autocast(DEVICE, torch.bfloat16, enabled=narrow):
        logits = model(**moved, use_cache=False).logits.float()
    found = torch.nn.functional.cross_entropy(
        logits[:, :-1].transpose(1, 2), ids.to(DEVICE)[:, 1:], reduction="none"
    )
    return found.cpu()


def alone(model: Any, given: Rows) -> list[torch.Tensor]:
    """Return the losses of rows by themselves."""
    every = [torch.tensor([row["input_ids"]]) for row in given]
    return [losses(model, {"input_ids": ids}, ids)[0] for ids in every]


def padded(model: Any, given: Rows) -> list[torch.Tensor]:
    """Return the losses of rows that are padded on the right."""
    lengths = [len(row["input_ids"]) for row in given]
    ids, mask = (torch.zeros(len(given), max(lengths), dtype=torch.long) for _ in range(2))
    for at, row in enumerate(given):
        ids[at, : lengths[at]] = torch.tensor(row["input_ids"])
        mask[at, : lengths[at]] = 1
    found = losses(model, {"input_ids": ids, "attention_mask": mask}, ids)
    return [one[: length - 1] for one, length in zip(found, lengths, strict=True)]


def joined(model: Any, given: Rows, *, missing: int = 0) -> list[torch.Tensor]:
    """Return the losses of concatenated rows, by bounds where the model reads them, one of which
    may be `missing`; else by a mask."""
    lengths = [len(row["input_ids"]) for row in given]
    bounded = model.config._attn_implementation == varlen.NAME
    if bounded:
        laid = PaddingFree(sum(lengths), max(lengths), bounded=True)
        (one,) = laid.passes(laid(given))
        if missing:
            kept = [at for at in range(len(lengths) + 1) if at != missing]
            bounds = one["cu_seq_lens_q"][kept]
            longest = int(bounds.diff().max())
            one |= {"cu_seq_lens_q": bounds, "cu_seq_lens_k": bounds}
            one |= {"max_length_q": longest, "max_length_k": longest}
    else:
        one = Packed(0, sum(lengths), 1)(given)
    ids = one["input_ids"]
    del one["labels"]
    found = losses(model, one, ids)[0]
    order = _order(ids[0].tolist(), given)
    return [found[first : first + n - 1] for first, n in zip(order, lengths, strict=True)]


def _order(ids: list[int], given: Rows) -> list[int]:
    """Return the position of each row in a pass."""
    found = []
    for row in given:
        own = row["input_ids"]
        found.append(next(at for at in range(len(ids)) if ids[at : at + len(own)] == own))
    return found


def difference(ours: Sequence[torch.Tensor], theirs: Sequence[torch.Tensor]) -> list[float]:
    """Return the mean difference of a token's loss, and the greatest of a row's mean loss."""
    by_token = torch.cat([(a - b).abs() for a, b in zip(ours, theirs, strict=True)])
    by_row = [abs(float((a - b).mean())) for a, b in zip(ours, theirs, strict=True)]
    return [float(by_token.mean()), max(by_row)]


def measured(
    family: str, shape: Architecture, given: Rows, *, compiled: bool = False
) -> dict[str, Any]:
    """Return the differences of a family, with bounds if asked in compiled layers."""
    began = time.monotonic()
    narrow = model_of(family, shape)
    exact = model_of(family, shape).float()
    if shape.experts:
        exact.set_experts_implementation("eager")  # the grouped product is one of bfloat16
    single, mask = alone(exact, given), joined(exact, given)
    found = {
        "mask32": difference(mask, single),
        "padded16": difference(padded(narrow, given), padded(exact, given)),
    }
    apart = alone(narrow, given)
    narrow.set_attn_implementation(varlen.NAME)
    if compiled:
        compile_layers(narrow)
    bounds = joined(narrow, given)
    found |= {"varlen16": difference(bounds, mask), "alone16": difference(bounds, apart)}
    leak = joined(narrow, given, missing=2)
    found["leak16"] = difference(leak[2:3], mask[2:3])
    right = found["varlen16"][0] <= NOISE * found["padded16"][0]
    seen = found["leak16"][0] >= SEEN * found["varlen16"][0]
    rounded = {name: [float(f"{one:.3g}") for one in pair] for name, pair in found.items()}
    return {
        "family": family, "head_dim": shape.head_dim, **rounded, "right": right, "seen": seen,
        "seconds": round(time.monotonic() - began, 1),
    }  # fmt: skip


def main() -> None:
    """Measure every family, or those whose name has a text."""
    given = argparse.ArgumentParser()
    given.add_argument("out", type=Path)
    given.add_argument("--only", default="")
    given.add_argument("--compiled", action="store_true", help="compile the layers")
    given.add_argument("--cpu", action="store_true", help="with fewer and shorter rows")
    asked = given.parse_args()
    if not ON_CARD:
        kernels.torch_only()
    varlen.register()
    some = rows(6, 120) if asked.cpu else rows(24, LONGEST)
    wrong = []
    print("| family | head | mask32 | padded16 | varlen16 | alone16 | leak16 | right | leak seen |")
    print("|---|---|---|---|---|---|---|---|---|")
    for family, shape in families():
        if asked.only not in family:
            continue
        try:
            found = measured(family, shape, some, compiled=asked.compiled)
        except Exception as problem:
            found = {"family": family, "error": f"{type(problem).__name__}: {problem}"[:300]}
        with asked.out.open("a", encoding="utf-8") as out:
            out.write(json.dumps(found) + "\n")
        print(_shown(found), flush=True)
        if not (found.get("right") and found.get("seen")):
            wrong.append(family)
    print("not right:", ", ".join(wrong) or "none")
    sys.exit(1 if wrong else 0)


def _shown(found: dict[str, Any]) -> str:
    if "error" in found:
        return f"| {found['family']} | {found['error']} |"
    names = ("mask32", "padded16", "varlen16", "alone16", "leak16")
    pairs = [" ".join(f"{one:.1e}" for one in found[name]) for name in names]
    ends = [str(found["right"]), str(found["seen"])]
    return f"| {' | '.join([found['family'], str(found['head_dim']), *pairs, *ends])} |"


if __name__ == "__main__":
    main()
