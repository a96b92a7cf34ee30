"""Packed rows against rows of their own: logits of every family, losses, steps and bits."""

import random
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("trl")

from transformers import CONFIG_MAPPING

from lockfiles.lock import Method, Train
from planner.data.tokens.example import IGNORED, completion
from planner.memory.family_quirks import attention as attention_of
from planner.memory.family_quirks import habits
from planner.models.families import FAMILIES
from runner.runs.pipe import Line
from runner.trace.text_only import from_config
from runner.training.job import Job
from runner.training.loading import load
from runner.training.make import make_trainer
from runner.training.packing import Packed
from runner.training.train import train
from tests.few import of_families
from tests.runner.engines.families import case_of
from tests.runner.inputs.test_parameter_count import tiny
from tests.runner.training.test_sft import base as base

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
LENGTHS = (9, 14, 5, 1, 11)
WINDOW = 4
OWN = {
    "moe_intermediate_size": 8, "shared_expert_intermediate_size": 8, "sliding_window": WINDOW,
    "attention_chunk_size": WINDOW, "index_n_heads": 32, "floor_scale": WINDOW, "attn_scale": 1.0,
}  # fmt: skip
"""Experts as wide as the grouped product wants them, and windows shorter than most rows."""


def _model(family: str, **changes: Any) -> Any:
    torch.manual_seed(0)
    fields = tiny(family)
    known = CONFIG_MAPPING[family]().to_dict()
    fields |= {name: value for name, value in OWN.items() if name in known} | changes
    if "intermediate_size" not in known:
        fields.pop("intermediate_size", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        attention = attention_of(family)
        made = from_config(CONFIG_MAPPING[family](**fields), attn_implementation=attention)
    made = made.float().eval()
    for parameter in made.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, 0.0, 0.08)
    return made


def _rows() -> list[dict[str, list[int]]]:
    source = random.Random(3)
    found = []
    for length in LENGTHS:
        ids = [source.randrange(3, 64) for _ in range(length)]
        found.append({"input_ids": ids, "labels": ids})
    return found


@torch.no_grad()
def _difference(family: str) -> float:
    """Return the greatest difference between packed logits and single ones, of the greatest."""
    model, rows = _model(family), _rows()
    step = Packed(pad_id=0, capacity=16, micro_batch=2)(rows)
    ids, positions = step["input_ids"], step["position_ids"]
    together = model(input_ids=ids, position_ids=positions, use_cache=False).logits
    worst, greatest = 0.0, 0.0
    for row in rows:
        alone = model(input_ids=torch.tensor([row["input_ids"]]), use_cache=False).logits[0]
        at, first = _place(step, row["input_ids"])
        found = together[at, first : first + len(row["input_ids"])]
        worst = max(worst, float((found - alone).abs().max()))
        greatest = max(greatest, float(alone.abs().max()))
    return worst / greatest


def _place(step: dict[str, torch.Tensor], ids: list[int]) -> tuple[int, int]:
    for at, row in enumerate(step["input_ids"].tolist()):
        for first in range(len(row)):
            if row[first : first + len(ids)] == ids and step["position_ids"][at, first] == 0:
                return at, first
    raise AssertionError("a row is in no joined one")


@pytest.mark.parametrize("family", of_families(FAMILIES))
def test_no_packed_row_sees_another(family: str) -> None:
    if habits(family).packs:
        assert _difference(family) < 1e-5
    else:
        assert _difference(family) > 1e-2, "it could be packed"


def test_a_step_is_all_of_its_rows_and_nothing_else() -> None:
    rows = _rows()
    packed = Packed(pad_id=7, capacity=16, micro_batch=2)
    step = packed(rows)
    assert step["input_ids"].shape == step["labels"].shape == (3, 16)
    assert packed.tokens(step) == sum(length for length in LENGTHS if length > 1)
    starts = step["position_ids"] == 0
    assert bool((step["labels"][starts] == IGNORED).all())
    scored = step["labels"] != IGNORED
    assert int(scored.sum()) == sum(LENGTHS) - len(LENGTHS)
    assert bool((step["labels"][scored] == step["input_ids"][scored]).all())
    parts = list(packed.passes(step))
    assert [part["labels"].shape for part in parts] == [(2, 16), (1, 9)]
    assert sum(int((part["labels"] != IGNORED).sum()) for part in parts) == int(scored.sum())


