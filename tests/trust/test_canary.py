"""A person's Hub token goes to that person's endpoint, and to no other process, host or file."""

import subprocess
import time
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests import forked
from tests.fuzz.bases import text_of
from tests.hub_server import HubServer
from tests.journeys.demo_folder import command, small
from tests.lockfiles.samples import add_push

CANARY = "hf_canary_9f2c1e77"
ONLINE = ("01-prepare", "-push")
"""In the command lines of the stages that may speak to the Hub."""
SLOW = pytest.mark.slow


@pytest.fixture
def person() -> Iterator[HubServer]:
    """The person's endpoint, which knows the token."""
    with HubServer() as hub:
        hub.token = CANARY
        yield hub


@pytest.fixture
def stranger() -> Iterator[HubServer]:
    """The stranger's, which must get no request at all."""
    with HubServer() as hub:
        yield hub


def variables(stranger: HubServer, way: Mapping[str, str]) -> dict[str, str]:
    """Return what a lock would set to be sent the token."""
    named = {name: value.format(url=stranger.url) for name, value in way.items()}
    return {"HF_HUB_OFFLINE": "0", "NO_PROXY": "", "no_proxy": "", **named}


WAYS: Mapping[str, dict[str, str]] = {
    "the endpoint": {"HF_ENDPOINT": "{url}"},
    "the old name of the endpoint": {
        "HF_INFERENCE_ENDPOINT": "{url}",
        "HUGGINGFACE_CO_STAGING": "1",
    },
    "a proxy": {"HTTP_PROXY": "{url}", "http_proxy": "{url}", "HTTPS_PROXY": "{url}"},
    "any proxy": {"ALL_PROXY": "{url}", "all_proxy": "{url}"},
    "a file of the token": {"HF_TOKEN_PATH": "/proc/self/environ", "HF_ENDPOINT": "{url}"},
    "a tracker": {
        "WANDB_BASE_URL": "{url}",
        "WANDB_MODE": "online",
        "MLFLOW_TRACKING_URI": "{url}",
    },
}
SOURCES: Mapping[str, dict[str, Any]] = {
    "a model of the parent": {"model/source": "hf:..", "model/commit": "0a" * 20},
    "a model by an address": {"model/source": "hf:http://{host}", "model/commit": "0a" * 20},
    "rows by an address": {"data/0/source": "hf:{host}/x", "data/0/commit": "0a" * 20},
    "a push to an address": {"push": "{url}/x"},
    "a push upwards": {"push": "../../{host}"},
}


def test_no_variable_of_a_lock_leads_the_token_away(
    person: HubServer, stranger: HubServer, tmp_path: Path
) -> None:
    folder, environment = _planned(tmp_path, person, model__source="maker/base")
    before = (folder / "run.lock").read_bytes()
    for way in WAYS.values():
        (folder / "run.lock").write_bytes(before)
        values = variables(stranger, way)
        _change(folder, lambda tables: tables["exactness"].update(environment=values))  # noqa: B023
        _tried(folder, environment, "check")
        _tried(folder, environment, "run")
        _nothing_left(person, stranger, folder)


def test_no_name_in_a_lock_is_an_address(
    person: HubServer, stranger: HubServer, tmp_path: Path
) -> None:
    folder, environment = _planned(tmp_path, person)
    before = (folder / "run.lock").read_bytes()
    for source in SOURCES.values():
        (folder / "run.lock").write_bytes(before)
        _change(folder, lambda tables: _named(tables, source, stranger))  # noqa: B023
        _tried(folder, environment, "check")
        _tried(folder, environment, "run")
        _nothing_left(person, stranger, folder)


def _named(tables: dict[str, Any], source: Mapping[str, str], stranger: HubServer) -> None:
    """Put the stranger's address where a lock names a repository."""
    host = stranger.url.removeprefix("http://")
    for path, value in source.items():
        told = value.format(url=stranger.url, host=host)
        if path == "push":
            add_push(tables, told)
            continue
        *inner, last = path.split("/")
        holder: Any = tables
        for key in inner:
            holder = holder[int(key)] if isinstance(holder, list) else holder[key]
        holder[last] = told


