"""What would fail late is refused before the first step, each with what to type."""

import sys
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from lockfiles.errors import DoesNotFit, UsageProblem
from lockfiles.lock import Lock
from planner.interview.answers import check
from planner.machines.facts import Gpu
from planner.machines.probes.probe import probe
from planner.pipeline.kind import of_kind
from planner.plan.gather import gather
from planner.plan.plan import plan
from runner.demo import files
from runner.environments import packages
from runner.runs.kind import Asked
from runner.supervisor import preflight
from tests.planned import MACHINE

for package in ("trl", "gguf", "llama_cpp"):
    pytest.importorskip(package)


@pytest.fixture(scope="module")
def lock(tmp_path_factory: pytest.TempPathFactory) -> Lock:
    """The demo's lock, with every stage, for the packages that are installed here."""
    made = tmp_path_factory.mktemp("planned")
    files.write(made)
    answers = check(files.ANSWERS | {"results.push_to": "someone/tuned"}, {})
    planned = plan(answers, gather(answers, made, machine=MACHINE))
    return changed(planned, "packages", **packages.packages_found(planned))


def changed(lock: Lock, table: str, **values: object) -> Lock:
    """Return the lock with some keys of a table changed."""
    old = getattr(lock, table)
    new = {**old, **values} if isinstance(old, Mapping) else old.model_copy(update=values)
    return lock.model_copy(update={table: new})


def check_all(lock: Lock, runs: Path, allowed: Collection[str], waiting: Collection[str]) -> None:
    """Ask what a run asks first, of a model that lies elsewhere."""
    preflight.check_all(lock, Asked(runs, allowed, waiting, {}))


def without_push(lock: Lock) -> list[str]:
    """Return the stages that need no Hub."""
    return [one.id for one in lock.stage if one.kind != "push"]


def test_what_fits_passes_and_writes_nothing(lock: Lock, tmp_path: Path) -> None:
    check_all(lock, tmp_path / "runs" / "deeper", (), without_push(lock))
    assert not list(tmp_path.iterdir())


def test_too_little_disk_is_refused(lock: Lock, tmp_path: Path) -> None:
    huge = changed(lock, "prediction", disk_bytes=1 << 60)
    with pytest.raises(DoesNotFit, match=r"needs 1152921504\.61 GB of disk") as refused:
        check_all(huge, tmp_path, (), without_push(lock))
    assert (refused.value.exit_code, "--runs" in refused.value.hint) == (4, True)


def test_too_little_memory_is_refused(lock: Lock, tmp_path: Path) -> None:
    huge = changed(lock, "prediction", peak_bytes=1 << 60)
    with pytest.raises(DoesNotFit, match="GiB of memory, but this machine has") as refused:
        check_all(huge, tmp_path, (), ["train"])
    assert refused.value.hint
    check_all(huge, tmp_path, (), ["gguf", "report"])


def spread(lock: Lock, processes: int) -> Lock:
    return changed(lock, "parallel", engine="ddp", processes=processes)


