"""Headers, configurations and indexes that no program wrote: one sentence each, fast and small."""

import json
import shutil
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lockfiles import digest
from lockfiles.errors import TunelockError, UsageProblem
from planner.data.tokens.encode import load_tokenizer
from planner.data.tokens.example import completion
from planner.data.tokens.special_tokens import special_tokens
from planner.models.facts import from_folder
from tests.trust.hostile_models import BASE, INDEX, read_safetensors, shard, write_safetensors

SECONDS = 2.0
MEMORY_BYTES = 300 << 20


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BASE, tmp_path / "base"))


def tensor(**fields: object) -> dict[str, object]:
    return {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]} | fields


HEADERS: dict[str, tuple[object, bytes]] = {
    "dimensions": ({"a": tensor(shape=[1] * 200_000)}, b"1"),
    "size": ({"a": tensor(shape=[10**18])}, b"1"),
    "digits": (
        b'{"a": {"dtype": "U8", "shape": [' + b"9" * 4000 + b'], "data_offsets": [0,1]}}',
        b"",
    ),
    "more digits": (b'{"a": ' + b"9" * 5000 + b"}", b"1"),
    "negative": ({"a": tensor(shape=[-1])}, b"1"),
    "negative offset": ({"a": tensor(data_offsets=[-1, 0])}, b"1"),
    "backwards": ({"a": tensor(data_offsets=[1, 0])}, b"1"),
    "a flag": ({"a": tensor(shape=[True])}, b"1"),
    "a fraction": ({"a": tensor(shape=[1.0])}, b"1"),
    "infinity": (b'{"a": {"dtype": "U8", "shape": [1e999], "data_offsets": [0,1]}}', b"1"),
    "overlap": ({"a": tensor(), "b": tensor()}, b"1"),
    "gap": ({"a": tensor(), "b": tensor(data_offsets=[2, 3])}, b"123"),
    "unknown dtype": ({"a": tensor(dtype="F12")}, b"1"),
    "dtype of another kind": ({"a": tensor(dtype=["U8"])}, b"1"),
    "other length": ({"a": tensor(shape=[2])}, b"1"),
    "more fields": ({"a": tensor(code="x")}, b"1"),
    "metadata": ({"__metadata__": {"a": {"b": 1}}, "a": tensor()}, b"1"),
    "metadata list": ({"__metadata__": [], "a": tensor()}, b"1"),
    "twice": (b'{"a": {"dtype":"U8","shape":[1],"data_offsets":[0,1]}, "a": 1}', b"1"),
    "no UTF-8": (b'{"\xff": 1}', b"1"),
    "half a character": (b'{"\\ud800": {"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"1"),
    "deep": (b"[" * 900_000, b""),
    "many values": (b'{"a":[' + b"[]," * 5_000_000 + b"[]]}", b""),
    "long": (b'{"a":"' + b"x" * (100 << 20) + b'"}', b""),
    "no tensors": ({}, b""),
    "hostile name": ({"a\n\x1b[2Jerror: x": tensor(dtype="\u202e")}, b"1"),
}


@pytest.fixture
def bounded() -> Iterator[None]:
    """Hold what a test does to a time and an amount of Python's memory."""
    begun = time.monotonic()
    tracemalloc.start(1)
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.monotonic() - begun < 5 * SECONDS  # tracing takes most of it
    assert peak < MEMORY_BYTES


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_is_wrong_is_one_sentence(base: Path, name: str, bounded: None) -> None:
    path = base / "model.safetensors"
    write_safetensors(path, *HEADERS[name])
    with pytest.raises(UsageProblem) as refused:
        from_folder(base)
    one_line(refused.value)
    if name != "no tensors":
        with pytest.raises(UsageProblem):
            digest.of_tensors([path])


def one_line(problem: TunelockError) -> None:
    """Check that an error is one sentence of a bounded length, with a hint."""
    assert "\n" not in problem.message and "\x1b" not in problem.message
    assert "\u202e" not in problem.message
    assert len(problem.message) < 1500 and problem.hint


def test_every_type_of_safetensors_is_read(tmp_path: Path) -> None:
    header, at = {}, 0
    for name, bits in digest.DTYPE_BITS.items():
        header[name] = {"dtype": name, "shape": [2, 4], "data_offsets": [at, at + bits]}
        at += bits
    header["empty"] = {"dtype": "F32", "shape": [0, 5], "data_offsets": [at, at]}
    header["scalar"] = {"dtype": "F32", "shape": [], "data_offsets": [at, at + 4]}
    write_safetensors(tmp_path / "a", {"__metadata__": {"format": "pt"}} | header, bytes(at + 4))
    assert len(digest.safetensors_header(tmp_path / "a")[1]) == len(header) + 1


CONFIGS: dict[str, dict[str, Any]] = {
    "layers": {"num_hidden_layers": 10**9},
    "vocabulary": {"vocab_size": 10**12},
    "hidden": {"hidden_size": 10**400},
    "context": {"max_position_embeddings": 10**18},
    "negative": {"num_hidden_layers": -1},
    "a flag": {"num_hidden_layers": True},
    "a text": {"num_hidden_layers": "3"},
    "not a number": {"hidden_size": float("nan")},
    "infinite": {"rms_norm_eps": float("inf")},
    "infinite inside": {"rope_parameters": {"rope_theta": float("inf"), "rope_type": "default"}},
    "family": {"model_type": "x" * (1 << 20)},
    "family of another kind": {"model_type": ["llama"]},
    "hostile family": {"model_type": "a\nerror: \x1b[2J\u202e"},
    "heads": {"num_attention_heads": 7},
    "key heads": {"num_key_value_heads": 3},
    "more layers than weights": {"num_hidden_layers": 30},
    "wider than weights": {"hidden_size": 1024, "head_dim": 128},
    "quantized": {"quantization_config": {"quant_method": "gptq"}},
    "quantized by code": {"quantization_config": "auto_map"},
    "encoder": {"is_encoder_decoder": True},
    "layer types": {"layer_types": ["x" * 100_000] * 3, "sliding_window": 4},
    "no window": {"layer_types": ["sliding_attention"] * 3},
    "inner": {"text_config": {"model_type": "llama", "hidden_size": 10**30}},
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_configuration_that_is_wrong_is_one_sentence(
    base: Path, name: str, bounded: None
) -> None:
    path = base / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | CONFIGS[name]))
    with pytest.raises(UsageProblem) as refused:
        from_folder(base)
    one_line(refused.value)


