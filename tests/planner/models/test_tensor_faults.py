"""What is said of weights that differ from their configuration, and which heads are tied."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from lockfiles.errors import UsageProblem
from planner.models.facts import from_folder
from tests.planner.models.classes import in_files, made
from tests.planner.models.test_tensors import Stored, refusal

BASE = Path(__file__).parents[3] / "runner" / "demo" / "base"
UP = "model.layers.1.mlp.up_proj.weight"
EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"
Tensors = dict[str, torch.Tensor]
Change = Callable[[Tensors], Tensors]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BASE, tmp_path / "base"))


def changed(base: Path, change: Change, **fields: object) -> Path:
    tensors = dict(load_file(base / "model.safetensors"))
    save_file(change(tensors), base / "model.safetensors", metadata={"format": "pt"})
    path = base / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
    return base


def prefixed(prefix: str) -> Change:
    return lambda tensors: {prefix + name: one for name, one in tensors.items()}


def same(tensors: Tensors) -> Tensors:
    return tensors


def with_more(name: str) -> Change:
    return lambda tensors: tensors | {name: torch.zeros(2, 256)}


CAUSES: list[tuple[Change, dict[str, object], str]] = [
    (same, {"num_hidden_layers": 4}, "describes 4 layers, but the weights hold 3"),
    (same, {"num_hidden_layers": 2}, "describes 2 layers, but the weights hold 3"),
    (same, {"vocab_size": 1088}, "is 1088, but the embedding in the weights has 1,024 rows"),
    (same, {"tie_word_embeddings": False}, "have no head (`lm_head.weight`)"),
    (same, {"intermediate_size": 511}, "describes 256 x 511, and 8 more tensors differ"),
    (same, {"num_key_value_heads": 4}, "describes 128 x 256"),
    (same, {"attention_bias": True}, "lack 12 tensors"),
    (same, {"model_type": "qwen3", "head_dim": 32}, "lack 6 tensors"),
    (prefixed("_orig_mod."), {}, "a compiled model was saved"),
    (prefixed("module."), {}, "a wrapper for several GPUs was saved"),
    (prefixed("base_model.model."), {}, "a model with an adapter was saved"),
    (with_more("model.layers.0.mlp.up_proj.lora_A.weight"), {}, "an adapter that is not merged"),
    (with_more("score.weight"), {}, "a classifier or reward model: `score.weight`"),
    (with_more("v_head.summary.weight"), {}, "a classifier or reward model: `v_head"),
    (with_more("model.layers.0.mlp.router.weight"), {}, "hold 1 tensor that the model of"),
]


@pytest.mark.parametrize(("change", "fields", "said"), CAUSES)
def test_the_cause_is_named(
    base: Path, change: Change, fields: dict[str, object], said: str
) -> None:
    with pytest.raises(UsageProblem) as problem:
        from_folder(changed(base, change, **fields))
    assert said in problem.value.message
    assert "\n" not in problem.value.message
    assert problem.value.hint


def test_a_hostile_name_cannot_forge_a_line(base: Path) -> None:
    with pytest.raises(UsageProblem) as problem:
        from_folder(changed(base, with_more("x\nerror: forged\x1b[2J")))
    assert "\n" not in problem.value.message
    assert "\x1b" not in problem.value.message


def experts() -> tuple[dict[str, object], Stored]:
    config, model = made("mixtral", {})
    return config, in_files(model)


def test_one_part_of_one_expert_is_named_as_the_files_name_it() -> None:
    config, held = experts()
    lost = "model.layers.1.block_sparse_moe.experts.2.w3.weight"
    assert f"lack 1 tensor that `base/config.json` describes: `{lost}`" in refusal(
        config, {name: one for name, one in held.items() if name != lost}
    )


def test_an_expert_more_and_all_of_a_layer() -> None:
    config, held = experts()
    first = "model.layers.0.block_sparse_moe.experts.0.w1.weight"
    more = first.replace("experts.0", "experts.3")
    assert f"`{more}`" in refusal(config, held | {more: held[first]})
    bare = {name: one for name, one in held.items() if ".1.block_sparse_moe.experts" not in name}
    assert "lack 9 tensors" in refusal(config, bare)


def test_fused_and_single_experts_of_one_layer_are_refused() -> None:
    config, held = experts()
    fused = "model.layers.0.mlp.experts.gate_up_proj"
    shape = type(held[HEAD])("F32", (3, 80, 32))
    assert "has no place for" in refusal(config, held | {fused: shape})


def test_a_tied_head_may_be_stored_too_or_instead(base: Path) -> None:
    def twice(tensors: Tensors) -> Tensors:
        return tensors | {HEAD: tensors[EMBEDDING].clone()}

    facts = from_folder(changed(base, twice))
    assert facts.architecture.tied
    assert not facts.own_head

    def instead(tensors: Tensors) -> Tensors:
        return {name: one for name, one in tensors.items() if name != EMBEDDING}

    facts = from_folder(changed(base, instead))
    assert facts.architecture.tied
    assert not facts.own_head


@pytest.mark.parametrize("name", [HEAD, f"model.{HEAD}"])
def test_a_head_of_another_content_is_not_tied(base: Path, name: str) -> None:
    def other(tensors: Tensors) -> Tensors:
        head = tensors[EMBEDDING].clone()
        head[-1, -1] += 1
        return tensors | {name: head}

    facts = from_folder(changed(base, other))
    assert facts.own_head
    assert not facts.architecture.tied


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("florence2", "is a multimodal model of the kind `florence2`"),
        ("qwen2_5_vl", "are those of a decoder, without the vision tower"),
    ],
)
def test_a_wrapper_that_is_not_known_or_has_no_tower(kind: str, said: str, base: Path) -> None:
    inner = json.loads((base / "config.json").read_text()) | {"model_type": "llama"}
    bare = {"model_type": kind, "text_config": inner}
    if kind != "llava":
        bare |= {"tie_word_embeddings": True}
    (base / "config.json").write_text(json.dumps(bare))
    with pytest.raises(UsageProblem) as problem:
        from_folder(base)
    assert said in problem.value.message


def test_a_decoder_without_its_wrapper(base: Path) -> None:
    folder = changed(base, same, model_type="qwen3_vl_text")
    with pytest.raises(UsageProblem, match=r"decoder of a vision-language model \(`qwen3_vl_text`"):
        from_folder(folder)


@pytest.mark.parametrize("kind", [None, 7, {}, ["llama"]])
def test_a_wrapper_of_no_kind(kind: object, base: Path) -> None:
    inner = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({"model_type": kind, "text_config": inner}))
    with pytest.raises(UsageProblem, match="is a multimodal model of the kind"):
        from_folder(base)
