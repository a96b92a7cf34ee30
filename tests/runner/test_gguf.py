"""GGUF export against transformers: logits, tokens, template, and files that load and answer."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
gguf = pytest.importorskip("gguf")
pytest.importorskip("llama_cpp")
transformers = pytest.importorskip("transformers")

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers  # noqa: E402

from lockfiles.errors import RunFailed, UsageProblem  # noqa: E402
from runner.stages.gguf import native  # noqa: E402
from runner.stages.gguf.convert import convert  # noqa: E402
from runner.stages.gguf.vocabulary import SPLITS, pre_tokenizer_of  # noqa: E402

VOCAB_SIZE = 448
NEAR_TIE = 0.005
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEXTS = [
    "Hello world, it's 2026 and 12345 files!",
    "  leading spaces\n\n\ttabs\r\nand lines   ",
    "Grüße, 你好 🙂 naïve",
    "<|im_start|>user\nWhat's 7*8?<|im_end|>\n",
]
SIZES: dict[str, Any] = {
    "vocab_size": VOCAB_SIZE,
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "initializer_range": 0.08,
}
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
CASES: dict[str, tuple[str, dict[str, Any], str]] = {
    "llama": ("Llama", {"rope_parameters": LLAMA3_ROPE, "tie_word_embeddings": True}, "llama-bpe"),
    "qwen2": ("Qwen2", {"tie_word_embeddings": False}, "qwen2"),
    "qwen3": ("Qwen3", {"head_dim": 128, "tie_word_embeddings": True}, "gpt-2"),
}


def _pre_tokenizer(pre: str) -> Any:
    words = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if pre == "gpt-2":
        return words
    if pre == "smollm":
        return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), words])
    pattern = next(regex for regex, name in SPLITS.items() if name == pre)
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([split, level])


def _tokenizer(pre: str) -> Any:
    special = ["<|begin|>", "<|im_end|>", "<|im_start|>", "<|pad|>"]
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = _pre_tokenizer(pre)
    inner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    inner.train_from_iterator([*TEXTS, "the user said hello to the world"] * 4, trainer)
    if pre == "llama-bpe":
        inner.post_processor = processors.TemplateProcessing(
            single="<|begin|> $A", special_tokens=[("<|begin|>", 0)]
        )
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner,
        bos_token="<|begin|>",
        eos_token="<|im_end|>",
        pad_token="<|pad|>",
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def _build(folder: Path, case: str, **changes: Any) -> Path:
    family, options, pre = CASES[case]
    torch.manual_seed(7)
    config = getattr(transformers, f"{family}Config")(**{**SIZES, **options, **changes})
    model = getattr(transformers, f"{family}ForCausalLM")(config).to(torch.bfloat16)
    with torch.no_grad():  # norms and biases of a trained model are not all ones and zeros
        for values in model.parameters():
            if values.dim() == 1:
                values.add_(torch.randn_like(values) * 0.2)
    model.save_pretrained(folder)
    _tokenizer(pre).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=sorted(CASES))
def model_dir(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _build(tmp_path_factory.mktemp(request.param) / "model", request.param)


def test_f16_agrees_with_transformers(model_dir: Path, tmp_path: Path) -> None:
    facts = convert(model_dir, tmp_path / "m.gguf", "f16")
    model = transformers.AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32)
    ids = torch.randint(4, 300, (1, 120), generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        wanted = model(ids).logits[0].numpy()
    found = np.array(native.logits(facts.path, ids[0].tolist()))
    difference = float(np.abs(found - wanted).max())
    print(f"greatest logit difference: {difference:.5f} of {np.abs(wanted).max():.2f}")
    # llama.cpp rounds activations to float16: only a near tie may fall the other way.
    best = np.sort(wanted, -1)
    clear = best[:, -1] - best[:, -2] > NEAR_TIE
    assert (found.argmax(-1) == wanted.argmax(-1))[clear].all()
    assert clear.mean() > 0.95
    assert difference < 0.03
    assert facts.fallbacks == () and set(facts.tensor_types) == {"F32", "F16"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.gguf"]


def test_tokens_and_template_are_kept(model_dir: Path, tmp_path: Path) -> None:
    facts = convert(model_dir, tmp_path / "m.gguf", "f16")
    tokenizer = transformers.AutoTokenizer.from_pretrained(model_dir)
    assert native.tokenize(facts.path, TEXTS) == [tokenizer(text).input_ids for text in TEXTS]
    fields = gguf.GGUFReader(facts.path).fields
    assert fields["tokenizer.chat_template"].contents() == tokenizer.chat_template
    assert fields["tokenizer.ggml.eos_token_id"].contents() == tokenizer.eos_token_id
    assert fields["tokenizer.ggml.padding_token_id"].contents() == tokenizer.pad_token_id
    assert len(fields["tokenizer.ggml.tokens"].contents()) == VOCAB_SIZE


def test_single_digits_are_split(tmp_path: Path) -> None:
    folder = _build(tmp_path / "model", "llama")
    _tokenizer("smollm").save_pretrained(folder)
    facts = convert(folder, tmp_path / "m.gguf", "f16")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert native.tokenize(facts.path, TEXTS) == [tokenizer(text).input_ids for text in TEXTS]


def test_shards_give_the_same_file(tmp_path: Path) -> None:
    folder = _build(tmp_path / "model", "qwen2")
    whole = convert(folder, tmp_path / "whole.gguf", "q8_0")
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="1MB")
    assert convert(folder, tmp_path / "shards.gguf", "q8_0").tensors_sha256 == whole.tensors_sha256
    next(folder.glob("model-00001-*")).unlink()
    with pytest.raises(UsageProblem, match="model-00001-"):
        convert(folder, tmp_path / "m.gguf", "q8_0")


@pytest.mark.parametrize("level", ["q8_0", "q4_k_m"])
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
    folder = _build(tmp_path / "model", "qwen2", intermediate_size=480)
    facts = convert(folder, tmp_path / "m.gguf", "q4_k_m")
    assert [line.split(":")[0] for line in facts.fallbacks] == [
        "blk.0.ffn_down.weight",
        "blk.1.ffn_down.weight",
    ]


def test_unknown_inputs_are_refused(tmp_path: Path) -> None:
    folder = _build(tmp_path / "model", "qwen2")
    with pytest.raises(UsageProblem, match="`q9`"):
        convert(folder, tmp_path / "m.gguf", "q9")
    path = folder / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "architectures": ["MambaForCausalLM"]}))
    with pytest.raises(UsageProblem, match=r"MambaForCausalLM.*`LlamaForCausalLM`"):
        convert(folder, tmp_path / "m.gguf", "f16")
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "x+"
    with pytest.raises(UsageProblem, match=r"x\+"):
        pre_tokenizer_of(tokenizer)
    tokenizer["pre_tokenizer"] = {"type": "Metaspace"}
    with pytest.raises(UsageProblem, match="SentencePiece"):
        pre_tokenizer_of(tokenizer)


def test_an_abort_ends_the_child_only(tmp_path: Path) -> None:
    facts = convert(_build(tmp_path / "model", "qwen2"), tmp_path / "m.gguf", "f16")
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
