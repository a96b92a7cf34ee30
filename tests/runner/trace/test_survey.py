"""`tunelock fit` for models that only a trace says something about."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockfiles.errors import UsageProblem
from planner.fit import machines
from planner.fit.models import UnknownModel
from planner.fit.request import Wish
from planner.fit.unknown import UnknownRequest
from planner.memory import estimate
from planner.models.shapes.config_json import UnknownArchitecture
from planner.search.lora_targets import preset
from runner.trace.survey import check_known, survey
from tests.planner.memory.test_memory import MODELS
from tests.runner.trace.test_trace import config_of
from tests.tui.test_cli import tunelock

HELIUM: dict[str, Any] = {
    "model_type": "helium", "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 12,
    "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 64, "vocab_size": 4096,
    "max_position_embeddings": 512,
}  # fmt: skip


def _request(config: dict[str, Any], **wished: object) -> UnknownRequest:
    asked = UnknownModel(UnknownArchitecture("unknown"), "config.json", "file", config)
    wish = Wish(**wished)  # type: ignore[arg-type]
    return UnknownRequest(asked, machines.named("H200"), wish)


@pytest.mark.slow
def test_it_finds_what_the_closed_form_does() -> None:
    """A family that the closed form knows is asked about as one that it does not."""
    pytest.importorskip("trl")
    facts = MODELS["qwen2.5-0.5b"]
    request = _request(config_of("qwen2.5-0.5b"), length=512)
    found = survey(request)
    assert found.parameters == facts.parameters
    assert not found.refused
    for kind, traced in found.methods.items():
        targets = preset(facts.architecture, "all-linear") if kind != "full" else ()
        closed = estimate(facts, replace(request.plans[kind], targets=targets))
        assert traced.peak.peak_bytes == pytest.approx(closed.peak.peak_bytes, rel=0.03)


@pytest.mark.slow
def test_fit_answers_for_a_family_without_a_closed_form(tmp_path: Path) -> None:
    pytest.importorskip("trl")
    (tmp_path / "config.json").write_text(json.dumps(HELIUM), "utf-8")
    asked = ("fit", str(tmp_path), "--memory", "8", "--length", "128")
    told = tunelock(*asked, timeout=600)
    assert told.returncode == 0, told.stderr
    assert told.stderr.startswith("`helium` is not supported yet: tracing steps of its class")
    assert "does not support `helium` yet" in " ".join(told.stdout.split())
    names = [line.partition("  ")[0] for line in told.stdout.splitlines()]
    begins = names.index("method")
    assert names[begins + 1 : begins + 4] == ["full fine-tuning", "LoRA", "QLoRA"]
    as_json = json.loads(tunelock(*asked, "--method", "lora", "--json", timeout=600).stdout)
    (plan,) = as_json["plans"]
    assert plan["traced_allocated_bytes"] == plan["peak_allocated_bytes"] > 0
    assert as_json["model"]["family"] == "helium"


@pytest.mark.slow
def test_a_family_that_transformers_does_not_know_is_a_sentence() -> None:
    pytest.importorskip("trl")
    with pytest.raises(UsageProblem, match="does not know the family `brumby`"):
        survey(_request({"model_type": "brumby"}))
    with pytest.raises(UsageProblem, match="no language model of the family `vit`"):
        survey(_request({"model_type": "vit"}))


def test_every_family_of_transformers_is_known_without_importing_it() -> None:
    transformers = pytest.importorskip("transformers")
    for family in transformers.CONFIG_MAPPING:
        check_known(family)
    for family in ("brumby", "a\nb", "x" * 5000):
        with pytest.raises(UsageProblem, match="does not know the family") as problem:
            check_known(family)
        assert problem.value.hint and "\n" not in problem.value.message


def test_without_the_train_extra_fit_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("runner.trace.find_spec", lambda name: None)
    with pytest.raises(UsageProblem, match="not installed"):
        survey(_request(HELIUM))
