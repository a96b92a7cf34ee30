"""What torch's backends say of lost and silent processes, in words."""

import pytest

from runner.engines.lost import lost, waited, watchdog

CLOSED = (
    "[../third_party/gloo/gloo/transport/tcp/pair.cc:534] Connection closed by peer "
    "[10.0.0.2]:31337",
    "[pair.cc:525] Read error [10.0.0.2]:1: Connection reset by peer",
    "Failed to recv, got 0 bytes. Connection was likely closed. Did the remote server shutdown or "
    "crash?",
    "NCCL error: remote process exited or there was a network error, NCCL version 2.27",
)
SILENT = (
    "[unbound_buffer.cc:81] Timed out waiting 1800000ms for recv operation to complete",
    "[pair.cc:9] Application timeout caused pair closure",
    "wait timeout after 1800000ms, keys: /default_pg/0//cpu//0/0",
)
WATCHDOG = """step 4
[rank1]:[E1127 ProcessGroupNCCL.cpp:689] [Rank 1] Watchdog caught collective operation timeout: \
WorkNCCL(SeqNum=53, OpType=ALLREDUCE, NumelIn=1024, NumelOut=1024, Timeout(ms)=600000) ran for \
600029 milliseconds before timing out.
terminate called after throwing an instance of 'c10::DistBackendError'
"""


@pytest.mark.parametrize("text", CLOSED)
def test_a_closed_connection_is_a_lost_process(text: str) -> None:
    assert lost(RuntimeError(text)) and not waited(RuntimeError(text))


@pytest.mark.parametrize("text", SILENT)
def test_a_timeout_is_a_silent_process(text: str) -> None:
    assert waited(RuntimeError(text)) and not lost(RuntimeError(text))


def test_other_errors_are_neither() -> None:
    for problem in (RuntimeError("CUDA error: an illegal memory access"), ValueError("shape")):
        assert not lost(problem) and not waited(problem)


def test_the_watchdog_of_nccl_is_told_in_words() -> None:
    assert watchdog(WATCHDOG) == (
        "NCCL waited 600 s for the other processes in `allreduce`: one of them, or the network "
        "between them, hangs."
    )
    assert watchdog("loss 0.5\n") == ""