KINDS: dict[str, dict[str, Any]] = {
    "config.json": {
        "dtype": "int8", "torch_dtype": 5, "rms_norm_eps": "x", "tie_word_embeddings": 1,
        "pad_token_id": "0", "eos_token_id": [2, "x"], "hidden_act": ["silu"],
        "rope_parameters": {"rope_type": "evil"}, "architectures": "LlamaForCausalLM",
        "rope_scaling": {"type": "linear", "factor": 0}, "rope_theta": -1.0,
        "hidden_activation": "evil", "num_labels": 10**7, "id2label": {"x": "y"},
        "is_causal": False, "return_dict": False, "output_attentions": True,
        "experts_implementation": "kernels-community/evil", "initializer_range": 0,
        "attention_dropout": 5.0, "pretraining_tp": "x", "layer_types": ["full_attention"],
    },
    "generation_config.json": {"eos_token_id": {}, "temperature": "hot", "do_sample": "no"},
    "tokenizer_config.json": {
        "pad_token": 5, "eos_token": {"content": ["x"]}, "padding_side": "up",
        "model_max_length": "long",
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("file", "key"), [(file, key) for file, values in KINDS.items() for key in values]
)
def test_a_value_of_another_kind_is_refused_before_anything_is_loaded(
    base: Path, file: str, key: str
) -> None:
    path = base / file
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: KINDS[file][key]}))
    with pytest.raises(UsageProblem, match=f"`{key}` in `") as refused:
        from_folder(base)
    one_line(refused.value)


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("key", ["__class__", "to_dict", "per_layer_config", "_auto_class"])
def test_no_field_takes_the_place_of_a_method(base: Path, key: str, inside: bool) -> None:
    path = base / "config.json"
    values = json.loads(path.read_text())
    fields = values | {key: 5}
    path.write_text(json.dumps(values | {"text_config": fields} if inside else fields))
    with pytest.raises(UsageProblem, match=f"has the reserved field `{key}`") as refused:
        from_folder(base)
    one_line(refused.value)


@pytest.mark.parametrize(
    ("pad", "said"),
    [([1, 2], "must be null or an integer"), (1024, "must be one token id below `vocab_size`")],
)
def test_padding_has_a_row_in_the_embedding(base: Path, pad: object, said: str) -> None:
    path = base / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pad_token_id": pad}))
    with pytest.raises(UsageProblem, match=said):
        from_folder(base)


TEXTS = {
    "many values": b'{"a":[' + b"[]," * 1_000_000 + b"1]}",
    "long": b'{"a":"' + b"x" * (8 << 20) + b'"}',
    "deep": b'{"a":' * 100_000,
    "twice": b'{"hidden_size": 1, "hidden_size": 2}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "zeros": bytes(100),
    "digits": b'{"hidden_size": ' + b"9" * 5000 + b"}",
    "half": b'{"model_type": "\\ud800"}',
}


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("file", ["config.json", INDEX])
def test_a_text_that_no_program_wrote_is_one_sentence(
    base: Path, file: str, text: str, bounded: None
) -> None:
    if file == INDEX:
        shard(base)
    (base / file).write_bytes(TEXTS[text])
    with pytest.raises(UsageProblem) as refused:
        from_folder(base)
    one_line(refused.value)


def test_folders_and_headers_have_a_greatest_number(tmp_path: Path, base: Path) -> None:
    for number in range(10_001):
        (base / f"{number}.txt").touch()
    with pytest.raises(UsageProblem, match="has more than 10,000 entries"):
        from_folder(base)
    folder = Path(shutil.copytree(BASE, tmp_path / "many"))
    names = [f"model-{number:05}.safetensors" for number in range(2001)]
    for name in names:
        (folder / name).touch()
    (folder / "model.safetensors").unlink()
    (folder / INDEX).write_text(json.dumps({"weight_map": {name: name for name in names}}))
    with pytest.raises(UsageProblem, match="names more than 2,000 files"):
        from_folder(folder)


@pytest.mark.parametrize("value", [10**30, -1, True, 1.5, "2", [2, "x", None], {"a": 1}])
def test_special_tokens_of_other_kinds_are_passed_over(base: Path, value: object) -> None:
    for name in ("config.json", "generation_config.json"):
        path = base / name
        path.write_text(json.dumps(json.loads(path.read_text()) | {"eos_token_id": value}))
    rows = [completion((5, 2), (-100, 2))]
    found = special_tokens(base, load_tokenizer(base), rows)
    assert found.end_ids == (2,)


def test_the_weights_of_the_demo_are_read_as_before() -> None:
    header, _ = read_safetensors(BASE / "model.safetensors")
    assert digest.safetensors_header(BASE / "model.safetensors")[1] == header
