"""Main memory and cores: Linux, macOS, and the limits of control groups."""

from pathlib import Path

import pytest

from lockfiles.errors import UsageProblem
from planner.catalogue.card_memory import working_set
from planner.machines.probes import cgroups
from planner.machines.probes.host import Host
from tests.planner.machines import recorded

GIB = 1 << 30


def test_the_smallest_limit_up_the_tree_counts_without_the_file_cache(tmp_path: Path) -> None:
    found = recorded.facts(tmp_path, "kubernetes")
    assert found.ram_bytes == 16 * GIB
    assert found.ram_free_bytes == 24 * GIB - 19 * GIB, "the pod has less left than its container"
    assert found.cpu_cores == 2


def test_a_container_of_version_1_is_found_at_the_root_of_its_mount(tmp_path: Path) -> None:
    found = recorded.facts(tmp_path, "docker-v1")
    assert (found.ram_bytes, found.ram_free_bytes, found.cpu_cores) == (8 * GIB, 4 * GIB, 4)


@pytest.mark.parametrize(
    ("limit", "cores"), [("9223372036854771712", -1), ("max", -1), ("", 0), ("-1", 0)]
)
def test_no_limit_is_none(tmp_path: Path, limit: str, cores: int) -> None:
    files = {
        "proc/self/cgroup": "4:memory:/a\n3:cpu:/a\n0::/a\n",
        "sys/fs/cgroup/memory/a/memory.limit_in_bytes": limit,
        "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": str(cores),
        "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000",
        "sys/fs/cgroup/unified/a/cpu.max": "max 100000",
        "sys/fs/cgroup/a/memory.max": "max",
    }
    found = recorded.facts(tmp_path, files=files)
    assert (found.ram_bytes, found.ram_free_bytes) == (128 << 20, 64 << 20)
    assert found.cpu_cores == 64


def test_less_than_one_core_is_one(tmp_path: Path) -> None:
    files = {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"}
    assert recorded.facts(tmp_path, files=files).cpu_cores == 1


def test_the_groups_of_this_process_are_read() -> None:
    host = Host()
    assert 1 <= cgroups.cores(host) <= host.cores
    assert all(0 <= held < 1 << 50 and limit > 0 for limit, held in cgroups.memory_limits(host))


def test_a_mac_is_planned_on_its_processor_and_named(tmp_path: Path) -> None:
    found = recorded.facts(tmp_path, "m3-max")
    assert (found.kind, found.gpus, found.cpu_cores) == ("cpu", (), 16)
    assert (found.processor, found.ram_bytes) == ("Apple M3 Max", 64 * GIB)
    assert found.ram_free_bytes == 2050000 * 16384
    assert found.metal_bytes == 48 * GIB


def test_a_mac_whose_limit_was_set_says_that_one(tmp_path: Path) -> None:
    commands = {
        "sysctl -n machdep.cpu.brand_string": "Apple M1",
        "sysctl -n hw.memsize": str(16 * GIB),
        "sysctl -n iogpu.wired_limit_mb": "14336",
    }
    found = recorded.facts(tmp_path, system="darwin", commands=commands)
    assert (found.metal_bytes, found.ram_free_bytes) == (14 * GIB, 16 * GIB)
    intel = commands | {"sysctl -n machdep.cpu.brand_string": "Intel(R) Core(TM) i7"}
    assert recorded.facts(tmp_path, system="darwin", commands=intel).metal_bytes == 0


@pytest.mark.parametrize(("gib", "mib"), [(16, 10922), (36, 24576), (64, 49152), (128, 98304)])
def test_the_working_set_is_what_metal_recommended(gib: int, mib: int) -> None:
    assert working_set(gib * GIB) >> 20 == mib


@pytest.mark.parametrize("system", ["darwin", "win32", "linux"])
def test_memory_that_cannot_be_read_is_one_sentence(tmp_path: Path, system: str) -> None:
    with pytest.raises(UsageProblem, match=f"system `{system}`") as caught:
        recorded.facts(tmp_path, system=system, files={"proc/meminfo": ""})
    assert caught.value.hint


def test_the_processor_is_named_on_linux(tmp_path: Path) -> None:
    files = {"proc/cpuinfo": "processor\t: 0\nmodel name\t: AMD EPYC 7763\n"}
    assert recorded.facts(tmp_path, files=files).processor == "AMD EPYC 7763"
