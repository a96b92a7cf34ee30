"""A plan as text."""

import pytest

from tests.lockfiles.samples import LOCK
from tui.text.plan import summary


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ([64, 128, 4096], "Sizes: 64, 128, 4096 tokens."),
        ([*range(64, 1088, 64)], "Sizes: 16, from 64 to 1,024 tokens."),
        ([], ""),
    ],
)
def test_the_sizes_that_passes_are_filled_up_to_are_named(sizes: list[int], said: str) -> None:
    train = LOCK.train.model_copy(update={"graph_sizes": sizes})
    lines = summary(LOCK.model_copy(update={"train": train}))
    assert [line.strip() for line in lines if "Sizes" in line] == [said] * bool(said)


def test_several_processes_of_a_cpu_share_its_memory() -> None:
    parallel = LOCK.parallel.model_copy(update={"engine": "ddp", "processes": 4, "nodes": 2})
    machine = LOCK.machine.model_copy(update={"kind": "cpu"})
    found = "\n".join(summary(LOCK.model_copy(update={"parallel": parallel, "machine": machine})))
    assert "DDP in 4 processes on 2 machines" in found
    assert " GiB that they share\n" in found
    assert "share\n" not in "\n".join(summary(LOCK))
