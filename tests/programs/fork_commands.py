"""Runs commands of `tunelock`, and programs, in forks of this process: `fork_commands.py SOCKET`.

A request is a line of JSON with arguments, a folder, the environment and the path of a program, if
it is for one. It comes with the descriptors of stdout and stderr. The answer is the fork's id, then
how it ended.
"""

import atexit
import gc
import json
import os
import runpy
import socket
import sys
import threading
from importlib import import_module
from typing import Any, NoReturn

from tui import cli

SHARED = (
    *(f"tui.commands.{name}" for name in ("check", "data", "diff", "export", "fit", "plan")),
    "planner.data.checks.scan", "planner.data.corpus.corpus", "planner.fit",
    "planner.interview.answers", "planner.plan.plan", "planner.search.choose", "pynvml",
    "runner.inputs.verify", "runner.runs.reports", "runner.supervisor.preflight",
    "runner.supervisor.supervise", "tui.commands.status", "tui.commands.stop",
    "tui.session.planning", "tui.snapshot.summary", "tui.terminal.cells", "tui.terminal.heartbeat",
    "tui.text.data", "tui.text.ending", "tui.text.fit", "tui.text.plan", "tui.text.transfer",
)  # fmt: skip
"""What most commands import."""
OF_THE_HUB = (
    "httpx2", "planner.hub.datasets.local", "planner.hub.models", "runner.export.push",
    "runner.inputs.model", "yaml",
)  # fmt: skip
"""What most programs import that use the client of the Hub, and some commands."""
ENVIRONMENT_READERS = {"huggingface_hub", "torch", "transformers", "textual"}
"""What reads the environment while it is imported, and must not be before a fork."""


def serve(asked: socket.socket) -> Any:
    """Answer requests until there are no more; in a fork, return its request."""
    while True:
        content, descriptors, *_ = socket.recv_fds(asked, 1 << 20, 2)
        if not content:
            return None
        if not (child := os.fork()):
            asked.close()
            for number, descriptor in enumerate(descriptors, 1):
                os.dup2(descriptor, number)
                os.close(descriptor)
            return json.loads(content)
        for descriptor in descriptors:
            os.close(descriptor)
        asked.sendall(b"%d\n" % child)
        asked.sendall(b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def become(request: Any) -> None:
    """Make this process one that was started for a request."""
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv[1:] = request["arguments"]


def run(program: str) -> NoReturn:
    """Run a program, or `tunelock` if it is empty, and end this process as its end wants it."""
    try:
        runpy.run_path(program, run_name="__main__") if program else cli.main()
        code = 0
    except SystemExit as ended:
        if isinstance(ended.code, str):
            raise
        code = int(ended.code or 0)
    leave(code)


def leave(code: int) -> NoReturn:
    """End this process without destroying what it shares with its parent: that would copy it.

    All else that an interpreter does at its end is done, warnings of what is not closed included.
    """
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    gc.collect()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    for name in SHARED + OF_THE_HUB:
        import_module(name)
    assert not ENVIRONMENT_READERS & sys.modules.keys()
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        request = serve(asked)
    if request:
        become(request)
        run(request["program"])
