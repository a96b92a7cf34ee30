"""Models whose architecture the closed form does not know, as `tunelock fit` asks about them."""

import json
from pathlib import Path
from typing import Any

import pytest

from lockfiles.errors import UsageProblem
from planner.fit import machines, models
from planner.fit.models import UnknownModel
from planner.fit.request import Wish
from planner.fit.unknown import UnknownRequest
from planner.memory import Estimate, Phase
from planner.models.facts import from_folder
from tests.planner.fit.test_fit import CPU, GIB

NEW: dict[str, Any] = {
    "model_type": "brumby", "hidden_size": 1024, "num_hidden_layers": 8, "vocab_size": 32000,
    "max_position_embeddings": 1024,
}  # fmt: skip


def _found(folder: Path, **fields: object) -> UnknownModel:
    (folder / "config.json").write_text(json.dumps(NEW | fields), "utf-8")
    with pytest.raises(UnknownModel) as caught:
        models.find(str(folder))
    return caught.value


def _request(folder: Path, gpu: str = "RTX 4090", **wished: object) -> UnknownRequest:
    wish = Wish(**wished)  # type: ignore[arg-type]
    return UnknownRequest(_found(folder), machines.named(gpu), wish)


def test_a_plan_names_the_command_that_traces_such_a_model(tmp_path: Path) -> None:
    found = _found(tmp_path)
    assert "is of the family `brumby`, which Tunelock does not support yet." in found.message
    assert f"`tunelock fit {tmp_path} --trace`" in found.hint
    header = b'{"one":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    weights = len(header).to_bytes(8, "little") + header + bytes(4)
    (tmp_path / "model.safetensors").write_bytes(weights)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(UsageProblem) as planned:
        from_folder(tmp_path)
    assert (planned.value.message, planned.value.hint) == (found.message, found.hint)


def test_unknown_layers_of_a_known_family_are_traced_too(tmp_path: Path) -> None:
    found = _found(tmp_path, model_type="llama", kv_lora_rank=8)
    assert "has multi-head latent attention, which Tunelock does not support yet." in found.message
    other = _found(tmp_path, model_type="longcat_flash", kv_lora_rank=8)
    assert "is of the family `longcat_flash` and has multi-head latent attention" in other.message


def test_an_encoder_is_not_traced(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(NEW | {"is_encoder_decoder": True}), "utf-8")
    with pytest.raises(UsageProblem, match="has an encoder") as caught:
        models.find(str(tmp_path))
    assert "--trace" not in caught.value.hint


def test_the_smallest_plan_of_each_method_is_traced(tmp_path: Path) -> None:
    plans = _request(tmp_path).plans
    assert list(plans) == ["full", "lora", "qlora"]
    for plan in plans.values():
        assert (plan.micro_batch, plan.checkpointing, plan.length) == (1, True, 1024)
        assert (plan.device, plan.dtype, plan.targets) == ("cuda", "bfloat16", ())
    asked = _request(tmp_path, method="lora", micro_batch=4, checkpointing=False, length=4096)
    (plan,) = asked.plans.values()
    assert (plan.micro_batch, plan.checkpointing, plan.length) == (4, False, 4096)
    assert plan.padded and plan.accumulates


@pytest.mark.parametrize(
    ("gpu", "wished", "said"),
    [
        ("RTX 4090:2", {}, "a trace is for a single card"),
        ("RTX 4090", {"offload": "optimizer"}, "a trace is for a single card"),
        ("RTX 4090", {"packing": True}, "Whether packing works with `brumby` is not known"),
    ],
)
def test_what_cannot_be_traced_is_a_sentence(
    tmp_path: Path, gpu: str, wished: dict[str, object], said: str
) -> None:
    with pytest.raises(UsageProblem, match=said) as caught:
        _request(tmp_path, gpu, **wished).check()
    assert caught.value.hint


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"num_hidden_layers": 10**9}, "`num_hidden_layers` in .* is larger than 4,096"),
        ({"n_embd": 10**9}, "`n_embd` in .* is larger than 1,048,576"),
        ({"vision_config": {"depth": 10**9}}, "`depth` in .* is larger than 4,096"),
    ],
)
def test_absurd_sizes_are_refused_before_a_trace(
    tmp_path: Path, fields: dict[str, object], said: str
) -> None:
    found = UnknownRequest(_found(tmp_path, **fields), CPU, Wish())
    with pytest.raises(UsageProblem, match=said):
        found.check()


def test_an_answer_says_whether_it_fits(tmp_path: Path) -> None:
    request = _request(tmp_path)
    small, large = (Estimate((Phase("forward", {"tensors": n * GIB}),)) for n in (20, 30))
    fits, lacks = request.answer("lora", small), request.answer("full", large)
    assert fits.plan.fits and not lacks.plan.fits
    assert fits.reasons[0] == "It needs 20.0 GiB of 22.5 GiB available."
    assert "`--micro-batch` and `--no-checkpointing` trace others" in fits.reasons[1]
    assert lacks.reasons == ("It needs 30.0 GiB, but only 22.5 GiB is available.",)
    refused = request.refusal([lacks])
    assert "full fine-tuning, micro-batch 1, checkpointing) needs 30.0 GiB" in refused.message
    card = refused.hint.rpartition("--gpu ")[2].strip("`")
    assert machines.named(card).counted_memory_bytes >= 30 * GIB
