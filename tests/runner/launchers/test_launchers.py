"""What `tunelock launch` writes: valid for the schemas of pinned releases, and for a shell."""

import gzip
import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from lockfiles import lock as locks
from lockfiles.errors import UsageProblem
from lockfiles.lock import TrainingLock
from planner.catalogue.lookup import find_accelerator
from planner.plan.integrity import integrity
from runner.launchers import kubernetes, skypilot, slurm
from runner.launchers.job import FILL_IN, Job, job_of
from runner.supervisor.supervise import run_folder
from tests.lockfiles.samples import LOCK
from tests.runner.supervisor.test_continuing import run_of
from tui.cli import command

DATA = Path(__file__).parents[2] / "data" / "clusters"
CARDS: dict[str, Any] = {
    "parallel": {"engine": "ddp", "processes": 16, "nodes": 2},
    "machine": {"kind": "cuda", "accelerator": "NVIDIA H100 80GB HBM3", "capability": "9.0",
                "count": 16, "memory_bytes": 80 << 30},
}  # fmt: skip


def job(
    at: Path = Path("/home/ana/run.lock"),
    version: str = "1.2.3",
    former: Path | None = None,
    **tables: Any,
) -> Job:
    made = LOCK.model_dump() | tables
    made["revision"] = locks.REVISION
    lock = locks.of_tables(made)
    assert isinstance(lock, TrainingLock)
    found = {"model": at.parent / "Qwen-0.5B", "train": at.parent / "it's rows.jsonl.gz"}
    return job_of(lock, at, ["model", "train", "test"], found, "ana/tuned", version, former)


ONE: dict[str, Any] = {}
TWO: dict[str, Any] = {"parallel": {"engine": "ddp", "processes": 2, "nodes": 2}}
ALL = pytest.mark.parametrize("tables", [ONE, TWO, CARDS], ids=["one", "two", "cards"])


