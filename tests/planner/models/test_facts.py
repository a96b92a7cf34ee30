"""Model facts of the folder that the repository ships, and of broken copies of it."""

import json
import shutil
from pathlib import Path

import pytest

from lockfiles.errors import UsageProblem
from planner.models.architecture import drops_scores, rescales
from planner.models.facts import Architecture, architecture, from_folder, parameter_count

BASE = Path(__file__).parents[3] / "runner" / "demo" / "base"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BASE, tmp_path / "base"))


def test_facts_of_the_shipped_base() -> None:
    facts = from_folder(BASE)
    assert facts.architecture == Architecture(
        family="llama", hidden=256, layers=3, heads=8, kv_heads=2, head_dim=32,
        intermediate=512, vocabulary=1024, tied=True, context=256,
        qk_norm=False, bias=False,
    )  # fmt: skip
    assert facts.parameters == parameter_count(facts.architecture) == 1_935_104
    assert facts.dtype == "BF16"
    assert (facts.revision, facts.commit, facts.license, facts.gated) == ("", "", "", False)
    assert {"model.safetensors", "tokenizer.json", "config.json"} <= {f.name for f in facts.files}


@pytest.mark.parametrize(
    ("change", "qk_norm", "bias"),
    [
        ({"model_type": "qwen3"}, True, False),
        ({"model_type": "gemma3_text"}, True, False),
        ({"model_type": "qwen2"}, False, True),
        ({"attention_bias": True}, False, True),
    ],
)
def test_norms_and_biases_of_families(change: dict[str, object], qk_norm: bool, bias: bool) -> None:
    config = json.loads((BASE / "config.json").read_text()) | change
    shape = architecture(config, "config.json")
    assert (shape.qk_norm, shape.bias) == (qk_norm, bias)


MINIMAL = {
    "hidden_size": 64, "num_hidden_layers": 12, "num_attention_heads": 4, "vocab_size": 96,
    "intermediate_size": 128, "max_position_embeddings": 512,
}  # fmt: skip


def read(family: str, **fields: object) -> Architecture:
    config = {"model_type": family, **MINIMAL, **fields}
    return architecture({k: v for k, v in config.items() if v is not None}, "config.json")


