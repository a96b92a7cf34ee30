"""Amounts in words: binary for memory, decimal for files."""

from tui.terminal.units import memories, memory, size


def test_memory_is_told_in_gib_and_in_mib_below_a_tenth() -> None:
    told = {0: "0.0 MiB", 100 << 20: "100.0 MiB", 800 << 20: "0.78 GiB", 10 << 30: "10.0 GiB"}
    assert {count: memory(count) for count in told} == told
    assert memory(round(9.996 * 2**30)) == "10.0 GiB"


def test_amounts_that_are_compared_share_a_unit() -> None:
    assert memories(50 << 20, 2 << 30) == (["0.05", "2.00"], "GiB")
    assert memories(50 << 20, 60 << 20) == (["50.0", "60.0"], "MiB")


def test_files_are_told_in_decimal_units() -> None:
    told = {812: "812 B", 14_000: "14 kB", 4_123_456: "4.1 MB", 3_090_000_000: "3.09 GB"}
    assert {count: size(count) for count in told} == told
