"""GGUF files have each tensor that the configuration asks for, or are not written."""

from pathlib import Path

import pytest

from tests.cases import models
from tests.cases.conftest import Model
from tests.cases.exported import OUT, exported, field, names, read
from tests.cases.stored import Tensor, zeros
from tests.cases.weights import WIDTH, WRONG, sharded, tied_head


# LLaMA-Factory 5436 and 4195, llama.cpp 3917, 5367, 5910, 6720, 8445, 9235, 21172; QwenLM 255.
@pytest.mark.parametrize("name", [
    name for name in WRONG if name not in ("bias-more", "head-of-other-size")
])  # fmt: skip
def test_an_incomplete_folder_is_not_exported(tmp_path: Path, model: Model, name: str) -> None:
    change, named = WRONG[name]
    said = exported(tmp_path, model(f"wrong-{name}", change))
    assert said.code == 2, said.text
    assert named in said.err, said.err
    assert not (tmp_path / OUT).exists()


def test_a_shard_that_lacks_a_tensor_is_not_exported(tmp_path: Path, model: Model) -> None:
    up = "model.layers.1.mlp.up_proj.weight"
    said = exported(tmp_path, model("shards-dropped", sharded(drop=up)))
    assert said.code == 2 and up in said.err and not (tmp_path / OUT).exists(), said.text


@pytest.mark.parametrize("level", ["f16", "q8_0"])
def test_a_sound_folder_is_exported_with_each_tensor(
    tmp_path: Path, model: Model, level: str
) -> None:
    said = exported(tmp_path, model("shards", sharded()), level)
    assert said.code == 0, said.err
    assert len(names(read(tmp_path))) == 2 + 9 * models.LAYERS


def own_head(found: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors with a head that differs from the embedding, as older merges leave it."""
    embedding = found["model.embed_tokens.weight"]
    row = 2 * WIDTH
    shifted = embedding.data[row:] + embedding.data[:row]
    return found | {"lm_head.weight": embedding._replace(data=shifted)}


def test_a_head_of_its_own_is_exported_or_refused(tmp_path: Path, model: Model) -> None:
    """transformers 45127, llama.cpp PR 12506: the flag says tied, and the file has both."""
    place = model("head-under-tie", models.tensors(own_head))
    said = exported(tmp_path, place)
    if said.code:
        assert "lm_head" in said.err and not (tmp_path / OUT).exists(), said.err
    else:
        assert "output.weight" in names(read(tmp_path))


def test_a_copy_of_the_embedding_needs_no_place(tmp_path: Path, model: Model) -> None:
    said = exported(tmp_path, model("fine-tied-head-stored", models.tensors(tied_head)))
    assert said.code == 0, said.err


def test_biases_are_exported_or_refused(tmp_path: Path, model: Model) -> None:
    """mlc-llm PR 3494: Bielik has biases in attention and MLP; 240 of 420 were lost elsewhere."""
    inner, keys = 512, 64
    sizes = {"self_attn.q_proj": WIDTH, "self_attn.k_proj": keys, "self_attn.v_proj": keys,
             "self_attn.o_proj": WIDTH, "mlp.gate_proj": inner, "mlp.up_proj": inner,
             "mlp.down_proj": WIDTH}  # fmt: skip
    biases = {
        f"model.layers.{n}.{name}.bias": zeros("BF16", size)
        for n in range(models.LAYERS)
        for name, size in sizes.items()
    }
    place = model(
        "biases",
        models.config(attention_bias=True, mlp_bias=True),
        models.tensors(lambda found: found | biases),
    )
    said = exported(tmp_path, place)
    if said.code:
        assert "bias" in said.err, said.err
    else:
        written = {name for name in names(read(tmp_path)) if name.endswith(".bias")}
        assert len(written) == len(biases), written


def padded(found: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors with 64 more rows of the embedding."""
    name = "model.embed_tokens.weight"
    one = found[name]
    return found | {name: Tensor(one.dtype, (1088, WIDTH), one.data + bytes(64 * WIDTH * 2))}


def test_a_padded_embedding_is_exported(tmp_path: Path, model: Model) -> None:
    """Published models have more rows than tokens; llama.cpp 5910 has the reverse."""
    place = model("padded", models.tensors(padded), models.config(vocab_size=1088))
    said = exported(tmp_path, place)
    assert said.code == 0, said.err
    assert len(field(read(tmp_path), "tokenizer.ggml.tokens")) == 1088