def test_a_multimodal_wrapper_is_read_as_its_decoder() -> None:
    text = {"hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34}
    config = {"model_type": "gemma3", "text_config": text | {"sliding_window": 1024}}
    shape = architecture(config, "config.json")
    assert (shape.family, shape.hidden, shape.heads, shape.kv_heads) == ("gemma3_text", 2560, 8, 4)
    assert (shape.vocabulary, shape.tied, shape.norms_per_layer) == (262_208, True, 4)
    assert parameter_count(shape) == 3_880_263_168


@pytest.mark.parametrize(
    ("family", "fields", "window", "every"),
    [
        ("mistral", {"sliding_window": 256}, 256, 0),
        ("mistral", {}, 4096, 0),
        ("gemma2", {}, 4096, 2),
        ("gemma3_text", {"sliding_window_pattern": 4}, 4096, 4),
        ("exaone4", {"sliding_window": 256, "sliding_window_pattern": "LLLG"}, 256, 4),
        ("qwen2", {"sliding_window": 256}, 0, 0),
        ("qwen2", {"sliding_window": 256, "use_sliding_window": True, "max_window_layers": 6},
         256, 2),
        ("qwen2", {"sliding_window": 256, "use_sliding_window": True, "max_window_layers": 12},
         0, 0),
        ("olmo3", {"sliding_window": 256, "layer_types": ["full_attention"] * 12}, 0, 0),
        ("olmo3", {"sliding_window": 256, "layer_types": ["sliding_attention"] * 12}, 256, 0),
    ],
)  # fmt: skip
def test_sliding_windows(family: str, fields: dict[str, object], window: int, every: int) -> None:
    shape = read(family, **fields)
    assert (shape.sliding_window, shape.sliding_every) == (window, every)


def test_a_window_that_is_null_is_none() -> None:
    config = {"model_type": "mistral", **MINIMAL, "sliding_window": None}
    assert architecture(config, "config.json").sliding_window == 0


def test_defaults_of_families_stand_where_the_file_is_silent() -> None:
    falcon = read("falcon", max_position_embeddings=None, intermediate_size=None)
    assert (falcon.kv_heads, falcon.intermediate, falcon.context) == (1, 256, 2048)
    assert (falcon.norms_per_layer, falcon.gated_mlp, falcon.tied) == (1, False, True)
    assert read("falcon", new_decoder_architecture=True, num_kv_heads=2).kv_heads == 2
    assert read("gemma").head_dim == 256
    assert read("gemma2").soft_cap
    assert not read("llama").tied


def test_facts_of_a_mixture() -> None:
    shape = read(
        "glm4_moe", n_routed_experts=16, n_shared_experts=2, num_experts_per_tok=4,
        moe_intermediate_size=32, first_k_dense_replace=1,
    )  # fmt: skip
    assert (shape.experts, shape.experts_per_token, shape.moe_intermediate) == (16, 4, 32)
    assert (shape.shared_intermediate, shape.dense_layers, shape.intermediate) == (64, 1, 128)


def test_the_experts_of_a_token_may_be_a_list_with_the_same_number_for_each_layer() -> None:
    listed = read("hunyuan_v1_moe", num_experts=16, moe_topk=[4] * 12)
    assert listed == read("hunyuan_v1_moe", num_experts=16, moe_topk=4)


@pytest.mark.parametrize(
    ("family", "fields", "message"),
    [
        ("abacus", {"kv_lora_rank": 512}, "multi-head latent attention"),
        ("mamba", {"state_size": 16}, "state-space layers"),
        ("olmo_hybrid", {"linear_key_head_dim": 128}, "linear attention"),
        ("qwen3_5_text", {"layer_types": ["conv"] * 12}, "of type `conv`"),
        ("qwen3_5_text", {"layer_types": ["linear_attention"]}, "but 1 in `layer_types`"),
        ("qwen3_5_text", {"layer_types": "linear_attention"}, "has no list of layers"),
        ("qwen3_5_text", {"linear_num_key_heads": 5, "linear_num_value_heads": 8}, "8 value heads"),
        ("qwen3_5_text", {"linear_conv_kernel_dim": 0}, "is not a positive integer"),
        ("qwen3_5_text", {"full_attention_interval": 1 << 30}, "is larger than"),
        ("hunyuan_v1_moe", {"num_experts": 4, "moe_topk": [2] * 11 + [1]}, "different numbers"),
        ("t5", {"is_encoder_decoder": True}, "an encoder"),
        ("gemma3_text", {"use_bidirectional_attention": True}, "attends in both directions"),
        ("abacus", {}, "is of the family `abacus`"),
        ("llama", {"layer_types": ["conv"] * 12}, "of type `conv`"),
        ("opt", {"word_embed_proj_dim": 32}, "narrower or wider than its layers"),
        ("qwen3_moe", {"moe_intermediate_size": 8, "decoder_sparse_step": 2}, "in some layers"),
        ("qwen3_moe", {"moe_intermediate_size": 8, "num_experts": 4, "num_experts_per_tok": 2,
                       "mlp_only_layers": [0, 3]}, "dense layers between"),
        ("qwen3_moe", {}, "has no field `moe_intermediate_size`"),
        ("mixtral", {"num_local_experts": "8"}, "is not a positive integer"),
        ("exaone4", {"sliding_window": 8, "sliding_window_pattern": 1.5}, "is not a positive int"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_with_one_sentence(
    family: str, fields: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageProblem) as caught:
        read(family, **fields)
    assert message in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("family", "fields", "drops"),
    [("llama", {}, False), ("llama", {"attention_dropout": 0}, False),
     ("llama", {"attention_dropout": 0.1}, True), ("seed_oss", {"attention_dropout": None}, True),
     ("seed_oss", {"attention_dropout": 0.0}, False)],
)  # fmt: skip
def test_whether_attention_drops_scores(
    copy: Path, family: str, fields: dict[str, object], drops: bool
) -> None:
    config = json.loads((copy / "config.json").read_text()) | {"model_type": family} | fields
    assert drops_scores(config, "config.json") == drops
    (copy / "config.json").write_text(json.dumps(config))
    if family == "llama":
        assert from_folder(copy).drops_scores == drops


@pytest.mark.parametrize(
    ("fields", "scaled"),
    [({}, False), ({"rope_scaling": None}, False),
     ({"rope_scaling": {"type": "dynamic", "factor": 2.0}}, True),
     ({"rope_parameters": {"rope_type": "dynamic", "factor": 2.0}}, True),
     ({"rope_parameters": {"rope_type": "dynamic", "factor": 1, "alpha": 9.0}}, False),
     ({"rope_parameters": {"rope_type": "linear", "factor": 2.0}}, False),
     ({"rope_parameters": {"full_attention": {"rope_type": "dynamic"}}}, True)],
)  # fmt: skip
def test_whether_positions_are_scaled_in_each_pass(
    copy: Path, fields: dict[str, object], scaled: bool
) -> None:
    config = json.loads((copy / "config.json").read_text()) | fields
    assert rescales(config, "config.json") == scaled
    if "full_attention" not in str(fields):  # which Llama has not
        (copy / "config.json").write_text(json.dumps(config))
        assert from_folder(copy).rescales == scaled


@pytest.mark.parametrize(
    ("card", "license"),
    [
        ("---\nlanguage: en\nlicense: apache-2.0\n---\n# A model\n", "apache-2.0"),
        ('---\r\nlicense: "mit"\r\n---\r\n', "mit"),
        ("---\nlanguage: en\n---\nlicense: mit\n", ""),
        ("license: mit\n", ""),
    ],
)
def test_the_license_is_read_from_the_model_card(copy: Path, card: str, license: str) -> None:
    (copy / "README.md").write_bytes(card.encode())
    assert from_folder(copy).license == license


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("hidden_size", None, "has no field `hidden_size`"),
        ("hidden_size", "wide", "`hidden_size` in"),
        ("vocab_size", 0, "is not a positive integer"),
        ("num_attention_heads", True, "is not a positive integer"),
        ("model_type", 3, "is not a short text"),
    ],
)
def test_a_wrong_field_is_named(copy: Path, field: str, value: object, message: str) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {field: value}))
    with pytest.raises(UsageProblem) as caught:
        from_folder(copy)
    assert message in caught.value.message


