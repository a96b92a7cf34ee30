"""Datasets from a Hub: the real client, against a local server."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub_server import HubServer
from tests.planner.hub.datasets.hub_calls import card, jsonl, local, parquet

pytest.importorskip("pyarrow")

CONVERTED = "refs/convert/parquet"
TWO = """
- config_name: main
  data_files:
  - split: train
    path: main/train-*
  - split: test
    path: main/test-*
- config_name: socratic
  data_files: socratic.jsonl
"""


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as hub:
        yield hub


def two_configs(hub: HubServer, **more: bytes) -> str:
    return hub.add(
        "datasets/ana/maths",
        {
            "README.md": card(TWO),
            "main/train-00000-of-00002.parquet": parquet("a", "b"),
            "main/train-00001-of-00002.parquet": parquet("c"),
            "main/test-00000-of-00001.parquet": parquet("t"),
            "socratic.jsonl": jsonl("s"),
            **more,
        },
    )


def test_a_split_of_two_shards_is_one_table_of_its_files_only(
    hub: HubServer, tmp_path: Path
) -> None:
    commit = two_configs(hub)
    (found,) = local(hub, tmp_path, "hf:ana/maths:main:train")
    assert found["rows"] == ["a", "b", "c"]
    shards = ["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"]
    assert found["inside"] == shards
    assert (found["commit"], found["revision"]) == (commit, "main")
    assert found["name"] == "hf:ana/maths:main:train"
    data = [parquet("a", "b"), parquet("c")]
    assert found["files"] == [
        {"name": f"main/{name}", "size_bytes": len(d), "sha256": hashlib.sha256(d).hexdigest()}
        for name, d in zip(shards, data, strict=True)
    ]
    assert set(hub.sent_bytes) & set(shards) == set(shards)
    others = {"test-00000-of-00001.parquet", "socratic.jsonl"}
    assert not others & {path for path, size in hub.sent_bytes.items() if size}


def test_a_small_file_has_a_digest_too(hub: HubServer, tmp_path: Path) -> None:
    two_configs(hub)
    (found,) = local(hub, tmp_path, "hf:ana/maths:socratic")
    assert found["name"] == "hf:ana/maths:socratic:train"
    assert found["files"][0]["sha256"] == hashlib.sha256(jsonl("s")).hexdigest()


def test_the_use_says_the_split_that_the_name_does_not(hub: HubServer, tmp_path: Path) -> None:
    two_configs(hub)
    wanted: list[tuple[str, str]] = [
        ("hf:ana/maths:main", "test"),
        ("hf:ana/maths:main:train", "test"),
        ("hf:ana/maths:main", "validation"),
    ]
    test, train, none = local(hub, tmp_path, *wanted)
    assert (test["rows"], train["rows"]) == (["t"], ["a", "b", "c"])
    assert none["message"] == (
        "`hf:ana/maths:main` has no split `validation`; it has `train`, `test`."
    )


def test_configs_and_splits_that_are_not_there_are_listed(hub: HubServer, tmp_path: Path) -> None:
    two_configs(hub)
    hub.add("datasets/ana/plain", {"train.jsonl": jsonl("a"), "dev.jsonl": jsonl("b")})
    found = local(
        hub, tmp_path, "hf:ana/maths", "hf:ana/maths:algebra", "hf:ana/maths:main:dev",
        "hf:ana/plain:validation",
    )  # fmt: skip
    assert [one["message"] for one in found] == [
        "`hf:ana/maths` needs a config; it has `main`, `socratic`.",
        "`hf:ana/maths` has no config `algebra`; it has `main`, `socratic`.",
        "`hf:ana/maths:main` has no split `dev`; it has `train`, `test`.",
        "`hf:ana/plain` has no config `validation`; it has `default`.",
    ]
    assert [one["hint"] for one in found] == [
        "write `hf:ana/maths:main`, or another config",
        "write `hf:ana/maths:main`, or another config",
        "write `hf:ana/maths:main:train`, or another split",
        "write `hf:ana/plain:default:validation`",
    ]
    assert {one["code"] for one in found} == {2}


def test_the_default_config_is_the_only_one_or_the_one_that_is_called_so(
    hub: HubServer, tmp_path: Path
) -> None:
    files = {"a.jsonl": jsonl("a"), "b.jsonl": jsonl("b")}
    for name, cards in {
        "only": "- {config_name: x, data_files: b.jsonl}",
        "called": "- {config_name: x, data_files: a.jsonl}\n"
        "- {config_name: default, data_files: b.jsonl}",
        "marked": "- {config_name: x, data_files: a.jsonl}\n"
        "- {config_name: y, data_files: b.jsonl, default: true}",
    }.items():
        hub.add(f"datasets/ana/{name}", files | {"README.md": card(cards)})
    found = local(hub, tmp_path, "hf:ana/only", "hf:ana/called", "hf:ana/marked")
    assert [one["config"] for one in found] == ["x", "default", "y"]
    assert [one["rows"] for one in found] == [["b"]] * 3


def test_a_revision_is_a_branch_or_a_commit(hub: HubServer, tmp_path: Path) -> None:
    first = hub.add("datasets/ana/rows", {"train.jsonl": jsonl("old")})
    second = hub.add("datasets/ana/rows", {"train.jsonl": jsonl("new")})
    hub.add("datasets/ana/rows", {"train.jsonl": jsonl("other")}, branch="refs/pr/1")
    names = ("hf:ana/rows", f"hf:ana/rows@{first}", "hf:ana/rows@refs/pr/1:default:train")
    found = local(hub, tmp_path, *names)
    assert [one["rows"] for one in found] == [["new"], ["old"], ["other"]]
    assert [one["commit"] for one in found[:2]] == [second, first]
    assert found[2]["revision"] == "refs/pr/1"
    hub.requests.clear()
    (again,) = local(hub, tmp_path, f"hf:ana/rows@{first}")
    assert again["rows"] == ["old"] and not hub.requests, "a commit never changes"


def test_a_folder_is_a_config_where_no_card_says_any(hub: HubServer, tmp_path: Path) -> None:
    files = {f"{name}/train/0.jsonl": jsonl(name) for name in ("fr", "en")}
    hub.add("datasets/ana/rows", files)
    french, both = local(hub, tmp_path, "hf:ana/rows:fr", "hf:ana/rows")
    assert french["rows"] == ["fr"] and french["inside"] == ["0.jsonl"]
    assert both["rows"] == ["en", "fr"], "as the library `datasets` has it"
    assert both["inside"] == ["en%2Ftrain%2F0.jsonl", "fr%2Ftrain%2F0.jsonl"]


def test_what_is_not_read_here_is_taken_as_the_hub_converted_it(
    hub: HubServer, tmp_path: Path
) -> None:
    sources: dict[str, dict[str, bytes]] = {
        "packed": {"train.jsonl.gz": b"\x1f\x8b", "test.jsonl.gz": b"\x1f\x8b"},
        "script": {"script.py": b"raise SystemExit", "train.jsonl": jsonl("not this")},
        "options": {
            "README.md": card('- {config_name: default, data_files: "*.csv", sep: ";"}'),
            "train.csv": b"text;more\nnot this;1\n",
        },
    }
    made = {
        "default/train/0000.parquet": parquet("a"), "default/train/0001.parquet": parquet("b"),
        "default/test/0000.parquet": parquet("t"), "extra/partial-train/0000.parquet": parquet("p"),
    }  # fmt: skip
    commits, asked = {}, list[tuple[str, str]]()
    for name, files in sources.items():
        hub.add(f"datasets/ana/{name}", files)
        commits[name] = hub.add(f"datasets/ana/{name}", made, branch=CONVERTED)
        asked += [(f"hf:ana/{name}", "train"), (f"hf:ana/{name}", "test")]
    own = (f"hf:ana/packed@{CONVERTED}:default:test", "hf:ana/script:extra")
    *found, named, extra = local(hub, tmp_path, *asked, *own)
    for name, train, test in zip(sources, found[::2], found[1::2], strict=True):
        assert (train["rows"], test["rows"]) == (["a", "b"], ["t"]), name
        assert train["inside"] == ["0000.parquet", "0001.parquet"]
        assert (train["commit"], train["revision"]) == (commits[name], CONVERTED)
        assert train["name"] == f"hf:ana/{name}@{CONVERTED}:default:train"
    assert named["rows"] == ["t"]
    assert extra["message"].endswith("has no split `train`; it has `partial-train`.")


def test_what_nobody_can_read_is_one_error(hub: HubServer, tmp_path: Path) -> None:
    hub.add("datasets/ana/packed", {"train.jsonl.gz": b"\x1f\x8b"})
    hub.add("datasets/ana/script", {"script.py": b"raise SystemExit", "train.jsonl": b""})
    hub.add("datasets/ana/pictures", {"a.png": b"", "metadata.jsonl": jsonl("a")})
    hub.add("datasets/ana/empty", {".gitattributes": b""})
    hub.add("datasets/ana/card", {"README.md": b"---\nconfigs: [\n---\n", "a.csv": b""})
    names = ("packed", "script", "pictures", "empty", "card")
    found = local(hub, tmp_path, *(f"hf:ana/{name}" for name in names), "hf:ana/packed@main:d")
    for one, said in zip(
        found,
        (
            "`train.jsonl.gz` is not JSONL, JSON, CSV or Parquet",
            "it is generated by the script `script.py`, which is not run",
            "`a.png` is not JSONL, JSON, CSV or Parquet",
            "it has no data files",
            "the `configs` in its `README.md` are invalid",
            "has no config `d`",
        ),
        strict=True,
    ):
        assert said in one["message"] and "\n" not in one["message"]
        assert one["hint"] and one["code"] == 2
    assert found[0]["message"].endswith(", and the Hub has not converted it to Parquet.")


def test_what_the_hub_refuses_is_one_error(hub: HubServer, tmp_path: Path) -> None:
    rows = {"train.jsonl": jsonl("a"), "README.md": card("- {config_name: x}")}
    hub.add("datasets/ana/rows", rows)
    hub.add("datasets/ana/gated", rows, gated=True)
    hub.add("datasets/ana/hidden", rows, private=True)
    hub.add("datasets/ana/broken", rows)
    hub.fail("/api/datasets/ana/broken", 500)
    names = ("gated", "nowhere", "rows@v9", "broken")
    gated, nowhere, revision, broken = local(hub, tmp_path, *(f"hf:ana/{name}" for name in names))
    (hidden,) = local(hub, tmp_path, "hf:ana/hidden", token="")
    assert "`ana/gated` is gated" in gated["message"]
    assert f"{hub.url}/datasets/ana/gated" in gated["hint"] and "hf auth login" in gated["hint"]
    assert "no dataset `ana/nowhere`" in nowhere["message"]
    assert "no dataset `ana/hidden`" in hidden["message"]
    assert "no revision `v9`" in revision["message"]
    assert "answered with status 500" in broken["message"]
    assert {one["code"] for one in (gated, nowhere, hidden, revision, broken)} == {2}


@pytest.mark.parametrize(
    "name", ["hf:", "hf:ana", "hf:ana/a/b", "hf:ana/a:b:c:d", "hf:../a", "hf: a/b"]
)
def test_what_is_no_name_is_said_before_anything_is_asked(
    hub: HubServer, tmp_path: Path, name: str
) -> None:
    (found,) = local(hub, tmp_path, name)
    assert found["message"] == f"`{name}` is not a valid reference to a dataset on the Hub."
    assert not hub.requests


def test_without_network_there_is_what_was_fetched_before(hub: HubServer, tmp_path: Path) -> None:
    two_configs(hub)
    (before,) = local(hub, tmp_path, "hf:ana/maths:main:train")
    asked = len(hub.requests)
    names = ("hf:ana/maths:main:train", "hf:ana/maths:main:test", "hf:ana/other", "hf:ana/maths")
    again, other, never, listed = local(hub, tmp_path, *names, HF_HUB_OFFLINE="1")
    assert len(hub.requests) == asked
    assert again["rows"] == before["rows"] and again["files"] == before["files"]
    assert again["said"] == []
    assert "`HF_HUB_OFFLINE` is set" in other["message"] and "HF_HUB_OFFLINE=0" in other["hint"]
    assert "the dataset `ana/other` at `main` is not in the cache" in never["message"]
    assert "it has `main`, `socratic`" in listed["message"]
    assert {one["code"] for one in (other, never, listed)} == {2}


def test_a_hub_that_cannot_be_reached(tmp_path: Path) -> None:
    with HubServer() as hub:
        pass
    (found,) = local(hub, tmp_path, "hf:ana/rows")
    assert "cannot be reached" in found["message"] and "HTTPS_PROXY" in found["hint"]


def test_a_download_that_broke_goes_on(hub: HubServer, tmp_path: Path) -> None:
    long = jsonl(*("x" * 1000 for _ in range(12_000)))
    hub.add("datasets/ana/rows", {"train.jsonl": long})
    hub.cut("train.jsonl", after=11_000_000)
    (found,) = local(hub, tmp_path, "hf:ana/rows")
    assert len(found["rows"]) == 12_000
    assert f"bytes={10 << 20}-" in [request.headers.get("range") for request in hub.requests]
    assert found["said"][:2] == [
        "looking up `ana/rows` on the Hub", "downloading 12.2 MB of `hf:ana/rows:default:train`",
    ]  # fmt: skip
    assert found["said"][2:] and all(one.startswith("… ") for one in found["said"][2:])


def test_a_download_that_failed_keeps_the_files_that_are_whole(
    hub: HubServer, tmp_path: Path
) -> None:
    two_configs(hub)
    hub.fail("GET /datasets/ana/maths/resolve/.*/train-00001", 403, times=1)
    failed, found = local(hub, tmp_path, *["hf:ana/maths:main:train"] * 2)
    assert "refuses access" in failed["message"] and failed["code"] == 2
    assert found["rows"] == ["a", "b", "c"]
    assert hub.sent_bytes["train-00000-of-00002.parquet"] == len(parquet("a", "b"))


def test_a_damaged_cache_is_told_and_the_hint_mends_it(hub: HubServer, tmp_path: Path) -> None:
    two_configs(hub)
    (found,) = local(hub, tmp_path, "hf:ana/maths:main:train")
    blob = (Path(found["folder"]) / found["inside"][1]).resolve()
    blob.write_bytes(blob.read_bytes()[::-1])
    (problem,) = local(hub, tmp_path, "hf:ana/maths:main:train")
    assert problem["code"] == 5
    assert "-00002.parquet` of `ana/maths` does not match the pinned file" in problem["message"]
    assert problem["hint"].startswith(f"`rm {blob}`, then ")
    blob.unlink()
    (mended,) = local(hub, tmp_path, "hf:ana/maths:main:train")
    assert mended["rows"] == found["rows"]


def test_a_dataset_that_moved_on_leaves_nothing_of_the_older(
    hub: HubServer, tmp_path: Path
) -> None:
    hub.add("datasets/ana/rows", {"train/a.jsonl": jsonl("a"), "train/b.jsonl": jsonl("b")})
    local(hub, tmp_path, "hf:ana/rows")
    hub.add("datasets/ana/rows", {"train/b.jsonl": jsonl("b2")})
    (found,) = local(hub, tmp_path, "hf:ana/rows")
    assert found["rows"] == ["b2"]


def test_a_card_cannot_lead_out_of_the_cache(hub: HubServer, tmp_path: Path) -> None:
    cards = '- {config_name: "..", data_files: [{split: x, path: a.jsonl}]}'
    hub.add("datasets/ana/rows", {"README.md": card(cards), "a.jsonl": jsonl("a")})
    (found,) = local(hub, tmp_path, "hf:ana/rows:..:x")
    assert found["folder"].endswith(f"/datasets/ana/rows/{found['commit']}/%2E%2E/x")


def test_many_files_are_listed_page_by_page(hub: HubServer, tmp_path: Path) -> None:
    others = {f"notes/{number}.md": b"" for number in range(2100)}
    hub.add("datasets/ana/rows", others | {"train.jsonl": jsonl("a")})
    (found,) = local(hub, tmp_path, "hf:ana/rows")
    assert found["rows"] == ["a"]
    pages = [one for one in hub.requests if one.path.endswith(f"/tree/{found['commit']}")]
    assert len(pages) >= 3


def test_parquet_that_nothing_here_reads_is_not_fetched(hub: HubServer, tmp_path: Path) -> None:
    two_configs(hub)
    _, found = hub.run(
        "fetch_datasets", ["pyarrow"], ("hf:ana/maths:main", "train"),
        home=tmp_path / "hub", XDG_CACHE_HOME=str(tmp_path / "cache"),
    )  # fmt: skip
    assert found["message"] == (
        "`hf:ana/maths:main:train` is Parquet, but `pyarrow` is not installed."
    )
    assert "tunelock[parquet]" in found["hint"]
    assert not any(name.endswith(".parquet") for name in hub.sent_bytes)


def test_the_token_is_kept_nowhere(hub: HubServer, tmp_path: Path) -> None:
    two_configs(hub)
    local(hub, tmp_path, "hf:ana/maths:main:train")
    assert any(hub.token in request.headers.get("authorization", "") for request in hub.requests)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files and not [path for path in files if hub.token.encode() in path.read_bytes()]


def test_a_cache_that_is_broken_or_closed(hub: HubServer, tmp_path: Path) -> None:
    two_configs(hub)
    local(hub, tmp_path, "hf:ana/maths:socratic")
    record = tmp_path / "cache" / "tunelock" / "datasets" / "ana" / "maths" / "main.json"
    record.write_text(record.read_text("utf-8")[:40], "utf-8")
    (found,) = local(hub, tmp_path, "hf:ana/maths:socratic")
    assert found["rows"] == ["s"]
    (tmp_path / "file").touch()
    (closed,) = local(hub, tmp_path, "hf:ana/maths:socratic", XDG_CACHE_HOME=str(tmp_path / "file"))
    assert "cannot be written: Not a directory" in closed["message"]
    assert "XDG_CACHE_HOME" in closed["hint"] and closed["code"] == 2
