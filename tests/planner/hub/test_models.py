"""Model facts from a Hub: the real client, against a local server."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load, save

from planner.models.facts import from_folder
from planner.models.folder import SMALL_LIMIT_BYTES
from tests.hub_server import HubServer

BASE = Path(__file__).parents[3] / "runner" / "demo" / "base"


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as hub:
        yield hub


def plan(hub: HubServer, tmp_path: Path, *asked: tuple[str, str], **switches: Any) -> list[Any]:
    folder = str(tmp_path / "folder")
    cases = [(*case, folder) for case in asked]
    heavy, *found = hub.run("read_model_facts", *cases, home=tmp_path / "home", **switches)
    assert heavy == []
    return list(found)


def sharded() -> dict[str, bytes]:
    """Return the shipped base as a repository of two shards and what else lies in one."""
    whole = {path.name: path.read_bytes() for path in BASE.iterdir() if path.is_file()}
    weights = whole.pop("model.safetensors")
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    tensors = load(weights)
    shards = [dict(sorted(tensors.items())[part::2]) for part in range(2)]
    places = {tensor: name for name, held in zip(names, shards, strict=True) for tensor in held}
    index = {"weight_map": places}
    extra = {"consolidated.safetensors": weights, "original/params.json": b"{}", ".x.json": b"{}"}
    return {
        **whole,
        **{name: save(held) for name, held in zip(names, shards, strict=True)},
        "model.safetensors.index.json": json.dumps(index).encode(),
        **extra,
    }


def test_facts_equal_those_of_the_folder(hub: HubServer, tmp_path: Path) -> None:
    first = hub.add("ana/base", BASE, license="apache-2.0")
    hub.add("ana/base", {"README.md": b"all else is gone"})
    hub.repositories["ana/base"].branches["v1"] = first
    (facts,) = plan(hub, tmp_path, ("ana/base", "v1"))
    local = from_folder(BASE)
    assert facts["commit"] == first
    assert (facts["revision"], facts["license"], facts["gated"]) == ("v1", "apache-2.0", False)
    assert [tuple(file.values()) for file in facts["files"]] == [
        (file.name, file.size_bytes, file.sha256) for file in local.files
    ]
    assert (facts["parameters"], facts["dtype"]) == (local.parameters, local.dtype)
    assert facts["architecture"]["hidden"] == local.architecture.hidden


def test_weights_are_never_downloaded(hub: HubServer, tmp_path: Path) -> None:
    hub.add("ana/base", BASE)
    plan(hub, tmp_path, ("ana/base", "main"))
    assert (BASE / "model.safetensors").stat().st_size > 1_000_000
    assert 0 < hub.sent_bytes["model.safetensors"] <= 100_001
    fetched = {path.name for path in (tmp_path / "folder").iterdir()}
    assert {"config.json", "tokenizer.json"} <= fetched
    assert not {name for name in fetched if name.endswith(".safetensors")}


def test_a_newer_commit_leaves_nothing_of_the_older(hub: HubServer, tmp_path: Path) -> None:
    base = {path.name: path.read_bytes() for path in BASE.iterdir() if path.is_file()}
    hub.add("ana/base", base | {"chat_template.jinja": b"older"})
    plan(hub, tmp_path, ("ana/base", "main"))
    newer = hub.add("ana/base", {n: data for n, data in base.items() if not n.endswith(".jinja")})
    (facts,) = plan(hub, tmp_path, ("ana/base", "main"))
    assert facts["commit"] == newer
    assert "chat_template.jinja" not in {file["name"] for file in facts["files"]}
    assert not (tmp_path / "folder" / "chat_template.jinja").exists()


def test_further_templates_are_files_of_the_model(hub: HubServer, tmp_path: Path) -> None:
    base = {path.name: path.read_bytes() for path in BASE.iterdir() if path.is_file()}
    name, other = "additional_chat_templates/tool_use.jinja", "additional_chat_templates/run.py"
    hub.add("ana/base", base | {name: b"tools", other: b"code", "other/a.jinja": b"no"})
    (facts,) = plan(hub, tmp_path, ("ana/base", "main"))
    assert [file["name"] for file in facts["files"] if "/" in file["name"]] == [name]
    assert (tmp_path / "folder" / name).read_bytes() == b"tools"
    hub.add("ana/base", base)
    plan(hub, tmp_path, ("ana/base", "main"))
    assert not (tmp_path / "folder" / name).exists()


def test_a_file_that_grew_too_large_leaves_no_older_one(hub: HubServer, tmp_path: Path) -> None:
    base = {path.name: path.read_bytes() for path in BASE.iterdir() if path.is_file()}
    hub.add("ana/base", base | {"vocab.json": b"{}"})
    plan(hub, tmp_path, ("ana/base", "main"))
    assert (tmp_path / "folder" / "vocab.json").exists()
    hub.add("ana/base", base | {"vocab.json": bytes(SMALL_LIMIT_BYTES + 1)})
    plan(hub, tmp_path, ("ana/base", "main"))
    assert not (tmp_path / "folder" / "vocab.json").exists()


def test_the_client_says_nothing_about_the_machine(hub: HubServer, tmp_path: Path) -> None:
    hub.add("ana/base", BASE)
    plan(hub, tmp_path, ("ana/base", "main"))
    agents = {request.headers["user-agent"] for request in hub.requests}
    assert all("tunelock/" in agent for agent in agents)
    assert not any("torch/" in agent or "agent/" in agent for agent in agents)
    asked = ("/api/models/ana/base/revision/main", "/ana/base/resolve/")
    assert all(request.path.startswith(asked) for request in hub.requests)


def test_shards_are_those_of_the_index(hub: HubServer, tmp_path: Path) -> None:
    hub.add("ana/sharded", sharded())
    (facts,) = plan(hub, tmp_path, ("ana/sharded", "main"))
    names = {file["name"] for file in facts["files"]}
    assert {name for name in names if name.endswith(".safetensors")} == {
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    }
    assert not names & {".x.json", "original/params.json", "README.md"}
    assert facts["parameters"] == from_folder(BASE).parameters


def test_headers_are_compared_with_the_configuration(hub: HubServer, tmp_path: Path) -> None:
    base = {path.name: path.read_bytes() for path in BASE.iterdir() if path.is_file()}
    tensors = load(base["model.safetensors"])
    lost = "model.layers.1.mlp.up_proj.weight"
    less = save({name: one for name, one in tensors.items() if name != lost})
    hub.add("ana/less", base | {"model.safetensors": less})
    whole = sharded()
    twice = {name: whole["consolidated.safetensors"] for name in whole if "-of-" in name}
    hub.add("ana/twice", whole | twice)
    config = json.loads(base["config.json"]) | {"quantization_config": {"quant_method": "gptq"}}
    hub.add("ana/gptq", base | {"config.json": json.dumps(config).encode()})
    names = ("ana/less", "ana/twice", "ana/gptq")
    found = plan(hub, tmp_path, *((name, "main") for name in names))
    assert f"lack 1 tensor that `ana/less/config.json` describes: `{lost}`" in found[0]["message"]
    assert "both contain `model." in found[1]["message"]
    assert "`ana/gptq/config.json` are quantized" in found[2]["message"]
    assert hub.sent_bytes["model.safetensors"] < 400_000


def test_a_head_of_its_own_is_seen(hub: HubServer, tmp_path: Path) -> None:
    base = {path.name: path.read_bytes() for path in BASE.iterdir() if path.is_file()}
    tensors = load(base["model.safetensors"])
    head = tensors["model.embed_tokens.weight"].clone()
    hub.add("ana/twice", base | {"model.safetensors": save(tensors | {"lm_head.weight": head})})
    other = head + 1
    hub.add("ana/other", base | {"model.safetensors": save(tensors | {"lm_head.weight": other})})
    found = plan(hub, tmp_path, ("ana/twice", "main"), ("ana/other", "main"))
    assert [one["architecture"]["tied"] for one in found] == [True, False]
    assert [one["own_head"] for one in found] == [False, True]
    assert hub.sent_bytes["model.safetensors"] < 800_000


def test_what_can_be_wrong_is_one_sentence_with_a_hint(hub: HubServer, tmp_path: Path) -> None:
    base = {path.name: path.read_bytes() for path in BASE.iterdir() if path.is_file()}
    hub.add("ana/base", base)
    hub.add("ana/gated", base, gated=True)
    hub.add("ana/pickled", {"config.json": b"{}", "pytorch_model.bin": b"x"})
    hub.add("ana/torn", base | {"model.safetensors": b"\xff" * 64})
    outside = {"weight_map": {"a": "../../escape.safetensors"}}
    index = {"model.safetensors.index.json": json.dumps(outside).encode()}
    hub.add("ana/outside", index | {"config.json": b"{}"})
    adapter = {"peft_type": "LORA", "base_model_name_or_path": "ana/base"}
    hub.add("ana/adapter", {"adapter_config.json": json.dumps(adapter).encode()})
    hub.add("ana/gguf", {"model-q8_0.gguf": b"x"})
    hub.add("ana/bare", {"model.safetensors": base["model.safetensors"]})
    hub.add("ana/broken", base)
    hub.fail("/api/models/ana/broken", 500)
    wanted = {
        ("ana/nowhere", "main"): "no repository `ana/nowhere`",
        ("ana/base", "v9"): "has no revision `v9`",
        ("ana/gated", "main"): "`ana/gated` is gated",
        ("ana/pickled", "main"): "has no `.safetensors`",
        ("ana/torn", "main"): "broken safetensors header",
        ("ana/bare", "main"): "has no `config.json`",
        ("ana/adapter", "main"): "`ana/adapter` is a LoRA adapter of `ana/base`",
        ("ana/gguf", "main"): "`ana/gguf` has GGUF files",
        ("ana/outside", "main"): "which is missing",
        ("ana/broken", "main"): "answered with status 500",
        ("a/b/c", "main"): "is not a valid repository name",
    }
    found = plan(hub, tmp_path, *wanted)
    for problem, message in zip(found, wanted.values(), strict=True):
        assert message in problem["message"]
        assert "\n" not in problem["message"]
    assert "hf auth login" in found[2]["hint"]
    assert f"{hub.url}/ana/gated" in found[2]["hint"]
    assert all(problem["hint"] for problem in found)


def test_no_network_and_offline(tmp_path: Path) -> None:
    with HubServer() as hub:
        (offline,) = plan(hub, tmp_path, ("ana/base", "main"), HF_HUB_OFFLINE="1")
    (unreachable,) = plan(hub, tmp_path, ("ana/base", "main"))
    assert "`HF_HUB_OFFLINE` is set" in offline["message"]
    assert "HF_HUB_OFFLINE=0" in offline["hint"]
    assert "cannot be reached" in unreachable["message"]
    assert hub.requests == []
