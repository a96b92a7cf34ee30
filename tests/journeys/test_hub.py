"""From the Hub and back: a base that is pinned and downloaded, a push that fails and is mended."""

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest

from lockfiles import lock
from runner.runs.events import read
from tests import forked
from tests.hub_server import HubServer
from tests.journeys.demo_folder import small

for package in ("trl", "gguf"):
    pytest.importorskip(package)

RUN = ("run", "--foreground", "--runs", "runs")


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as hub:
        yield hub


def tunelock_on(
    hub: HubServer, folder: Path, home: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return what runs `tunelock` in a folder for a person who is logged in to the Hub."""
    environment = hub.environment(home / "home", XDG_CACHE_HOME=str(home / "cache"))
    return partial(forked.run, folder=folder, environment=environment)


def received(hub: HubServer, target: str, place: Path) -> Mapping[str, bytes]:
    """Return the files of a private repository, which name no path under `place`."""
    repository = hub.repositories[target]
    assert repository.private
    sent = repository.commits[repository.branches["main"]]
    assert not [name for name in sent if name.endswith((".bin", ".pt", ".jsonl"))]
    for name, content in sent.items():
        assert str(place).encode() not in content, name
    return sent


@pytest.mark.slow
def test_a_base_from_the_hub_is_tuned_and_pushed(hub: HubServer, tmp_path: Path) -> None:
    target = f"{hub.user}/tuned"
    folder = small(
        tmp_path / "run", model__source="maker/base", results__push_to=target, train__epochs=1
    )
    further = "additional_chat_templates/tool_use.jinja"
    (folder / "base" / further).parent.mkdir()
    (folder / "base" / further).write_text("{{ tools }}", "utf-8")
    commit = hub.add("maker/base", folder / "base", license="apache-2.0")
    tunelock = tunelock_on(hub, folder, tmp_path)
    planned = tunelock("plan")
    assert planned.returncode == 0, planned.stderr
    locked = lock.read(folder / "run.lock")
    assert locked.model.source == "hf:maker/base"
    assert (locked.model.commit, locked.model.license) == (commit, "apache-2.0")
    assert hub.sent_bytes["model.safetensors"] < 200_000, "planning downloads no weights"

    refused = tunelock(*RUN)
    assert refused.returncode == 2
    assert f"confirm with `--allow {target}`" in refused.stderr
    assert not (folder / "runs").exists()

    hub.fail(r"POST /api/models/.*/commit/", 400, times=1)
    failed = tunelock(*RUN, "--allow", target)
    assert failed.returncode == 1, failed.stderr
    assert "hint:" in failed.stderr

    done = tunelock(*RUN, "--allow", target)
    assert done.returncode == 0, done.stderr[-3000:]
    (run,) = (folder / "runs").iterdir()
    finished = [e.stage for e in read(run / "events.jsonl")[0] if e.kind == "done"]
    assert finished.count("train") == 1, "a failed push costs no training"
    sent = received(hub, target, tmp_path)
    pushed = set(sent)
    wanted = {"model.safetensors", "tokenizer.json", "chat_template.jinja", "demo-q8_0.gguf"}
    assert wanted | {"run.lock", "adapter/adapter_model.safetensors"} <= pushed
    assert {further, f"adapter/{further}"} <= pushed
    assert json.loads(sent["adapter/adapter_config.json"])["base_model_name_or_path"] == (
        "maker/base"
    )
    card = sent["README.md"].decode()
    assert 'base_model: "maker/base"' in card
    assert "on 45 rows, 1 of them training rows too" in card
    report = json.loads((run / "stages" / "06-push" / "done.json").read_bytes())
    assert {one["name"] for one in report["sent"]} == pushed
