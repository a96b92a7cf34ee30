"""What went wrong between the processes of a training, from what torch's backends say."""

import re
from datetime import timedelta

NETWORK_PATIENCE = timedelta(minutes=30)
"""How long a process waits for those on other machines. A machine that does not answer is noticed
much earlier, by the supervisors."""
_CLOSED = re.compile(
    r"Connection (closed by peer|reset by peer|refused)|Broken pipe|Socket closed"
    r"|Connection was likely closed|remote process exited|failed to recv"
)
"""Of gloo, of torch's store and of NCCL: the other end is gone."""
_WAITED = re.compile(
    r"[Tt]imed out waiting|[Ww]ait timeout|[Tt]imed out after|timed out connecting"
    r"|Application timeout caused pair closure"
)
"""Of gloo and of torch's store: nobody answered in time."""
_NCCL = re.compile(
    r"Watchdog caught collective operation timeout: WorkNCCL\([^)\n]*OpType=(\w+)"
    r"[^\n]*?Timeout\(ms\)=(\d+)"
)
"""Of NCCL's watchdog in torch, which then aborts the process."""
_MOST_TEXT = 1 << 16


def lost(problem: Exception) -> bool:
    """Return whether an exception says that a connection to another process closed."""
    return bool(_CLOSED.search(str(problem)[:_MOST_TEXT]))


def waited(problem: Exception) -> bool:
    """Return whether an exception says that another process did not answer in time."""
    text = str(problem)[:_MOST_TEXT]
    return bool(_WAITED.search(text)) and not _CLOSED.search(text)


def watchdog(log: str) -> str:
    """Return what NCCL's watchdog wrote to the end of a log, as a sentence; empty for nothing."""
    last = list(_NCCL.finditer(log))[-1:]
    if not last:
        return ""
    (found,) = last
    operation, seconds = found[1].lower().replace("_", "-"), int(found[2]) / 1000
    return (
        f"NCCL waited {seconds:,.0f} s for the other processes in `{operation}`: one of them, or "
        "the network between them, hangs."
    )
