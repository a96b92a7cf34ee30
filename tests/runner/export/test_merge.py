"""A merged model: each tensor of its base, in the same dtype, or an error."""

import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("peft")
torch = pytest.importorskip("torch")

from peft import LoraConfig, get_peft_model  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

from lockfiles.errors import RunFailed  # noqa: E402
from lockfiles.lock import Method  # noqa: E402
from runner.export.clean import with_tokenizer  # noqa: E402
from runner.export.merge import merge  # noqa: E402
from tests.runner.export.gguf.random_models import build  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
METHOD = Method(kind="lora", rank=4, alpha=4, dropout=0.0, targets=["q_proj"], bias="none")
WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base in bfloat16 with norms in float32, whose configuration names no dtype."""
    folder = build(tmp_path_factory.mktemp("base") / "model", "llama")
    tensors = load_file(folder / WEIGHTS)
    mixed = {name: one.float() + 1e-4 if one.dim() == 1 else one for name, one in tensors.items()}
    save_file(mixed, folder / WEIGHTS, metadata={"format": "pt"})
    path = folder / "config.json"
    path.write_text(path.read_text("utf-8").replace('"dtype": "bfloat16",', ""), "utf-8")
    return folder


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    config = LoraConfig(
        r=4, lora_alpha=4, target_modules=["q_proj"], init_lora_weights=False,
        task_type="CAUSAL_LM",
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("adapter")
    get_peft_model(model, config).save_pretrained(folder)
    return folder


def test_each_tensor_keeps_its_dtype_and_all_are_there(
    base: Path, adapter: Path, tmp_path: Path
) -> None:
    before = load_file(base / WEIGHTS)
    after = load_file(merge(base, adapter, tmp_path / "out", METHOD) / WEIGHTS)
    assert {name: (one.dtype, one.shape) for name, one in after.items()} == {
        name: (one.dtype, one.shape) for name, one in before.items()
    }
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {f"model.layers.{n}.self_attn.q_proj.weight" for n in range(2)}


def test_a_tensor_that_was_not_written_ends_the_stage(
    base: Path, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "model.layers.1.mlp.up_proj.weight"

    def finish(out: Path, *rest: Any) -> None:
        with_tokenizer(out, *rest)
        tensors = load_file(out / WEIGHTS)
        del tensors[name]
        save_file(tensors, out / WEIGHTS, metadata={"format": "pt"})

    monkeypatch.setattr("runner.export.merge.with_tokenizer", finish)
    with pytest.raises(RunFailed, match=re.escape(name)) as failed:
        merge(base, adapter, tmp_path / "out", METHOD)
    assert failed.value.hint