def closed(schema: Any) -> Any:
    """Return a Kubernetes schema as JSON Schema, in which keys that it does not name are errors:
    the API server would drop them."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(value) for key, value in schema.items()}
    if found.get("x-kubernetes-int-or-string") is True:
        found.pop("type", None)
    open_ended = found.get("x-kubernetes-preserve-unknown-fields") is True
    if isinstance(found.get("properties"), dict) and "type" in found and not open_ended:
        found.setdefault("additionalProperties", False)
    return found


def test_a_job_installs_what_its_lock_needs() -> None:
    shared = {**CARDS["parallel"], "engine": "zero2", "bucket": 1_000}
    packages = {**LOCK.model_dump()["packages"], "deepspeed": "0.19.8"}
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "train,gguf"),
        ({**CARDS, "parallel": shared, "packages": packages}, "train,deepspeed,gguf"),
    ]
    for tables, extras in cases:
        made = job(**tables)
        assert f"pip install 'tunelock[{extras}]==1.2.3'" in skypilot.task(made)
        for text in (kubernetes.jobset(made), kubernetes.pytorchjob(made), slurm.script(made)):
            assert f"`tunelock[{extras}]==1.2.3`" in text
    assert f">={LOCK.requires_runner}'" in skypilot.task(job(version=""))


def check(content: Any, schema: Any) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    assert not [str(one) for one in jsonschema.Draft202012Validator(schema).iter_errors(content)]


def schema(name: str) -> Any:
    return json.loads(gzip.decompress((DATA / f"{name}.json.gz").read_bytes()))


@ALL
@pytest.mark.parametrize("kind", ["jobset", "pytorchjob"])
def test_a_manifest_is_valid(kind: str, tables: dict[str, Any]) -> None:
    names = {"jobset": "jobset-v0.9.1", "pytorchjob": "pytorchjob-v1.9.0"}
    own = closed(schema(names[kind]))
    own["properties"]["metadata"] = {"type": "object"}
    text = getattr(kubernetes, kind)(job(**tables))
    content = yaml.safe_load(text)
    check(content, own)
    (pod,) = {json.dumps(one, sort_keys=True) for one in _pods(content)}
    spec = json.loads(pod)
    container = spec["containers"][0]
    assert container["command"][:2] == ["sh", "-c"]
    assert subprocess.run(["sh", "-n", "-c", container["command"][2]]).returncode == 0
    assert ("--node" in container["command"][2]) == (tables != ONE)
    wanted = container["resources"]["limits"].get("nvidia.com/gpu")
    assert wanted == (8 if tables == CARDS else None)
    content["spec"]["unknown"] = 1
    with pytest.raises(AssertionError, match="unknown"):
        check(content, own)


def _pods(content: Any) -> list[Any]:
    """Return what the pods of a manifest are made from, without what differs by kind."""
    if content["kind"] == "JobSet":
        (jobs,) = content["spec"]["replicatedJobs"]
        return [jobs["template"]["spec"]["template"]["spec"]]
    return [one["template"]["spec"] for one in content["spec"]["pytorchReplicaSpecs"].values()]


@ALL
def test_a_manifest_starts_as_many_pods_as_machines(tables: dict[str, Any]) -> None:
    wanted = job(**tables)
    jobset = yaml.safe_load(kubernetes.jobset(wanted))
    (jobs,) = jobset["spec"]["replicatedJobs"]
    assert jobs["template"]["spec"]["parallelism"] == wanted.nodes
    replicas = yaml.safe_load(kubernetes.pytorchjob(wanted))["spec"]["pytorchReplicaSpecs"]
    assert sum(one["replicas"] for one in replicas.values()) == wanted.nodes


@ALL
def test_a_task_is_valid(tables: dict[str, Any]) -> None:
    content = yaml.safe_load(skypilot.task(job(**tables)))
    own = schema("skypilot-0.14.1")
    check(content, own["task"])
    check(content["resources"], own["resources"])
    assert subprocess.run(["sh", "-n", "-c", content["run"]]).returncode == 0
    assert content["num_nodes"] == job(**tables).nodes


@pytest.mark.parametrize(
    ("driver", "named"),
    [
        ("NVIDIA H100 80GB HBM3", "H100:8"),
        ("NVIDIA A100-SXM4-40GB", "A100:8"),
        ("NVIDIA A100 80GB PCIe", "A100-80GB:8"),
        ("NVIDIA H200", "H200:8"),
        ("NVIDIA L40S", "L40S:8"),
        ("NVIDIA GeForce RTX 4090", "RTX4090:8"),
        ("Tesla V100-SXM2-32GB", "V100-32GB:8"),
        ("NVIDIA GeForce RTX 2060", f"{FILL_IN}:8"),
        ("NVIDIA A100-SXM4-80GB MIG 3g.40gb", f"{FILL_IN}:8"),
        ("A card\nof nobody", f"{FILL_IN}:8"),
    ],
)
def test_a_task_has_the_card_of_the_lock(driver: str, named: str) -> None:
    wanted = replace(job(**CARDS), accelerator=driver)
    text = skypilot.task(wanted)
    resources = yaml.safe_load(text)["resources"]
    assert resources["accelerators"] == named
    check(resources, schema("skypilot-0.14.1")["resources"])
    assert ("Fill in `accelerators`" in text) == (FILL_IN in named)


def test_cards_of_skypilot_are_in_the_catalogue() -> None:
    assert {find_accelerator(name).name for name in skypilot.CARDS} == {*skypilot.CARDS}


@ALL
def test_a_script_is_bash_with_its_directives_first(tables: dict[str, Any]) -> None:
    at = Path("/home/ana/it's a\nfolder/run.lock")
    wanted = job(at, **tables)
    text = slurm.script(wanted)
    assert subprocess.run(["bash", "-n"], input=text, text=True).returncode == 0
    head, _, body = text.partition("\nset -u\n")
    lines = head.splitlines()
    assert lines[0] == "#!/bin/bash" and all(line.startswith("#") for line in lines)
    assert "#SBATCH" not in body
    words = dict(
        line.removeprefix("#SBATCH --").partition("=")[::2]
        for line in lines
        if line.startswith("#SBATCH ")
    )
    assert words["nodes"] == str(wanted.nodes) and words["ntasks-per-node"] == "1"
    assert words["signal"] == "B:TERM@300" and "requeue" in words
    assert words.get("gpus-per-node") == ("8" if tables == CARDS else None)
    assert ("mem" in words) == (tables != CARDS)
    cd = next(line for line in body.splitlines() if line.startswith("cd "))
    shown = subprocess.run(
        ["bash", "-c", cd.replace("cd ", "printf %s ").replace(" || exit", "")],
        capture_output=True, text=True,
    )  # fmt: skip
    assert shown.stdout == str(at.parent)


def test_what_is_to_be_filled_in_and_copied_is_said() -> None:
    for write in (kubernetes.jobset, kubernetes.pytorchjob, skypilot.task):
        text = write(job(**CARDS))
        assert "/home/ana/Qwen-0.5B -> /tunelock/model\n" in text
        assert (
            "/tunelock/train.jsonl.gz\n" in text and "the input `test` -> /tunelock/test\n" in text
        )
        assert "Fill in" in text and "--allow ana/tuned" in text
    text = slurm.script(job(**CARDS))
    assert "paths after `--locate`, too: `test`\n" in text and "model: /home/ana/Qwen-0.5B" in text
    assert f" --locate test={FILL_IN} " in text and "--locate model" not in text


def test_an_input_that_was_located_is_located_for_slurm(tmp_path: Path) -> None:
    """A run next to the lock would not find it."""
    tables = LOCK.model_dump()
    whole = locks.of_tables(tables | {"integrity": integrity(tables)})
    (tmp_path / "own.lock").write_text(locks.write(whole))
    script, rows = tmp_path / "job.sh", tmp_path / "some rows.jsonl"
    located = ["--locate", f"train={rows}"]
    command(["launch", str(tmp_path / "own.lock"), "--slurm", *located, "--out", str(script)])
    text = script.read_text()
    assert f"--locate 'train={rows}'" in text and f"  train: '{rows}'" in text


@ALL
def test_only_several_machines_need_a_volume_that_they_write_at_once(
    tables: dict[str, Any],
) -> None:
    made = job(**tables)
    several = made.nodes > 1
    for text in (kubernetes.jobset(made), kubernetes.pytorchjob(made), skypilot.task(made)):
        assert ("at once" in text) == several
    assert ("ReadWriteMany" in kubernetes.jobset(made)) == several
    assert ("All machines must" in slurm.script(made)) == several


VOLUME = (kubernetes.jobset, kubernetes.pytorchjob, skypilot.task)


@ALL
def test_a_job_continues_another_run(tables: dict[str, Any]) -> None:
    """From a copy on the volume, from the volume itself, or from a folder that all see."""
    own = job(former=Path("/home/ana/runs/demo-305c55ea"), **tables)
    for write in VOLUME:
        text = write(own)
        words = "--continue-from /tunelock/runs/demo-305c55ea --allow ana/tuned"
        assert words in " ".join(text.split())
        copied = "/home/ana/runs/demo-305c55ea -> /tunelock/runs/demo-305c55ea"
        assert [line for line in text.splitlines() if line.startswith(f"#   {copied}")]
    there = job(former=Path("/tunelock/other/demo-305c55ea"), **tables)
    for write in VOLUME:
        text = " ".join(write(there).split())
        assert "--continue-from /tunelock/other/demo-305c55ea --allow" in text
        assert "demo-305c55ea ->" not in text
    text = slurm.script(own)
    assert " --continue-from /home/ana/runs/demo-305c55ea --allow ana/tuned &" in text
    assert "must also see the run to continue: /home/ana/runs/demo-305c55ea" in text


def test_a_run_that_cannot_be_continued_is_not_launched(tmp_path: Path) -> None:
    tables = LOCK.model_dump()
    tables["parallel"] |= {"engine": "ddp", "processes": 2, "nodes": 2}
    rows = LOCK.train.micro_batch * LOCK.train.accumulation
    tables["train"] |= {"micro_batch": rows // 2, "accumulation": 1}
    whole = locks.of_tables(tables | {"integrity": integrity(tables)})
    lock = tmp_path / "run.lock"
    lock.write_text(locks.write(whole))
    before = run_of(tmp_path, "before", (4,))
    own = run_folder(whole, tmp_path).name

    def launched(way: str, run: Path) -> str:
        command(["launch", str(lock), way, "--continue-from", str(run), "--out", str(out)])
        return out.read_text()

    out = tmp_path / "job"
    assert f"--continue-from {before} &" in launched("--slurm", before)
    for way in ("--kubernetes", "--pytorchjob", "--skypilot"):
        assert "--continue-from /tunelock/runs/before" in " ".join(launched(way, before).split())
        assert "--continue-from /tunelock/x" in " ".join(launched(way, Path("/tunelock/x")).split())
    for way, run, said in (
        ("--slurm", Path("/tunelock/x"), "is not the folder of a run"),
        ("--skypilot", tmp_path / "none", "is not the folder of a run"),
        ("--kubernetes", Path("/tunelock/runs") / own, "is the run of this lock itself"),
        ("--slurm", tmp_path / own, "is the run of this lock itself"),
        ("--kubernetes", run_of(tmp_path, "empty", ()), "has no complete checkpoint"),
    ):
        with pytest.raises(UsageProblem, match=said) as problem:
            launched(way, run)
        assert problem.value.hint


def test_what_a_lock_says_stays_in_its_comment() -> None:
    hostile = replace(job(**CARDS), accelerator="H100\nrun: rm", model="a/b\nsetup: rm")
    texts = [write(hostile) for write in (kubernetes.jobset, skypilot.task, slurm.script)]
    for text in texts:
        assert not [line for line in text.splitlines() if line.startswith(("run: rm", "setup: rm"))]
    assert "H100\\nrun: rm" in texts[1]


def test_bad_input_is_one_sentence(tmp_path: Path) -> None:
    tables = LOCK.model_dump()
    whole = locks.of_tables(tables | {"integrity": integrity(tables)})
    (tmp_path / "run.lock").write_text(locks.write(whole))
    lock = str(tmp_path / "run.lock")
    for words, said in (
        ([lock], "No cluster was named."),
        ([lock, "--slurm", "--skypilot"], "Several clusters were named. name only one"),
        ([str(tmp_path / "none"), "--slurm"], "does not exist."),
        ([lock, "--slurm", "--out", str(tmp_path)], "cannot be written"),
        ([lock, "--slurm", "--locate", "other=x"], "`other` is not a local input"),
    ):
        with pytest.raises(UsageProblem) as problem:
            command(["launch", *words])
        assert said in f"{problem.value.message} {problem.value.hint}" and problem.value.hint
    command(["launch", lock, "--slurm", "--out", str(tmp_path / "job.sh")])
    assert (tmp_path / "job.sh").read_text().startswith("#!/bin/bash\n")