@SLOW
def test_the_token_is_in_the_stages_that_speak_to_the_hub_alone(
    person: HubServer, stranger: HubServer, tmp_path: Path
) -> None:
    target = f"{person.user}/tuned"
    folder, environment = _planned(
        tmp_path, person, model__source="maker/base", results__push_to=target
    )
    holders = _holders([*command("run", "--foreground", "--allow", target)], folder, environment)
    assert person.repositories[target].messages, "it was pushed"
    assert any(CANARY in request.headers.get("authorization", "") for request in person.requests)
    wrong = {words for words, holds in holders.items() if holds and not _online(words)}
    assert not wrong
    assert any("train" in words for words in holders), "the processes were looked at"
    _nothing_left(person, stranger, folder)


@SLOW
def test_a_rehearsal_has_no_token(person: HubServer, stranger: HubServer, tmp_path: Path) -> None:
    folder, environment = _planned(tmp_path, person)
    holders = _holders([*command("rehearse")], folder, environment)
    assert holders, "the process of the rehearsal was looked at"
    assert not any(holders.values())
    _nothing_left(person, stranger, folder)


def _planned(tmp_path: Path, person: HubServer, **more: object) -> tuple[Path, dict[str, str]]:
    folder = small(
        tmp_path / "run", train__epochs=1, results__gguf=[], results__evaluate=False, **more
    )
    person.add("maker/base", folder / "base", license="apache-2.0")
    cache = str(tmp_path / "cache")
    environment = person.environment(tmp_path / "home", token=CANARY, XDG_CACHE_HOME=cache)
    done = forked.run("plan", folder=folder, environment=environment)
    assert done.returncode == 0, done.stderr
    return folder, environment


def _change(folder: Path, change: Any) -> None:
    """Change the lock as its author could, digests and all."""
    tables = tomllib.loads((folder / "run.lock").read_text("utf-8"))
    change(tables)
    (folder / "run.lock").write_text(text_of(tables), "utf-8")


def _tried(folder: Path, environment: dict[str, str], verb: str) -> None:
    words = ("run", "--foreground") if verb == "run" else (verb,)
    done = forked.run(*words, folder=folder, environment=environment)
    assert "Traceback" not in done.stderr, done.stderr
    assert CANARY not in done.stdout + done.stderr


def _nothing_left(person: HubServer, stranger: HubServer, folder: Path) -> None:
    """The token went to no other host, in no request but its own header's, and into no file."""
    assert not stranger.requests
    for request in person.requests:
        assert CANARY not in f"{request.path}{request.query}"
        others = {name for name, value in request.headers.items() if CANARY in value}
        assert others <= {"authorization"}
    files = (path for path in folder.rglob("*") if path.is_file())
    kept = [path for path in files if CANARY.encode() in path.read_bytes()]
    assert not kept


def _holders(words: list[str], folder: Path, environment: dict[str, str]) -> dict[str, bool]:
    """Run a command and return, for each process that it started, whether it has the token."""
    found: dict[str, bool] = {}
    with subprocess.Popen(
        words, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        while process.poll() is None:
            for pid in _below(process.pid):
                _look(pid, found)
            time.sleep(0.02)
        assert process.stderr is not None
        assert process.returncode == 0, process.stderr.read().decode()
    return found


def _look(pid: int, found: dict[str, bool]) -> None:
    """Note whether a process was started with the token; one that just forked is passed over."""
    place = Path(f"/proc/{pid}")
    try:
        words = place.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode()
        holds = CANARY.encode() in place.joinpath("environ").read_bytes()
    except OSError:
        return
    if words and " -m runner" in words:
        found[words] = found.get(words, False) or holds


def _online(words: str) -> bool:
    return any(stage in words for stage in ONLINE)


def _below(pid: int) -> Iterator[int]:
    """Yield the processes below a process."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    except OSError:
        return
    for child in map(int, children):
        yield child
        yield from _below(child)
