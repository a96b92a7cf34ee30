"""Pushing a folder: the real client, against a local server."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hub_server import HubServer

LARGE = bytes(range(256)) * 4000


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as hub:
        yield hub


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "gguf").mkdir(parents=True)
    (folder / "config.json").write_text('{"a": 1}')
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\nTuned.\n")
    (folder / "model.safetensors").write_bytes(LARGE)
    (folder / "gguf" / "q8_0.gguf").write_bytes(LARGE[::-1])
    return folder


def push(hub: HubServer, folder: Path, *, repo: str = "ana/tuned", private: bool = False) -> Any:
    return hub.run("push_folders", (str(folder), repo, private), home=folder.parent / "home")[0]


def writes(hub: HubServer) -> list[str]:
    return [f"{r.method} {r.path}" for r in hub.requests if r.method in ("PUT", "POST")]


def test_a_folder_becomes_one_commit(hub: HubServer, folder: Path) -> None:
    pushed = push(hub, folder, private=True)
    repository = hub.repositories["ana/tuned"]
    assert repository.private
    assert repository.messages == ["initial commit", "tuned"]
    assert pushed["commit"] == repository.branches["main"]
    assert pushed["url"] == f"{hub.url}/ana/tuned"
    assert repository.commits[pushed["commit"]] == {
        name: (folder / name).read_bytes()
        for name in ("config.json", "README.md", "model.safetensors", "gguf/q8_0.gguf")
    }
    assert {one["name"]: (one["size_bytes"], one["sha256"]) for one in pushed["sent"]} == {
        name: (len(content), hashlib.sha256(content).hexdigest())
        for name, content in repository.commits[pushed["commit"]].items()
    }


@pytest.mark.parametrize("hard", [False, True])
def test_a_link_is_never_pushed(hub: HubServer, folder: Path, hard: bool) -> None:
    secret = folder.parent / "id_rsa"
    secret.write_text("private")
    target = folder / "tokenizer.model"
    target.hardlink_to(secret) if hard else target.symlink_to(secret)
    assert "is not a regular file of this run" in push(hub, folder)["message"]
    assert hub.repositories == {}


def test_bytes_are_told_up_to_the_end(hub: HubServer, folder: Path) -> None:
    told = push(hub, folder)["told"]
    total = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert [pair[0] for pair in told] == sorted(pair[0] for pair in told)
    assert len({pair[0] for pair in told}) == 5
    assert told[0] == [0, total]
    assert told[-1] == [total, total]


def test_a_push_is_repeated_after_a_failure(hub: HubServer, folder: Path) -> None:
    hub.fail("POST /api/models/ana/tuned/commit", 500, times=1)
    failed, pushed = hub.run(
        "push_folders", *[(str(folder), "ana/tuned", False)] * 2, home=folder.parent / "home"
    )
    assert "status 500" in failed["message"]
    assert failed["hint"]
    repository = hub.repositories["ana/tuned"]
    assert repository.messages == ["initial commit", "tuned"]
    assert repository.branches["main"] == pushed["commit"]
    assert len([line for line in writes(hub) if line.startswith("PUT")]) == 2


def test_a_broken_upload_is_a_sentence_and_leaves_the_branch(hub: HubServer, folder: Path) -> None:
    hub.fail("PUT /objects/", 403)
    problem = push(hub, folder)
    assert "refuses access" in problem["message"]
    assert problem["told"][-1][0] < 1000
    assert hub.repositories["ana/tuned"].messages == ["initial commit"]


def test_the_same_again_makes_no_commit(hub: HubServer, folder: Path) -> None:
    first = push(hub, folder)
    hub.repositories["ana/tuned"].commit({**hub.repositories["ana/tuned"].commits[first["commit"]],
                                          "notes.txt": b"theirs"}, "notes")  # fmt: skip
    again = push(hub, folder)
    repository = hub.repositories["ana/tuned"]
    assert repository.messages == ["initial commit", "tuned", "notes"]
    assert again["commit"] == repository.branches["main"]
    assert repository.commits[again["commit"]]["notes.txt"] == b"theirs"


def test_a_private_push_never_lands_in_public(hub: HubServer, folder: Path) -> None:
    hub.add("ana/tuned", {})
    problem = push(hub, folder, private=True)
    assert "exists and is public" in problem["message"]
    assert hub.repositories["ana/tuned"].messages == ["add"]
    assert hub.objects == {}


def test_what_cannot_be_pushed(hub: HubServer, folder: Path) -> None:
    (folder.parent / "empty").mkdir()
    cases = [
        (str(folder.parent / "empty"), "ana/tuned", False),
        (str(folder.parent / "nowhere"), "ana/tuned", False),
        (str(folder), "tuned", False),
        (str(folder), "other/tuned", False),
    ]
    found = hub.run("push_folders", *cases, home=folder.parent / "home")
    wanted = [
        "are no files",
        "are no files",
        "is not a repository name",
        "refuses access to `other/tuned`",
    ]
    assert all(text in problem["message"] for problem, text in zip(found, wanted, strict=True))
    assert all(problem["hint"] for problem in found)
    assert hub.repositories == {}


def test_a_model_card_that_is_not_valid(hub: HubServer, folder: Path) -> None:
    hub.fail("POST /api/validate-yaml", 400)
    message = push(hub, folder)["message"]
    assert message == "The Hub refused the files for `ana/tuned`: Invalid metadata in README.md."


def check(hub: HubServer, home: Path, *repos: str, **switches: Any) -> list[Any]:
    return list(hub.run("check_access", *repos, home=home, **switches))


def test_who_may_write(hub: HubServer, tmp_path: Path) -> None:
    hub.organisations = {"lab": "write", "club": "read"}
    hub.add("lab/there", {})
    hub.add("lab/closed", {})
    hub.fail("GET /api/models/lab/closed/auth-check/write", 403)
    hub.add("other/there", {})
    right = ("ana/new", "lab/there", "lab/new")
    wrong = ("lab/closed", "club/new", "other/there", "other/new")
    *found, nameless = check(hub, tmp_path, *right, *wrong, "no name")
    assert found[:3] == ["ana", "ana", "ana"]
    assert all("may neither write" in message and hint for message, hint in found[3:])
    assert "is not a repository name" in nameless[0]
    assert writes(hub) == []


def test_tokens_that_are_not_enough(hub: HubServer, tmp_path: Path) -> None:
    (nobody,) = check(hub, tmp_path, "ana/new", token="")
    (wrong,) = check(hub, tmp_path, "ana/new", token="hf_wrong")
    hub.role = "read"
    (reader,) = check(hub, tmp_path, "ana/new")
    assert nobody == ["`ana/new` requires a login to the Hub.", "hf auth login"]
    assert "refuses access to `ana/new` (status 401)" in wrong[0]
    assert "is read-only" in reader[0]
    assert "settings/tokens" in reader[1]


def test_a_fine_grained_token_reaches_what_it_grants(hub: HubServer, tmp_path: Path) -> None:
    hub.role = "fineGrained"
    hub.add("ana/there", {})
    hub.scoped = [{"entity": {"type": "model", "name": "ana/there"}, "permissions": ["repo.write"]}]
    granted, missing = check(hub, tmp_path, "ana/there", "ana/new")
    assert granted == "ana"
    assert "may neither write" in missing[0]
    hub.scoped = [{"entity": {"type": "user", "name": "ana"}, "permissions": ["repo.content.read"]}]
    ((refused, _),) = check(hub, tmp_path, "ana/new")
    assert "may neither write" in refused
    hub.scoped = [{"entity": {"type": "user", "name": "ana"}, "permissions": ["repo.write"]}]
    assert check(hub, tmp_path, "ana/new") == ["ana"]