def test_a_missing_folder_and_missing_weights(copy: Path) -> None:
    with pytest.raises(UsageProblem, match="does not exist"):
        from_folder(copy / "nowhere")
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(UsageProblem, match="has no") as caught:
        from_folder(copy)
    assert caught.value.hint


def test_a_model_folder_that_is_a_file_is_said_to_exist(copy: Path) -> None:
    with pytest.raises(UsageProblem, match="is a file, not the folder of a model") as caught:
        from_folder(copy / "config.json")
    assert f"ls {copy}" in caught.value.hint


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000])
def test_a_broken_config_is_one_sentence(copy: Path, content: str) -> None:
    (copy / "config.json").write_text(content)
    with pytest.raises(UsageProblem, match="is not"):
        from_folder(copy)


def test_torn_weights_are_refused(copy: Path) -> None:
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(UsageProblem, match="torn"):
        from_folder(copy)


NORM = "model.norm.weight"


def test_weights_are_those_that_training_loads(copy: Path) -> None:
    whole = from_folder(copy)
    shutil.copy(copy / "model.safetensors", copy / "consolidated.safetensors")
    assert from_folder(copy) == whole
    (copy / "model.safetensors").rename(copy / "model-00001-of-00001.safetensors")
    index = copy / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {NORM: "model-00001-of-00001.safetensors"}}))
    assert from_folder(copy).parameters == whole.parameters
    for named in ("model-00002-of-00002.safetensors", "../model.safetensors"):
        index.write_text(json.dumps({"weight_map": {NORM: named}}))
        with pytest.raises(UsageProblem, match=f"names `{named}`, which is missing"):
            from_folder(copy)
    index.write_text("{}")
    with pytest.raises(UsageProblem, match="names no file"):
        from_folder(copy)
