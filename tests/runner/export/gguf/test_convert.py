"""GGUF export: tokens and template are kept, and the files load and answer."""

import json
import shutil
from pathlib import Path

import pytest

import runner.demo

gguf = pytest.importorskip("gguf")
pytest.importorskip("llama_cpp")
transformers = pytest.importorskip("transformers")

from lockfiles.errors import RunFailed, UsageProblem  # noqa: E402
from planner.gguf.check import check  # noqa: E402
from planner.gguf.tokenizer import pre_tokenizer_of  # noqa: E402
from runner.export.gguf import native  # noqa: E402
from runner.export.gguf.convert import convert  # noqa: E402
from tests.few import few  # noqa: E402
from tests.runner.export.gguf.random_models import (  # noqa: E402
    CASES,
    TEXTS,
    VOCAB_SIZE,
    build,
    tokenizer,
)

BASE = Path(runner.demo.__file__).parent / "base"


@pytest.fixture(scope="module", params=sorted(CASES))
def model_dir(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp(request.param) / "model", request.param)


def test_f16_keeps_every_tensor(model_dir: Path, tmp_path: Path) -> None:
    facts = convert(model_dir, tmp_path / "m.gguf", "f16")
    assert facts.fallbacks == () and set(facts.tensor_types) == {"F32", "F16"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.gguf"]


def test_tokens_and_template_are_kept(model_dir: Path, tmp_path: Path) -> None:
    facts = convert(model_dir, tmp_path / "m.gguf", "f16")
    reference = transformers.AutoTokenizer.from_pretrained(model_dir)
    assert native.tokenize(facts.path, TEXTS) == [reference(text).input_ids for text in TEXTS]
    fields = gguf.GGUFReader(facts.path).fields
    assert fields["tokenizer.chat_template"].contents() == reference.chat_template
    assert fields["tokenizer.ggml.eos_token_id"].contents() == reference.eos_token_id
    assert fields["tokenizer.ggml.padding_token_id"].contents() == reference.pad_token_id
    assert len(fields["tokenizer.ggml.tokens"].contents()) == VOCAB_SIZE


def test_single_digits_are_split(tmp_path: Path) -> None:
    folder = build(tmp_path / "model", "llama")
    tokenizer("smollm").save_pretrained(folder)
    facts = convert(folder, tmp_path / "m.gguf", "f16")
    reference = transformers.AutoTokenizer.from_pretrained(folder)
    assert native.tokenize(facts.path, TEXTS) == [reference(text).input_ids for text in TEXTS]


def test_shards_give_the_same_file(tmp_path: Path) -> None:
    folder = build(tmp_path / "model", "qwen2")
    whole = convert(folder, tmp_path / "whole.gguf", "q8_0")
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="1MB")
    assert convert(folder, tmp_path / "shards.gguf", "q8_0").tensors_sha256 == whole.tensors_sha256
    next(folder.glob("model-00001-*")).unlink()
    with pytest.raises(UsageProblem, match="model-00001-"):
        convert(folder, tmp_path / "m.gguf", "q8_0")


@pytest.mark.parametrize("level", few(["q4_k_m", "q8_0"]))
def test_quantised_files_load_and_answer(model_dir: Path, tmp_path: Path, level: str) -> None:
    facts = convert(model_dir, tmp_path / "m.gguf", level)
    messages = [{"role": "user", "content": "Hello world"}]
    answers = native.sample(facts.path, [messages, messages], max_tokens=8, context_tokens=128)
    assert answers[0] == answers[1] and answers[0]
    assert facts.fallbacks == ()
    assert {"q8_0": "Q8_0", "q4_k_m": "Q4_K"}[level] in facts.tensor_types
    again = convert(model_dir, tmp_path / "again.gguf", level)
    assert again.tensors_sha256 == facts.tensors_sha256


def test_odd_row_widths_are_reported(tmp_path: Path) -> None:
    folder = build(tmp_path / "model", "qwen2", intermediate_size=480)
    facts = convert(folder, tmp_path / "m.gguf", "q4_k_m")
    assert [line.split(":")[0] for line in facts.fallbacks] == [
        "blk.0.ffn_down.weight",
        "blk.1.ffn_down.weight",
    ]


