"""What the processes that compute get of the person's variables, and what they never get."""

import json
import os
import subprocess
import sys

import pytest

from lockfiles.lock import Environment, TrainingLock
from planner.setup.setup import HEAP_TENSOR_BYTES
from runner.environments.variables import child_environment, environment, on_cpu
from tests.lockfiles.samples import LOCK

CANARY = "hf_canary"
SECRETS = {
    "HF_TOKEN": CANARY,
    "HUGGING_FACE_HUB_TOKEN": CANARY,
    "HF_ENDPOINT": f"http://{CANARY}",
    "HTTPS_PROXY": f"http://{CANARY}",
    "https_proxy": f"http://{CANARY}",
}
NEVER = {
    "PYTHONWARNINGS": CANARY,
    "PYTHONSTARTUP": CANARY,
    "PYTHONBREAKPOINT": CANARY,
    "PYTHONINSPECT": "1",
    "BROWSER": CANARY,
    "LD_PRELOAD": CANARY,
    "WANDB_API_KEY": CANARY,
    "AWS_SECRET_ACCESS_KEY": CANARY,
    "ACCELERATE_USE_DEEPSPEED": "1",
    "TORCH_LOGS": "+all",
    "ANYTHING_ELSE": CANARY,
}


def seen(variables: dict[str, str]) -> dict[str, str]:
    """Return the environment that a child has which is started with some variables."""
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def with_card(lock: TrainingLock, **exactness: object) -> TrainingLock:
    """Return a lock for a card."""
    machine = lock.machine.model_copy(update={"kind": "cuda", "accelerator": "x", "count": 1})
    promised = lock.exactness.model_copy(update=exactness)
    return lock.model_copy(update={"machine": machine, "exactness": promised})


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (SECRETS | NEVER).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", "/a/module")
    monkeypatch.setenv("LC_NUMERIC", "C")


@pytest.mark.usefixtures("person")
def test_a_stage_that_stays_offline_gets_no_token_and_no_host() -> None:
    found = seen(environment(LOCK, online=False))
    assert CANARY not in json.dumps(found)
    assert found["HF_HUB_OFFLINE"] == "1"
    assert (found["PATH"], found["PYTHONPATH"]) == (os.environ["PATH"], "/a/module")
    assert found["LC_NUMERIC"] == "C"


@pytest.mark.usefixtures("person")
def test_a_stage_that_asks_the_hub_has_the_persons_login_and_nothing_else_of_theirs() -> None:
    found = seen(environment(LOCK, online=True))
    assert {name: found[name] for name in SECRETS} == SECRETS
    assert not NEVER.keys() & found.keys()
    assert "HF_HUB_DISABLE_IMPLICIT_TOKEN" not in found


@pytest.mark.usefixtures("person")
@pytest.mark.parametrize("online", [True, False])
def test_no_other_process_of_ours_inherits_more(online: bool) -> None:
    found = child_environment(online=online)
    assert not NEVER.keys() & found.keys()
    assert (SECRETS.keys() <= found.keys()) == online


def test_a_person_who_is_offline_stays_so() -> None:
    given = {"HF_HUB_OFFLINE": "1"}
    assert child_environment(online=True, given=given)["HF_HUB_OFFLINE"] == "1"
    assert "HF_HUB_OFFLINE" not in child_environment(online=True, given={})


def test_a_lock_sets_its_own_variable_and_what_follows_from_it() -> None:
    conf = Environment(PYTORCH_ALLOC_CONF="expandable_segments:True")
    found = environment(with_card(LOCK, environment=conf, exact=True), online=False)
    assert found["PYTORCH_ALLOC_CONF"] == "expandable_segments:True"
    assert found["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    plain = environment(LOCK, online=False)
    assert not {"PYTORCH_ALLOC_CONF", "CUBLAS_WORKSPACE_CONFIG"} & plain.keys()
    assert (plain["OMP_NUM_THREADS"], plain["CUDA_VISIBLE_DEVICES"]) == ("1", "")


def test_of_several_cards_a_lock_uses_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    assert environment(with_card(LOCK), online=False)["CUDA_VISIBLE_DEVICES"] == "3"


def test_several_processes_see_a_card_each(monkeypatch: pytest.MonkeyPatch) -> None:
    spread = LOCK.parallel.model_copy(update={"engine": "ddp", "processes": 2})
    lock = with_card(LOCK).model_copy(update={"parallel": spread})
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5,6")
    assert environment(lock, online=False)["CUDA_VISIBLE_DEVICES"] == "3,5"
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert environment(lock, online=False)["CUDA_VISIBLE_DEVICES"] == "0,1"


def test_only_on_a_cpu_the_memory_of_tensors_is_kept_reusable() -> None:
    found = environment(LOCK, online=False)["GLIBC_TUNABLES"]
    assert f"glibc.malloc.mmap_threshold={HEAP_TENSOR_BYTES}" in found.split(":")
    assert "GLIBC_TUNABLES" not in environment(with_card(LOCK), online=False)
    assert on_cpu()["GLIBC_TUNABLES"] == found
