"""Small random models of each family, with tokenizers trained on a few sentences."""

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers  # noqa: E402

from planner.gguf.tokenizer import SPLITS  # noqa: E402

VOCAB_SIZE = 448
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
MODELS = CASES | {
    "mistral": ("Mistral", {"sliding_window": 512, "tie_word_embeddings": False}, "llama-bpe")
}
"""One of each family; CASES are those that every test of an export tries."""


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


def tokenizer(pre: str) -> Any:
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
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner,
        bos_token="<|begin|>",
        eos_token="<|im_end|>",
        pad_token="<|pad|>",
    )
    made.chat_template = TEMPLATE
    return made


def network(case: str, *, seed: int = 7, **changes: Any) -> Any:
    """A float32 model of a family, each of whose weights bfloat16 holds without loss."""
    family, options, _ = MODELS[case]
    torch.manual_seed(seed)
    config = getattr(transformers, f"{family}Config")(**{**SIZES, **options, **changes})
    model = getattr(transformers, f"{family}ForCausalLM")(config).eval()
    with torch.no_grad():
        for values in model.parameters():
            if values.dim() == 1:  # norms and biases of a trained model are not all ones and zeros
                values.add_(torch.randn_like(values) * 0.2)
            values.copy_(values.bfloat16())
    return model


def save(model: Any, folder: Path, case: str) -> Path:
    """Writes a model in bfloat16, and the family's tokenizer, as a model folder."""
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer(MODELS[case][2]).save_pretrained(folder)
    return folder


def build(folder: Path, case: str, **changes: Any) -> Path:
    """Makes and writes a model of a family."""
    return save(network(case, **changes), folder, case)