@pytest.mark.parametrize("packs", [False, True])
def test_an_end_of_turn_that_is_also_the_padding_stays_scored(packs: bool) -> None:
    """Labels come with the rows, so nothing is masked for being equal to what pads."""
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    end = 7
    rows = [
        {"input_ids": [5, *words, end], "labels": [IGNORED, *words, end]}
        for words in ([3], [3, 4], [4] * 6)
    ]
    collator = DataCollatorForLanguageModeling(pad_token_id=end)
    step = Packed(pad_id=end, capacity=9, micro_batch=3)(rows) if packs else collator(rows)
    assert int((step["labels"] == end).sum()) == len(rows)
    assert int((step["input_ids"] == end).sum()) > len(rows)


SETTINGS = Train(
    micro_batch=2, accumulation=4, epochs=2, learning_rate=1e-2, schedule="cosine",
    warmup_ratio=0.1, weight_decay=0.01, gradient_clip=1.0, optimizer="adamw_torch",
    dtype="float32", attention="sdpa", checkpointing=False, keep="last", evaluate_steps=100,
    seed=17,
)  # fmt: skip


class Heard(Line):
    """Keeps what is told."""

    def __init__(self) -> None:
        super().__init__(-1)
        self.told: list[dict[str, Any]] = []
        self.evaluated: list[dict[str, Any]] = []

    def send(self, kind: str, **fields: object) -> None:
        if kind == "step":
            self.told.append(fields)
        if kind == "evaluation":
            self.evaluated.append(fields)


def _trained(base: Path, work: Path, *, packing: bool, **changes: Any) -> list[dict[str, Any]]:
    source = random.Random(5)
    ids = [
        tuple(source.randrange(3, 64) for _ in range(source.randrange(6, 20))) for _ in range(20)
    ]
    rows = [completion(row, (IGNORED, IGNORED, *row[2:])) for row in ids]
    method = Method(kind="lora", rank=4, alpha=8, dropout=0.0, targets=["q_proj", "v_proj"])
    job = Job(
        base, rows, rows[:5],
        lambda epoch: random.Random(epoch).sample(range(20), 20), method,
        SETTINGS.model_copy(update=changes), work, packing=packing,
    )  # fmt: skip
    line = Heard()
    result = train(job, line)
    assert result.steps == len(line.told)
    return line.told


def test_packing_changes_neither_steps_nor_losses(base: Path, tmp_path: Path) -> None:
    padded = _trained(base, tmp_path / "padded", packing=False)
    packed = _trained(base, tmp_path / "packed", packing=True)
    assert len(packed) == len(padded) == 6, "20 rows, 8 a step, twice"
    for ours, theirs in zip(packed, padded, strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-5)
        assert ours["gradient_norm"] == pytest.approx(theirs["gradient_norm"], rel=1e-4)
        assert ours["learning_rate"] == theirs["learning_rate"]
        assert ours["tokens"] == theirs["tokens"]


def test_a_loss_does_not_depend_on_what_the_class_of_a_model_takes(
    base: Path, tmp_path: Path
) -> None:
    """That of Qwen3-VL does not take the number of scored tokens; TRL's loss needs it."""
    model = Path(case_of("qwen3_vl", tmp_path / "model", base).base)
    whole = _trained(model, tmp_path / "whole", packing=False, micro_batch=8, accumulation=1)
    parts = _trained(model, tmp_path / "parts", packing=False, micro_batch=2, accumulation=4)
    for one, other in zip(whole, parts, strict=True):
        assert other["loss"] == pytest.approx(one["loss"], rel=1e-5)
        assert other["gradient_norm"] == pytest.approx(one["gradient_norm"], rel=1e-4)


@pytest.mark.slow
def test_rows_at_once_change_nothing_but_rounding(base: Path, tmp_path: Path) -> None:
    one = _trained(base, tmp_path / "one", packing=True, micro_batch=1, accumulation=8)
    all_of_them = _trained(base, tmp_path / "all", packing=True, micro_batch=8, accumulation=1)
    for ours, theirs in zip(one, all_of_them, strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-5)


def test_an_evaluation_is_padded_and_tells_the_same(base: Path, tmp_path: Path) -> None:
    source = random.Random(5)
    ids = [tuple(source.randrange(3, 64) for _ in range(n)) for n in (6, 20, 9, 13, 7)]
    method = Method(kind="full", rank=0, alpha=0, dropout=0.0, targets=[])
    rows = [completion(row, row) for row in ids]
    job = Job(
        base, rows, rows, lambda _: range(5), method, SETTINGS, tmp_path / "work", packing=True
    )
    found = []
    for each in (job, replace(job, packing=False)):
        model = load(base, method, SETTINGS)
        found.append(make_trainer(each, model, []).evaluate()["eval_loss"])
    assert found[0] == found[1]
