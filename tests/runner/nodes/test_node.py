"""Which machine this is: by options, by variables, by Slurm."""

from pathlib import Path

import pytest

from lockfiles import lock as locks
from lockfiles.errors import UsageProblem
from planner.plan.integrity import integrity
from runner.nodes.node import Node, first_host, node_of
from runner.supervisor.supervise import Order, run
from tests.lockfiles.samples import LOCK

SLURM = {
    "SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NODELIST": "gpu[07-08]",
    "SLURM_JOB_ID": "123456",
}  # fmt: skip


@pytest.mark.parametrize(
    ("hosts", "first"),
    [
        ("node7", "node7"),
        ("a,b", "a"),
        ("node[03-05,09],gpu1", "node03"),
        ("node[9,03-05]", "node9"),
        ("n[1-2]-ib", "n1-ib"),
        ("login,node[1-2]", "login"),
        ("rack[1-2]n[3-4]", "rack1n3"),
    ],
)
def test_the_first_host_of_a_list(hosts: str, first: str) -> None:
    assert first_host(hosts) == first


def test_options_win_over_variables_and_these_over_slurm() -> None:
    own = {"TUNELOCK_NODE": "1", "TUNELOCK_RENDEZVOUS": "b:2"}
    assert node_of(2, 0, "a:1", own | SLURM) == Node(0, 2, "a", 1)
    assert node_of(2, None, None, own | SLURM) == Node(1, 2, "b", 2)
    assert node_of(2, None, None, SLURM) == Node(1, 2, "gpu07", 23456)
    assert node_of(2, 1, "[fe80::1]:7", {}) == Node(1, 2, "fe80::1", 7)


def test_a_lock_of_one_machine_needs_none() -> None:
    assert node_of(1, None, None, SLURM) is None
    with pytest.raises(UsageProblem, match="are for several machines"):
        node_of(1, 0, None, {})


def test_a_lock_of_several_machines_is_not_run_on_one(tmp_path: Path) -> None:
    tables = LOCK.model_dump() | {"revision": locks.REVISION}
    tables |= {"parallel": {"engine": "ddp", "processes": 2, "nodes": 2}}
    whole = locks.of_tables(tables | {"integrity": integrity(tables)})
    (tmp_path / "run.lock").write_text(locks.write(whole))
    with pytest.raises(UsageProblem, match="which of them this is was not given"):
        run(Order(tmp_path / "run.lock", tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("rank", "rendezvous", "variables", "said"),
    [
        (None, None, {}, "which of them this is was not given"),
        (1, None, {}, "where machine 0 can be reached was not given"),
        (2, "a:1", {}, "is 2, but the lock is for 2 machines, 0 to 1"),
        (-1, "a:1", {}, "is -1"),
        (0, "a", {}, "`a` is not a rendezvous"),
        (0, "a:0", {}, "is not a rendezvous"),
        (0, "a:70000", {}, "is not a rendezvous"),
        (0, "-a b:1", {}, "is not a rendezvous"),
        (0, "a\x1b[2J:1", {}, "is not a rendezvous"),
        (None, "a:1", {"TUNELOCK_NODE": "one"}, "`TUNELOCK_NODE` is `one`"),
        (None, None, SLURM | {"SLURM_STEP_NUM_TASKS": "8"}, "this Slurm step has 8 tasks"),
    ],
)
def test_what_is_not_a_machine_is_a_sentence(
    rank: int | None, rendezvous: str | None, variables: dict[str, str], said: str
) -> None:
    with pytest.raises(UsageProblem, match=said) as problem:
        node_of(2, rank, rendezvous, variables)
    assert problem.value.hint and "\x1b" not in problem.value.message