def test_each_process_of_a_training_needs_its_memory(lock: Lock, tmp_path: Path) -> None:
    share = changed(lock, "prediction", peak_bytes=probe(Path("/")).ram_free_bytes * 2 // 5)
    check_all(spread(share, 1), tmp_path, (), ["train"])
    with pytest.raises(DoesNotFit, match="GiB of memory, but this machine has"):
        check_all(spread(share, 4), tmp_path, (), ["train"])


def test_more_processes_than_cores_can_serve_are_refused(lock: Lock, tmp_path: Path) -> None:
    most = max(preflight.LEAST_PROCESSES, probe(Path("/")).cpu_cores)
    with pytest.raises(DoesNotFit, match=f"with {most + 1} processes, but this machine has only"):
        check_all(spread(lock, most + 1), tmp_path, (), ["train"])
    threads = max(preflight.MOST_THREADS, preflight.MOST_THREADS_PER_CORE * most) // 2 + 1
    with pytest.raises(DoesNotFit, match=f"with {2 * threads:,} threads"):
        check_all(spread(changed(lock, "exactness", threads=threads), 2), tmp_path, (), ["train"])


def test_more_threads_than_cores_can_serve_are_refused(lock: Lock, tmp_path: Path) -> None:
    cores = probe(Path("/")).cpu_cores
    most = max(preflight.MOST_THREADS, preflight.MOST_THREADS_PER_CORE * cores)
    check_all(changed(lock, "exactness", threads=most), tmp_path, (), ["train"])
    with pytest.raises(DoesNotFit, match=f"with {most + 1:,} threads, but this machine has only"):
        check_all(changed(lock, "exactness", threads=most + 1), tmp_path, (), ["train"])


@pytest.mark.skipif(bool(probe(Path("/")).gpus), reason="there is a GPU here")
def test_a_lock_for_a_card_is_refused_where_there_is_none(lock: Lock, tmp_path: Path) -> None:
    card = changed(lock, "machine", kind="cuda", accelerator="NVIDIA L4", count=1)
    with pytest.raises(
        DoesNotFit, match="planned for `NVIDIA L4`, but this machine has no GPU"
    ) as no:
        check_all(card, tmp_path, (), ["train"])
    assert no.value.exit_code == 4
    assert 'device = "cpu"' in no.value.hint and "a machine with that card" in no.value.hint


def test_each_process_needs_a_card_with_room(lock: Lock) -> None:
    two, cards = (
        spread(lock, 2).training(),
        [Gpu("NVIDIA L4", 9, free, "8.9") for free in (7, 3, 1)],
    )
    assert preflight.fullest(two, replace(MACHINE, gpus=tuple(cards))).free_bytes == 3
    with pytest.raises(DoesNotFit, match="trains on 2 cards, but this machine has only 1"):
        preflight.fullest(two, replace(MACHINE, gpus=tuple(cards[:1])))


def test_an_engine_needs_its_package(lock: Lock, monkeypatch: pytest.MonkeyPatch) -> None:
    given = lock.training()
    zero = changed(given, "parallel", engine="zero2", processes=2).training()
    monkeypatch.setattr(packages, "_installed", lambda name: "" if name == "deepspeed" else "1.0")
    packages.check_training_packages(given)
    with pytest.raises(UsageProblem, match="needs `deepspeed`, which is not installed") as no:
        packages.check_training_packages(zero)
    assert "tunelock[train,deepspeed]" in no.value.hint


def test_exact_results_are_promised_for_the_card_of_the_lock(lock: Lock) -> None:
    card = changed(lock, "machine", kind="cuda", accelerator="NVIDIA L4", count=1)
    exact = changed(card, "exactness", exact=True).training()
    own, other = (Gpu(name, 1, 1, "9.0") for name in ("NVIDIA L4", "NVIDIA L40"))
    preflight.check_exact_card(exact, [own])
    preflight.check_exact_card(changed(exact, "exactness", exact=False).training(), [other])
    with pytest.raises(DoesNotFit, match="results on `NVIDIA L4`, but this card is `NVIDIA L40`"):
        preflight.check_exact_card(exact, [other])


def test_products_in_fp8_are_for_cards_with_units_for_them(lock: Lock) -> None:
    found = changed(lock, "train", base_products="fp8").training()
    preflight.check_fp8_units(found, [Gpu("NVIDIA L4", 1, 1, "8.9")])
    older = [Gpu("NVIDIA A100-SXM4-80GB", 1, 1, "8.0")]
    preflight.check_fp8_units(lock.training(), older)
    with pytest.raises(DoesNotFit, match="in FP8, which `NVIDIA A100-SXM4-80GB` cannot") as caught:
        preflight.check_fp8_units(found, older)
    assert "base_products" in str(caught.value.hint)


@pytest.mark.parametrize("allowed", [(), ("someone/else",)])
def test_a_lock_alone_is_no_consent_to_push(
    lock: Lock, tmp_path: Path, allowed: tuple[str, ...]
) -> None:
    with pytest.raises(UsageProblem, match="pushes to `someone/tuned`") as refused:
        check_all(lock, tmp_path, allowed, ["push"])
    assert refused.value.exit_code == 2
    assert refused.value.hint == "confirm with `--allow someone/tuned`"


def test_other_packages_are_refused_under_exact_and_named_elsewhere(
    lock: Lock, tmp_path: Path
) -> None:
    other = changed(lock, "packages", torch="1.0.0")
    with pytest.raises(DoesNotFit, match=r"bit-identical results with `torch` 1\.0\.0") as refused:
        check_all(other, tmp_path, (), ["train"])
    assert refused.value.hint == "pip install torch==1.0.0"

    loose = changed(other, "exactness", exact=False)
    check_all(loose, tmp_path, (), ["train"])
    (one,) = packages.package_differences(loose, packages.packages_found(loose))
    assert (one.field, one.locked, one.consequence) == (
        "packages.torch", "1.0.0", "changes weights",
    )  # fmt: skip


def test_a_package_that_is_missing_is_no_difference(lock: Lock) -> None:
    missing = changed(lock, "packages", **{"no-such-package": "1.0"})
    found = packages.packages_found(missing)
    assert found["no-such-package"] == ""
    assert packages.package_differences(missing, found) == []


def test_a_family_without_gguf_is_refused(lock: Lock, tmp_path: Path) -> None:
    other = changed(lock, "model", family="mamba")
    with pytest.raises(UsageProblem, match="does not support the family `mamba`") as refused:
        check_all(other, tmp_path, (), ["gguf"])
    assert "`llama`" in refused.value.message
    assert "gguf = []" in refused.value.hint


def test_q4_k_m_needs_llama_cpp(
    lock: Lock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = [one.model_dump() for one in lock.stage]
    for one in stages:
        if one["id"] == "gguf":
            one["settings"]["levels"] = ["q4_k_m"]
    smaller = Lock.model_validate(lock.model_dump() | {"stage": stages})
    check_all(smaller, tmp_path, (), ["gguf"])

    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    with pytest.raises(UsageProblem, match="`q4_k_m` needs `llama-cpp-python`") as refused:
        check_all(smaller, tmp_path, (), ["gguf"])
    assert "pip install" in refused.value.hint
    check_all(lock, tmp_path, (), ["gguf"])


def test_a_run_that_is_done_needs_nothing(lock: Lock, tmp_path: Path) -> None:
    done = changed(changed(lock, "packages", torch="1.0.0"), "prediction", disk_bytes=1 << 60)
    check_all(done, tmp_path, (), [])


def test_the_plan_knows_the_families_that_gguf_does() -> None:
    from planner.gguf.family import FAMILIES

    assert set(of_kind("gguf").families) == {one.model_type for one in FAMILIES.values()}
