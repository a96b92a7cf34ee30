"""Starts and ends the child processes of this package."""

import contextlib
import os
import signal
import subprocess
import sys

_CODE = "import sys; sys.path[:] = sys.argv[1:]; from planner.data.worker.{} import main; main()"
_ENVIRONMENT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
"""Variables that Python may need to find its libraries."""
_THREADS = 8
"""The most threads of a tokenizer."""
_END_SECONDS = 5.0
_ENDINGS = {int(signal.SIGABRT): "SIGABRT (out of memory)"}
"""A tokenizer that runs out of memory aborts."""


def started(module: str, given: int) -> subprocess.Popen[bytes]:
    """Start a worker module with the given standard input and a pipe as its output.

    Its module search path is that of this process, without the current folder.
    """
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    own = {
        "RAYON_NUM_THREADS": str(min(_THREADS, os.cpu_count() or 1)),
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "LC_CTYPE": "C.UTF-8",
    }
    paths = [path for path in sys.path if os.path.isabs(path)]
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _CODE.format(module), *paths],
        stdin=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=os.path.abspath(os.sep),
        env=kept | own,
        process_group=0,  # Ctrl-C reaches only the parent
    )


def ending(process: subprocess.Popen[bytes]) -> str:
    """Return how a process that closed its pipe ended, such as `SIGABRT`."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        code = process.wait(_END_SECONDS)
        if code < 0:
            with contextlib.suppress(ValueError):
                return _ENDINGS.get(-code) or signal.Signals(-code).name
        return f"exit code {code}"
    return "a closed pipe"


def ended(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and wait for its end."""
    for pipe in filter(None, (process.stdin, process.stdout)):
        with contextlib.suppress(OSError):
            pipe.close()
    process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_END_SECONDS)
