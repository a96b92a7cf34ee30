"""`tunelock fit` as a person types it: its table, its JSON, how it ends and how soon."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import forked, programs
from tests.hub_server import HubServer
from tests.tui.commands.speed import computed, paired
from tests.tui.test_cli import tunelock

BASE = Path(__file__).parents[3] / "runner" / "demo" / "base"
PLAN_KEYS = [
    "objective", "method", "rank", "length", "micro_batch", "accumulation", "checkpointing",
    "optimizer", "dropout", "pass_tokens", "kernels", "graph_sizes", "parallel", "zero_stage",
    "offload", "peak_allocated_bytes", "needed_bytes", "peak_total_bytes", "components", "phase",
    "budget_bytes", "fits", "step_seconds", "tokens_per_second", "flops_share", "reasons",
    "traced_allocated_bytes",
]  # fmt: skip
PINNED = (
    "--objective", "dpo", "--method", "lora", "--rank", "8", "--length", "512", "--micro-batch",
    "2", "--checkpointing", "--optimizer", "paged_adamw_8bit", "--dropout", "0.1",
    "--accumulation", "3", "--parallel", "zero2", "--offload", "optimizer",
)  # fmt: skip
HEAVY = ("textual", "pydantic", "huggingface_hub", "torch", "transformers", "rich")


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as hub:
        yield hub


def test_the_families_are_listed_within_a_terminal() -> None:
    done = tunelock("fit", "--families")
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80
    told = json.loads(tunelock("fit", "--families", "--json").stdout)["families"]
    assert {one["name"] for one in told} > {"llama", "gemma4_text", "nemotron_h"}
    assert "o_proj" in next(one for one in told if one["name"] == "llama")["targets"]
    for wrong in (("fit",), ("fit", "--families", "Qwen/Qwen3-8B")):
        done = tunelock(*wrong)
        assert done.returncode == 2 and not done.stdout


def test_the_table_has_a_line_for_each_method() -> None:
    done = tunelock("fit", "Qwen/Qwen3-8B", "--gpu", "RTX 4090")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Qwen/Qwen3-8B: 8.19 billion parameters")
    assert "4090" in lines[1]
    assert lines[2] == "main memory: assumed, 256.0 GiB; set it with `--ram`"
    assert lines[3] == (
        "rows: assumed, half of them up to 300 tokens, the longest 2,048, 394 on average"
    )
    assert lines[5].split() == [
        "method",
        "fits",
        "needs",
        "budget",
        "batch",
        "checkpointing",
        "step",
    ]
    assert [line.split("  ")[0] for line in lines[6:9]] == ["full fine-tuning", "LoRA", "QLoRA"]
    assert all(len(line) <= 80 for line in lines[5:9])
    assert "GiB is available." in done.stdout
    assert done.stderr == ""


def test_plans_for_published_weights_that_cannot_be_loaded_say_what_they_are_for() -> None:
    done = tunelock("fit", "openai/gpt-oss-20b", "--gpu", "H200", "--method", "lora")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1] == (
        "Its published weights are quantized (MXFP4), and training cannot load them. "
        "The plans are for its unquantized copy `unsloth/gpt-oss-20b-BF16`."
    )


def test_main_memory_is_told_where_a_process_needs_some() -> None:
    cards = ("--gpu", "RTX 3090:2", "--nodes", "2", "--method")
    done = tunelock("fit", "microsoft/phi-4", *cards, "lora", "--parallel", "zero3")
    assert "ZeRO stage 3" in done.stdout and "main memory" not in done.stdout
    assert (
        "of main memory to load"
        in tunelock("fit", "microsoft/phi-4", *cards, "lora", "--parallel", "fsdp2").stdout
    )


def test_a_card_without_bfloat16_says_why_weights_are_large() -> None:
    told = "`T4` has no bfloat16: weights are float32, twice as large."
    model = ("fit", "mistralai/Mistral-7B-Instruct-v0.3", "--method", "lora", "--gpu")
    assert told in " ".join(tunelock(*model, "T4").stdout.split())
    assert "bfloat16" not in tunelock(*model, "L4").stdout


def test_json_has_exactly_the_keys() -> None:
    done = tunelock("fit", str(BASE), "--memory", "24", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert list(told) == ["model", "machine", "rows", "plans"]
    assert [plan["method"] for plan in told["plans"]] == ["full", "lora", "qlora"]
    for plan in told["plans"]:
        assert list(plan) == PLAN_KEYS
        assert sum(plan["components"].values()) == plan["peak_allocated_bytes"]
        assert plan["needed_bytes"] < plan["peak_total_bytes"] < plan["budget_bytes"]
        assert plan["fits"] and plan["reasons"]


def test_every_value_set_is_exactly_one_plan() -> None:
    done = tunelock("fit", "Qwen/Qwen3-8B", "--gpu", "H200:2", *PINNED, "--json")
    assert done.returncode == 0, done.stderr
    (plan,) = json.loads(done.stdout)["plans"]
    assert {key: plan[key] for key in PLAN_KEYS[:15]} == {
        "objective": "dpo", "method": "lora", "rank": 8, "length": 512, "micro_batch": 2,
        "accumulation": 3, "checkpointing": True, "optimizer": "paged_adamw_8bit",
        "dropout": 0.1, "pass_tokens": 0, "kernels": "eager", "graph_sizes": 0,
        "parallel": "zero2", "zero_stage": 2, "offload": "optimizer",
    }  # fmt: skip


def test_nothing_fits_ends_with_4_and_what_would_fit() -> None:
    done = tunelock("fit", "Qwen/Qwen3-8B", "--memory", "4", "--json")
    assert done.returncode == 4
    assert not any(plan["fits"] for plan in json.loads(done.stdout)["plans"])
    told, hint = done.stderr.splitlines()
    assert told.startswith("error: No plan fits: the smallest (QLoRA, ")
    assert hint.startswith("hint: it would fit with `--")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("Qwen/Qwen3-8B", "--gpu", "RTX 4009"), "4090"),
        (("qwen3-8", "--memory", "24"), "`Qwen/Qwen3-8B`"),
        ((str(BASE), "--memory", "24", "--gpu", "H200"), "--memory"),
        ((str(BASE), "--rank", "0"), "--rank"),
        ((str(BASE), "--method", "loar"), "--method"),
        (("./nowhere",), "`./nowhere` does not exist"),
        ((str(BASE), "--memory", "nan"), "`nan` is not a number"),
        ((str(BASE), "--gpu", "2x RTX 3090"), "use `--gpu 'RTX 3090:2'`"),
        ((str(BASE), "--gpu", "RTX 4090 x4"), "use `--gpu 'RTX 4090:4'`"),
        ((str(BASE), "--gpu", ""), "The GPU `` is unknown"),
    ],
)
def test_bad_input_ends_with_2_and_names_it(arguments: tuple[str, ...], told: str) -> None:
    done = tunelock("fit", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_config_without_the_needed_fields_ends_with_2(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}', "utf-8")
    done = tunelock("fit", str(tmp_path))
    assert done.returncode == 2
    assert "has no field `" in done.stderr


def test_only_what_is_needed_is_imported() -> None:
    asked = ("fit", BASE, "--memory", 24)
    program = programs.command("loaded_by_command", ",".join(HEAVY), *asked)
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert (found["exit_code"], found["loaded"]) == (0, []), found["output"]


def test_a_model_of_the_hub_needs_its_config_alone(hub: HubServer, tmp_path: Path) -> None:
    hub.add("maker/base", BASE)
    environment = hub.environment(tmp_path / "home")

    def fit(name: str, **variables: str) -> subprocess.CompletedProcess[str]:
        asked = ("fit", name, "--memory", "24", "--json")
        return forked.run(*asked, folder=tmp_path, environment=environment | variables)

    done = fit("maker/base")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["model"]["name"] == "maker/base"
    assert list(hub.sent_bytes) == ["config.json"]

    adapter = {"peft_type": "LORA", "base_model_name_or_path": "maker/base"}
    hub.add("maker/adapter", {"adapter_config.json": json.dumps(adapter).encode()})
    other = fit("maker/adapter")
    assert (other.returncode, other.stdout) == (2, "")
    assert "`maker/adapter` is a LoRA adapter of `maker/base`, not a base model." in other.stderr

    gptq = {"config.json": b'{"quantization_config": {"quant_method": "gptq"}}'}
    hub.add("maker/Qwen3-8B-GPTQ", gptq)
    quantized = fit("maker/Qwen3-8B-GPTQ")
    assert quantized.returncode == 2
    assert "choose `Qwen/Qwen3-8B`" in quantized.stderr

    unknown = fit("Qwen/Qwen3-8")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "the nearest known model is `Qwen/Qwen3-8B`" in unknown.stderr

    offline = fit("maker/Kimi-K3", HF_HUB_OFFLINE="1")
    assert offline.returncode == 2
    assert "by its name, `maker/Kimi-K3` is of the family `kimi_k3`" in offline.stderr


@pytest.mark.slow
def test_an_answer_takes_at_most_three_times_the_imports() -> None:
    """In CPU time, and in pairs, since other processes on the same cores slow both down."""
    program = "from tui.cli import main; main()"
    imports = "import tui.cli, tui.commands.fit, tui.text.fit, planner.fit.answers"
    found = paired(
        lambda: computed(["-P", "-c", program, "fit", "Qwen/Qwen3-8B", "--gpu", "RTX 4090"]),
        lambda: computed(["-c", imports]),
        pairs=21,
    )
    assert found.ratio <= 3