def test_unknown_inputs_are_refused(tmp_path: Path) -> None:
    folder = build(tmp_path / "model", "qwen2")
    with pytest.raises(UsageProblem, match="`q9`"):
        convert(folder, tmp_path / "m.gguf", "q9")
    path = folder / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "architectures": ["MambaForCausalLM"]}))
    with pytest.raises(UsageProblem, match=r"MambaForCausalLM.*`LlamaForCausalLM`") as caught:
        convert(folder, tmp_path / "m.gguf", "f16")
    assert "gguf = []" in caught.value.hint
    check(folder, trained=True)  # training saves it under the name of its family
    with pytest.raises(UsageProblem, match="MambaForCausalLM"):
        check(folder)
    broken = json.loads((folder / "tokenizer.json").read_text())
    broken["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "x+"
    with pytest.raises(UsageProblem, match=r"x\+"):
        pre_tokenizer_of(broken)
    broken["pre_tokenizer"] = {"type": "Metaspace"}
    with pytest.raises(UsageProblem, match="SentencePiece-like"):
        pre_tokenizer_of(broken)


def test_an_abort_ends_the_child_only(tmp_path: Path) -> None:
    facts = convert(build(tmp_path / "model", "qwen2"), tmp_path / "m.gguf", "f16")
    data = bytearray(facts.path.read_bytes())
    name = b"output_norm.weight"
    kind = data.index(name) + len(name) + 4 + 8  # after the dimension count and one dimension
    data[kind] = gguf.GGMLQuantizationType.I32
    facts.path.write_bytes(data)
    with pytest.raises(RunFailed, match="`logits` was ended by signal 6"):
        native.logits(facts.path, [5, 6, 7])


def test_a_broken_file_ends_the_child_only(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(64))
    with pytest.raises(RunFailed, match="`tokenize` ended with exit code 1"):
        native.tokenize(broken, ["text"])


BROKEN = [
    ("model.safetensors.index.json", '{"weight_map": {"a', "is not valid JSON"),
    ("model.safetensors.index.json", "[]", "is not a JSON object"),
    ("model.safetensors.index.json", "{}", "names no file"),
    (
        "model.safetensors.index.json",
        '{"weight_map": {"a": "../b"}}',
        "names `../b`, which is",
    ),
    (
        "model.safetensors.index.json",
        '{"weight_map": {"a": "gone"}}',
        "names `gone`, which is missing",
    ),
    ("model.safetensors", "torn", "is not a complete safetensors file"),
    ("tokenizer.json", '{"version": "1.0", "mod', "is not valid JSON"),
    ("tokenizer.json", "{}", "is not a valid tokenizer: it has no field `model`"),
    ("tokenizer_config.json", '{"eos_token"', "is not valid JSON"),
    ("config.json", "", "is not valid JSON"),
    ("config.json", '{"architectures": ["LlamaForCausalLM"]}', "has no field `vocab_size`"),
]


@pytest.mark.parametrize(("name", "content", "message"), BROKEN)
def test_a_broken_file_is_one_sentence(
    name: str, content: str, message: str, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(BASE, folder)
    (folder / name).write_text(content)
    if name.endswith(".index.json"):
        (folder / "model.safetensors").unlink()
    with pytest.raises(UsageProblem) as caught:
        convert(folder, tmp_path / "m.gguf", "f16")
    assert message in caught.value.message and "\n" not in caught.value.message
    assert caught.value.hint
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


def test_a_shape_that_its_bytes_do_not_fill_is_refused(tmp_path: Path) -> None:
    shutil.copytree(BASE, tmp_path / "model")
    weights = tmp_path / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes().replace(b"[1024,256]", b"[1024,128]", 1))
    with pytest.raises(UsageProblem, match=r"`model.embed_tokens.weight` has a length that"):
        convert(tmp_path / "model", tmp_path / "m.gguf", "f16")
