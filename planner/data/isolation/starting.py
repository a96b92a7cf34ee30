"""Child processes of this package: how they are started, and how they end."""

import contextlib
import os
import signal
import subprocess
import sys

_CODE = "import sys; sys.path[:] = sys.argv[1:]; from planner.data.worker.{} import main; main()"
_ENVIRONMENT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
"""What Python's own libraries may be found by."""
_THREADS = 8
"""The most threads of a tokenizer."""
_END_SECONDS = 5.0
_ENDINGS = {int(signal.SIGABRT): "SIGABRT (out of memory)"}
"""A tokenizer that gets no memory aborts."""


def started(module: str, given: int) -> subprocess.Popen[bytes]:
    """Start a module of this package with a standard input, and a pipe as its output.

    It finds modules where this process does, but for the folder that a person stands in.
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
        process_group=0,  # a Ctrl-C is its parent's
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
    """End a process, whatever it does."""
    for pipe in filter(None, (process.stdin, process.stdout)):
        with contextlib.suppress(OSError):
            pipe.close()
    process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_END_SECONDS)
