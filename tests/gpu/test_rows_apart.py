"""The measurement of rows that are kept apart, on a CPU: one family, and a leak."""

import pytest

pytest.importorskip("trl")

from runner.training import varlen
from tests.gpu import rows_apart

FAMILY = "llama"


def test_a_family_is_right_and_its_leak_is_seen() -> None:
    varlen.register()
    shape = dict(rows_apart.families())[FAMILY]
    found = rows_apart.measured(FAMILY, shape, rows_apart.rows(5, 60))
    assert found["right"] and found["seen"]
    assert found["mask32"][0] < 1e-5 < found["varlen16"][0]
    assert found["leak16"][0] > 10 * found["padded16"][0]
