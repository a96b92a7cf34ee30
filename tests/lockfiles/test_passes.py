"""Padding-free passes in a lock: how their layers are computed agrees with the other tables."""

import pytest

from lockfiles import lock
from lockfiles import text as toml
from lockfiles.errors import UsageProblem
from lockfiles.lock import Lock
from tests.lockfiles.samples import SHA
from tests.lockfiles.test_sense import CARD, tables

Change = tuple[str, object]
PASSES: list[Change] = [
    ("machine", CARD | {"memory_bytes": 1 << 30}), ("train.dtype", "bfloat16"),
    ("stream.packing", True), ("stream.passes_sha256", [SHA]), ("train.pass_tokens", 200),
    ("train.attention", "varlen"), ("train.kernels", "compiled"),
    ("train.graph_sizes", [64, 192, 256]), ("train.base_products", "fp8"),
]  # fmt: skip
ZERO3 = {"engine": "zero3", "processes": 1}
NO_PASSES: list[Change] = [
    ("stream.passes_sha256", []), ("train.pass_tokens", 0), ("train.graph_sizes", []),
    ("train.attention", "sdpa"),
]  # fmt: skip

PLAIN: list[Change] = [("train.kernels", "eager"), ("train.base_products", "bf16")]


def test_compiled_layers_in_fp8_and_recorded_passes_are_a_lock() -> None:
    made = Lock.model_validate(tables(*PASSES))
    assert lock.parse(lock.write(made)) == made


def test_defaults_are_omitted() -> None:
    text = lock.write(Lock.model_validate(tables(*PASSES, *NO_PASSES, *PLAIN)))
    for name in ("kernels", "graph_sizes", "base_products"):
        assert name not in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([("train.graph_sizes", [192, 64, 256])], "must ascend"),
        ([("train.graph_sizes", [64, 64, 256])], "must ascend"),
        ([("train.graph_sizes", [64, 264])], "has more tokens than a pass can have"),
        ([("train.graph_sizes", [0, 256])], "`train.graph_sizes` on line"),
        ([("train.graph_sizes", [*range(64, 64 * 66, 64)])], "`train.graph_sizes` on line"),
        ([("train.checkpointing", True)], "is not for `train.checkpointing`"),
        ([("model.architecture.experts", 8), ("model.architecture.experts_per_token", 2),
          ("model.architecture.moe_intermediate", 64)], "is not for a mixture of experts"),
        ([("train.attention", "sdpa")], "is for passes whose `train.attention` is `varlen`"),
        ([("parallel", ZERO3)], "is not for `zero3`"),
        ([("parallel", ZERO3), ("train.graph_sizes", [])], "cannot be `compiled` with `zero3`"),
        (NO_PASSES, "is for passes of `train.pass_tokens` on a card"),
        ([("train.kernels", "eager")], "is for compiled layers and `train.attention` of"),
        ([("method.kind", "qlora")], "is for `lora`, not for `qlora`"),
        ([("exactness.exact", True)], "bit-exact results are not verified"),
        ([("train.base_products", "int8")], "`train.base_products` on line"),
        ([("why", {"train.base_products": "FP8 products (`a`) could make this run 9%"})],
         "another value"),
        ([("why", {"train.base_products": "You set FP8 products."}), *PLAIN], "another value"),
        ([("train.kernels", "triton")], "`train.kernels` on line"),
        ([("machine", tables()["machine"]), ("train.dtype", "float32"),
          ("train.attention", "sdpa"), ("train.graph_sizes", [])],
         "is for passes of `train.pass_tokens` on a card"),
        ([("why", {"train.kernels": "Layers are not compiled: how fast"})], "another value"),
        ([("why", {"train.kernels": "Compiling the layers takes about"})], "another value"),
        ([("why", {"train.graph_sizes": "Passes are not recorded: how"})], "another value"),
        ([("why", {"train.graph_sizes": "CUDA graphs would not make"})], "another value"),
    ],
)  # fmt: skip
def test_what_does_not_agree_is_one_sentence(changes: list[Change], said: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        lock.parse(toml.write(tables(*PASSES, *changes)))
    assert said in caught.value.message
