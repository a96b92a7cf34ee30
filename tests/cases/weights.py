"""Changes of the base's weights: what is wrong with them, and what is as good."""

import json
from pathlib import Path

from tests.cases import models, stored
from tests.cases.models import Change
from tests.cases.stored import Tensor, zeros

UP = "model.layers.1.mlp.up_proj.weight"


NORM = "model.layers.0.post_attention_layernorm.weight"


WIDTH, INNER, KEYS, VOCABULARY = 256, 512, 64, 1024
"""Of the base: its width, that of its MLP, of its keys and values, and its tokens."""


def prefixed(prefix: str) -> Change:
    """Return the change to names with a prefix."""
    return models.renamed(lambda name: f"{prefix}{name}")


def shaped(name: str, *shape: int) -> Change:
    """Return the change of one tensor's shape."""
    return models.tensors(lambda found: found | {name: zeros("BF16", *shape)})


def without_layer(number: int) -> Change:
    """Return the change that leaves a layer's tensors out."""
    start = f"model.layers.{number}."
    return models.tensors(
        lambda found: {name: one for name, one in found.items() if not name.startswith(start)}
    )


def layer_more(found: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors with the last layer once more."""
    last = {name: one for name, one in found.items() if name.startswith("model.layers.1.")}
    return found | {name.replace("layers.1", "layers.2"): one for name, one in last.items()}


# transformers 46736 and LLaMA-Factory 5436; unsloth 733 (norms); InternVL 666 (the head);
# pytorch 101107, nanoGPT 325, train-llm-from-scratch 36 (`_orig_mod.`); llama.cpp 5367 (keys),
# 9235 (MLP), 21172 (a layer); mlc-llm PR 3494 (biases); transformers 28073 (shapes).
WRONG: dict[str, tuple[Change, str]] = {
    "tensor-missing": (models.without(UP), UP),
    "layer-missing": (models.config(num_hidden_layers=3), "model.layers.2."),
    "middle-layer-missing": (without_layer(0), "model.layers.0."),
    "norm-missing": (models.without(NORM), NORM),
    "last-norm-missing": (models.without("model.norm.weight"), "model.norm.weight"),
    "embedding-missing": (models.without("model.embed_tokens.weight"), "embed_tokens"),
    "untied-no-head": (models.config(tie_word_embeddings=False), "lm_head.weight"),
    "vocabulary": (models.config(vocab_size=1088), "vocab_size"),
    "compiled": (prefixed("_orig_mod."), "_orig_mod."),
    "data-parallel": (prefixed("module."), "module."),
    "peft-prefix": (prefixed("base_model.model."), "base_model.model."),
    "renamed": (models.renamed(lambda name: name.replace("up_proj", "w3")), "proj"),
    "layer-more": (models.tensors(layer_more), "model.layers.2."),
    "adapter-left-in": (
        models.more(model__layers__0__self_attn__q_proj__lora_A__weight=zeros("BF16", 8, WIDTH)),
        "lora_A",
    ),
    "bias-more": (
        models.more(model__layers__0__self_attn__q_proj__bias=zeros("BF16", WIDTH)), "bias",
    ),
    "bias-missing": (models.config(attention_bias=True), "bias"),
    "mlp-bias-missing": (models.config(mlp_bias=True), "bias"),
    "heads": (models.config(num_key_value_heads=4), "k_proj"),
    "head-width": (models.config(head_dim=64), "proj"),
    "mlp-width": (models.config(intermediate_size=768), "proj"),
    "transposed": (shaped(UP, WIDTH, INNER), UP),
    "flat": (shaped(UP, WIDTH * INNER), UP),
    "empty": (shaped(UP, 0, WIDTH), UP),
    "short-norm": (shaped(NORM, WIDTH // 2), NORM),
    "head-of-other-size": (
        models.everything(
            models.config(tie_word_embeddings=False), shaped("lm_head.weight", 1000, WIDTH)
        ),
        "lm_head",
    ),
    "classifier": (models.more(score__weight=zeros("BF16", 2, WIDTH)), "score.weight"),
}  # fmt: skip


def one_for_another(found: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors of the same number of elements, one of them under another name."""
    other = UP.replace("up_proj", "w3")
    return {(other if name == UP else name): one for name, one in found.items()}


def inv_freq(found: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors with the constants of Llama 2's files."""
    name = "model.layers.{}.self_attn.rotary_emb.inv_freq"
    return found | {name.format(n): zeros("F32", 16) for n in range(models.LAYERS)}


def of_type(dtype: str) -> Change:
    """Return the change of the stored type."""
    return models.tensors(
        lambda found: {name: zeros(dtype, *one.shape) for name, one in found.items()}
    )


def mixed(found: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors with norms in 32 bits."""
    return {
        name: zeros("F32", *one.shape) if "norm" in name else one for name, one in found.items()
    }


def tied_head(found: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors with a copy of the embedding as the head."""
    return found | {"lm_head.weight": found["model.embed_tokens.weight"]}


# PaddleNLP 5720 (`inv_freq`); heads that were saved though they are tied.
FINE: dict[str, Change] = {
    "inv_freq": models.tensors(inv_freq),
    "tied-head-stored": models.tensors(tied_head),
    "own-head": models.everything(
        models.config(tie_word_embeddings=False), models.tensors(tied_head)
    ),
    "float16": models.everything(of_type("F16"), models.config(dtype="float16")),
    "float32": models.everything(of_type("F32"), models.config("dtype", torch_dtype="float32")),
    "norms-in-32-bits": models.tensors(mixed),
}


def sharded(drop: str = "", stale: str = "", lost: bool = False) -> Change:
    """Return the change to two files and an index: without a tensor, with a stale name in the
    index, or without the second file."""

    def change(folder: Path) -> None:
        found = stored.read(folder / "model.safetensors")
        (folder / "model.safetensors").unlink()
        parts: dict[str, dict[str, Tensor]] = {}
        for number, (name, one) in enumerate(sorted(found.items())):
            file = f"model-0000{number % 2 + 1}-of-00002.safetensors"
            parts.setdefault(file, {})[name] = one
        index = {name: file for file, inside in parts.items() for name in inside}
        if stale:
            index[stale] = next(iter(parts))
        for file, inside in parts.items():
            kept = {name: one for name, one in inside.items() if name != drop}
            stored.write(folder / file, kept)
        if lost:
            (folder / max(parts)).unlink()
        text = json.dumps({"metadata": {}, "weight_map": index})
        (folder / "model.safetensors.index.json").write_text(text, "utf-8")

    return change
