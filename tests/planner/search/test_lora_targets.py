"""Which layers LoRA adapts: presets, names by hand, what is left out, and the biases beside."""

from pathlib import Path
from typing import Any

import pytest

from lockfiles import lock as locks
from lockfiles import text as toml
from lockfiles.errors import UsageProblem
from planner.interview.answers import check, given
from planner.interview.questions import BY_KEY
from planner.memory.trainable import trained_biases
from planner.models.architecture import Architecture, architecture
from planner.models.facts import ModelFacts
from planner.models.families import FAMILIES
from planner.plan.gather import gather
from planner.plan.integrity import integrity
from planner.plan.plan import plan
from planner.questions.question import from_text
from planner.search import from_answers, lora_targets
from planner.search.choose import choose
from planner.search.from_answers import counted
from runner.demo import files
from runner.inputs.verify import check_whole
from tests.planned import MACHINE, answers
from tests.planner.models.test_facts import MINIMAL
from tests.planner.search.test_choose import DEMO
from tests.runner.inputs.test_parameter_count import tiny

LLAMA = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
NEOX = ("query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h")
CONVOLUTIONS = ("in_proj", "out_proj", "w1", "w3", "w2", "q_proj", "k_proj", "v_proj")
EXPERTS = {
    "num_experts": 4, "num_local_experts": 4, "n_routed_experts": 4, "num_experts_per_tok": 2,
    "moe_intermediate_size": 32, "shared_expert_intermediate_size": 64,
}  # fmt: skip


def shape(family: str, **fields: object) -> Architecture:
    config = {"model_type": family, **MINIMAL, **(EXPERTS if FAMILIES[family].experts else {})}
    config |= tiny(family) if FAMILIES[family].read else {}
    config |= {"num_kv_shared_layers": 0} if family == "gemma3n_text" else {}
    return architecture(config | fields, "config.json")


@pytest.mark.parametrize(
    ("family", "attention", "every"),
    [
        ("llama", LLAMA[:4], LLAMA),
        ("mistral", LLAMA[:4], LLAMA),
        ("gpt_neox", NEOX[:2], NEOX),
        ("falcon", NEOX[:2], NEOX),
        ("gpt2", ("c_attn", "attn.c_proj"), ("c_attn", "attn.c_proj", "c_fc", "mlp.c_proj")),
        ("phi3", ("qkv_proj", "o_proj"), ("qkv_proj", "o_proj", "gate_up_proj", "down_proj")),
        ("qwen2_moe", LLAMA[:4], LLAMA),
        ("glm4_moe", LLAMA[:4], LLAMA[:4]),
        ("mixtral", LLAMA[:4], LLAMA[:4]),
        ("lfm2", ("in_proj", "out_proj", *LLAMA[:3]), CONVOLUTIONS),
        ("nemotron_h", ("in_proj", *LLAMA[:4]), ("in_proj", *LLAMA[:4], *LLAMA[5:])),
        (
            "granitemoehybrid",
            ("in_proj", *LLAMA[:4]),
            ("in_proj", "input_linear", "output_linear", *LLAMA[:4]),
        ),
    ],
)
def test_presets(family: str, attention: tuple[str, ...], every: tuple[str, ...]) -> None:
    model = shape(family)
    assert lora_targets.preset(model, "attention") == attention
    assert (
        lora_targets.preset(model, "attention+mlp")
        == lora_targets.preset(model, "all-linear")
        == every
    )


def test_names_by_hand_come_in_forward_order_and_may_be_the_last_part() -> None:
    assert lora_targets.by_hand(shape("llama"), ("v_proj", "q_proj")) == ("q_proj", "v_proj")
    assert lora_targets.by_hand(shape("gpt2"), ("c_proj",)) == ("attn.c_proj", "mlp.c_proj")
    assert lora_targets.by_hand(shape("gpt2"), ("mlp.c_proj",)) == ("mlp.c_proj",)


@pytest.mark.parametrize(
    ("family", "names", "message", "hint"),
    [
        ("llama", ("q_prj", "v_proj"), "not a linear layer of `llama`; the nearest is `q_proj`.",
         'in run.toml: [method] modules = ["q_proj", "v_proj"]; known layers: `q_'),
        ("gpt_neox", ("q_proj",), "`q_proj`, which is not a linear layer of `gpt_neox`",
         '["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"]'),
        ("llama", ("lm_head", "q_proj"), "`lm_head`, which is not a linear layer", '"down_proj"'),
        ("llama", (), "`method.modules` names no layer", '["q_proj", "k_proj"'),
        ("nemotron_h", ("out_proj",), "`out_proj`, whose weight a fused kernel reads past any ",
         '["in_proj", "q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "down_proj"]'),
        ("glm4_moe", ("up_proj",), "which PEFT takes for fused experts of `glm4_moe`",
         'in run.toml: [method] modules = ["q_proj", "k_proj", "v_proj", "o_proj"]'),
    ],
)  # fmt: skip
def test_a_wrong_name_is_one_error(
    family: str, names: tuple[str, ...], message: str, hint: str
) -> None:
    with pytest.raises(UsageProblem) as caught:
        lora_targets.by_hand(shape(family), names)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_every_family_has_names_of_its_own_blocks() -> None:
    for family in FAMILIES:
        model = shape(family)
        every = lora_targets.preset(model, "all-linear")
        assert lora_targets.preset(model, "attention")
        assert lora_targets.by_hand(model, every) == every
        assert not set(every) & set(lora_targets.left_out(model))


