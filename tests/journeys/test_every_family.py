"""A small model of every family through `tunelock plan`: untouched, and with one tensor changed."""

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from lockfiles.errors import UsageProblem
from planner.models.families import FAMILIES
from planner.models.spelling import DECODERS
from runner.trace.text_only import from_config
from runner.training.loading import load_checked
from tests.journeys.demo_folder import small
from tests.runner.inputs.test_parameter_count import tiny
from tui.cli import command

SIZES = {"vocab_size": 1024, "pad_token_id": 0, "bos_token_id": None, "eos_token_id": 2}
CONTEXT = {"gpt2": "n_positions", "gpt_bigcode": "n_positions", "gptj": "n_positions"}
Tensors = dict[str, torch.Tensor]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small(tmp_path_factory.mktemp("demo"), results__gguf=[])


def random_model(family: str) -> Any:
    from transformers import CONFIG_MAPPING

    context = CONTEXT.get(family, "max_position_embeddings")
    fields = tiny(family) | SIZES | {context: 256}
    if family == "bloom":
        fields.pop(context)
    torch.manual_seed(1)
    return from_config(CONFIG_MAPPING[family](**fields))


def layouts(model: Any) -> dict[str, Tensors]:
    """Return the tensors as transformers 5 names them, as files were published, and bare."""
    from transformers.core_model_loading import revert_weight_conversion

    tied = set(model.all_tied_weights_keys)
    kept = {name: one.clone() for name, one in model.state_dict().items() if name not in tied}
    published = {
        name: one.contiguous().clone()
        for name, one in revert_weight_conversion(model, kept).items()
    }
    body = f"{model.base_model_prefix}."
    bare = {name.removeprefix(body): one for name, one in published.items()}
    return {"own": kept, "published": published, "without the body": bare}


def ignorable(model: Any, tensors: Tensors) -> Tensors:
    """Return tensors with others that loaders leave out, and a head where it is tied."""
    first = next(name for name in model.state_dict() if ".0." in name)
    layer = first[: first.index(".0.") + 3]
    embedding = model.get_input_embeddings().weight.detach().clone()
    head = {"lm_head.weight": embedding} if model.config.tie_word_embeddings else {}
    masks = {f"{layer}attn.bias": torch.ones(1, 1, 8, 8), f"{layer}attn.masked_bias": torch.ones(1)}
    angles = {f"{layer}self_attn.rotary_emb.inv_freq": torch.ones(4)}
    ahead = {f"{layer.replace('.0.', '.3.')}eh_proj.weight": torch.ones(4, 8)}
    return tensors | head | masks | angles | ahead | {"mtp.norm.weight": torch.ones(4)}


def planned(demo: Path, tensors: Tensors) -> None:
    save_file(tensors, demo / "base" / "model.safetensors", metadata={"format": "pt"})
    command(["plan", str(demo / "run.toml")])


def refusal(demo: Path, tensors: Tensors) -> str:
    with pytest.raises(UsageProblem) as problem:
        planned(demo, tensors)
    assert problem.value.exit_code == 2
    return problem.value.message


@pytest.mark.parametrize("family", sorted(FAMILIES.keys() - DECODERS))
def test_files_of_a_family(family: str, demo: Path) -> None:
    model, drawn = random_model(family), random.Random(family)
    (demo / "base" / "config.json").write_text(json.dumps(model.config.to_dict(), default=str))
    found = layouts(model)
    for tensors in (*found.values(), ignorable(model, found["published"])):
        planned(demo, tensors)
        loaded = load_checked(demo / "base", dtype=torch.float32)
        for name, one in model.state_dict().items():
            assert torch.equal(loaded.state_dict()[name], one), name
    for tensors in (found["own"], found["published"]):
        one, two, three, four = drawn.sample(sorted(tensors), 4)
        rest = {name: tensors[name] for name in tensors if name != one}
        assert f"`{one}`" in refusal(demo, rest)
        rest = {name: tensors[name] for name in tensors if name != two}
        said = refusal(demo, rest | {f"{two}.renamed": tensors[two]})
        assert f"`{two}`" in said
        assert f"`{two}.renamed`" in said
        assert f"`{three}`" in refusal(demo, tensors | {three: torch.ones(3, 1, 2)})
        more = re.sub(r"\.weight$", "", four) + ".more"
        assert f"`{more}`" in refusal(demo, tensors | {more: torch.ones(2)})
