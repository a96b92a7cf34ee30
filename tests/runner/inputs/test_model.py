"""Fetching the locked model: the real client, against a local server."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.hub_server import HubServer
from tests.lockfiles.samples import LOCK

WEIGHTS = bytes(range(256)) * 8000
FILES = {
    "config.json": b'{"a": 1}',
    "model.safetensors": WEIGHTS,
    "extra.adapter.safetensors": WEIGHTS[:100_000],
    "additional_chat_templates/tool_use.jinja": b"tools",
}
OTHERS = {"README.md": b"not locked", "consolidated.safetensors": b"not locked either"}


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as hub:
        yield hub


def locked(commit: str, files: Mapping[str, bytes] = FILES) -> dict[str, Any]:
    """Return the lock's table of a model with these files."""
    table = LOCK.model.model_dump() | {"source": "hf:ana/base", "commit": commit}
    table["files"] = [
        {"name": name, "size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in files.items()
    ]
    return table


def download(hub: HubServer, home: Path, *models: dict[str, Any], **switches: Any) -> list[Any]:
    cases = [(model, str(home / "cache")) for model in models]
    return list(hub.run("download_models", *cases, home=home, **switches))


def contents(folder: str) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


def test_exactly_the_locked_files_at_the_locked_commit(hub: HubServer, tmp_path: Path) -> None:
    commit = hub.add("ana/base", {**FILES, **OTHERS})
    hub.add("ana/base", {"config.json": b"newer"})
    (found,) = download(hub, tmp_path, locked(commit))
    assert contents(found["folder"]) == FILES
    total = sum(map(len, FILES.values()))
    done = [pair[0] for pair in found["told"]]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, total)
    assert any(0 < bytes_done < total for bytes_done in done)


def test_what_is_there_needs_no_hub(hub: HubServer, tmp_path: Path) -> None:
    commit = hub.add("ana/base", FILES)
    (first,) = download(hub, tmp_path, locked(commit))
    asked = len(hub.requests)
    (second,) = download(hub, tmp_path, locked(commit))
    assert second["folder"] == first["folder"]
    assert {pair[0] for pair in second["told"]} == {sum(map(len, FILES.values()))}
    assert len(hub.requests) == asked


def test_the_usual_cache_is_the_default(hub: HubServer, tmp_path: Path) -> None:
    commit = hub.add("ana/base", FILES)
    (found,) = hub.run("download_models", (locked(commit), None), home=tmp_path)
    assert Path(found["folder"]).is_relative_to(tmp_path / "hub")


def test_a_broken_connection_goes_on_where_it_broke(hub: HubServer, tmp_path: Path) -> None:
    long = FILES | {"model.safetensors": WEIGHTS * 6}
    commit = hub.add("ana/base", long)
    hub.cut("model.safetensors", after=11_000_000)
    (found,) = download(hub, tmp_path, locked(commit, long))
    assert contents(found["folder"]) == long
    ranges = [request.headers.get("range") for request in hub.requests]
    assert f"bytes={10 << 20}-" in ranges


def test_a_failed_download_keeps_what_is_whole(hub: HubServer, tmp_path: Path) -> None:
    commit = hub.add("ana/base", FILES)
    hub.fail("GET /ana/base/resolve/.*/config.json", 403, times=1)
    failed, found = download(hub, tmp_path, locked(commit), locked(commit))
    assert "refuses access" in failed["message"]
    assert contents(found["folder"]) == FILES
    assert hub.sent_bytes["model.safetensors"] == len(WEIGHTS)


@pytest.mark.parametrize("change", [WEIGHTS[:-1], WEIGHTS[::-1]], ids=["size", "bytes"])
def test_another_file_is_named(hub: HubServer, tmp_path: Path, change: bytes) -> None:
    commit = hub.add("ana/base", FILES)
    model = locked(commit, FILES | {"model.safetensors": change})
    (problem,) = download(hub, tmp_path, model)
    assert problem["code"] == 5
    assert "`model.safetensors` of `ana/base` does not match the pinned file" in problem["message"]


def test_the_hint_mends_a_damaged_cache(hub: HubServer, tmp_path: Path) -> None:
    commit = hub.add("ana/base", FILES)
    (found,) = download(hub, tmp_path, locked(commit))
    blob = (Path(found["folder"]) / "model.safetensors").resolve()
    blob.write_bytes(WEIGHTS[::-1])
    (problem,) = download(hub, tmp_path, locked(commit))
    assert problem["code"] == 5
    assert problem["hint"].startswith(f"`rm {blob}`, then ")
    blob.unlink()
    (mended,) = download(hub, tmp_path, locked(commit))
    assert contents(mended["folder"]) == FILES


def test_what_cannot_be_fetched(hub: HubServer, tmp_path: Path) -> None:
    commit = hub.add("ana/base", FILES)
    huge = locked(commit)
    huge["files"][1]["size_bytes"] = 10**15
    gone = locked("0" * 40)
    more = locked(commit, FILES | {"tokenizer.json": b"{}"})
    (full,) = download(hub, tmp_path, huge)
    assert hub.requests == []
    revision, entry = download(hub, tmp_path, gone, more)
    hub.repositories["ana/base"].gated = True
    (gated,) = download(hub, tmp_path / "other", locked(commit))
    assert full["code"] == 2
    assert "needs 1000000.0 GB more" in full["message"]
    assert (revision["code"], entry["code"], gated["code"]) == (2, 5, 2)
    assert f"no revision `{'0' * 40}`" in revision["message"]
    assert "has no `tokenizer.json` at commit" in entry["message"]
    assert "is gated" in gated["message"]
    assert all(problem["hint"] for problem in (full, revision, entry, gated))