@pytest.mark.parametrize(
    ("family", "names", "bias", "count"),
    [
        ("llama", LLAMA, "all", 0),
        ("qwen2", LLAMA, "none", 0),
        ("qwen2", LLAMA, "lora_only", 12 * 3 * 64),
        ("qwen2", ("o_proj",), "lora_only", 0),
        ("qwen2", ("o_proj",), "all", 12 * 3 * 64),
        ("gpt_neox", NEOX[:1], "lora_only", 12 * 3 * 64),
        ("gpt_neox", NEOX[:1], "all", 12 * (3 * 64 + 64 + 128 + 64 + 2 * 64) + 64),
    ],
)
def test_biases(family: str, names: tuple[str, ...], bias: Any, count: int) -> None:
    assert trained_biases(shape(family), names, bias) == count


def test_the_answers_become_the_plan_with_its_reason() -> None:
    chosen = answers(method__targets="by-hand", method__modules=["v_proj", "q_proj"])
    found = choose(chosen, DEMO, rows=100, longest=76, machine=MACHINE)
    assert found.targets == ("q_proj", "v_proj")
    assert found.why["method.targets"] == "You set it (listed modules): q_proj, v_proj."
    every = choose(answers(), DEMO, rows=100, longest=76, machine=MACHINE)
    assert every.why["method.targets"].endswith(f"learns best: {', '.join(LLAMA)}.")
    assert "method.bias" not in every.why
    full = answers(method__kind="full", method__targets="by-hand", method__bias="all")
    assert choose(full, DEMO, rows=100, longest=76, machine=MACHINE).profile.bias == "none"


@pytest.mark.parametrize(
    ("family", "bias", "sentences"),
    [
        ("mixtral", "none", ("Routers and fused experts are not adapted.", "")),
        (
            "glm4_moe",
            "none",
            ("PEFT takes gate_proj, up_proj, down_proj for fused experts", ""),
        ),
        (
            "qwen2",
            "lora_only",
            ("learns best", "2304 bias parameters of the adapted layers are trained"),
        ),
        ("llama", "all", ("learns best", "all layers have no biases")),
    ],
)
def test_reasons_say_what_stays(family: str, bias: str, sentences: tuple[str, str]) -> None:
    model = ModelFacts("", (), shape(family, num_hidden_layers=12), 10**6, "BF16")
    asked = answers(method__bias=bias)
    found = choose(asked, model, rows=100, longest=76, machine=MACHINE)
    assert sentences[0] in found.why["method.targets"]
    assert sentences[1] in found.why.get("method.bias", "")
    tried = from_answers.candidates(asked, model, counted(asked, MACHINE), rows=100, longest=76)
    first = next(tried.of("lora", tried.layouts[0]))
    assert first.bias == found.profile.bias == bias


def test_names_have_one_form_whatever_face_gave_them() -> None:
    question = BY_KEY["method.modules"]
    assert from_text(question, "v_proj, q_proj,") == ("q_proj", "v_proj")
    values = {"data.train": "t", "model.source": "b", "method.targets": "by-hand"}
    one = check(values | {"method.modules": ["v_proj", " q_proj", "v_proj"]}, {})
    assert given(one)["method"] == {"targets": "by-hand", "modules": ["q_proj", "v_proj"]}
    with pytest.raises(UsageProblem, match=r"does not apply unless `method.targets` is"):
        check({**values, "method.targets": "attention", "method.modules": ["a"]},
              {"method.modules": 3})  # fmt: skip


def test_a_lock_from_before_bias_was_asked_still_holds(tmp_path: Path) -> None:
    files.write(tmp_path)
    made = plan(answers(), gather(answers(), tmp_path, machine=MACHINE))
    assert made.method.bias == "none"
    check_whole(made)
    before = made.model_dump()
    del before["method"]["bias"]
    before["integrity"] = integrity(before)
    text = toml.write(before, header=locks.HEADER)
    assert "bias" not in text.partition("[method]")[2].partition("[train]")[0]
    old = locks.parse(text).training()
    assert old.method.bias == "none"
    check_whole(old)
