"""Runs commands of `tunelock` in forks of this process: `fork_commands.py SOCKET`.

A request is a line of JSON with arguments, a folder and the environment, and comes with the
descriptors of stdout and stderr. The answer is the fork's id, then how it ended.
"""

import json
import os
import socket
import sys
from importlib import import_module
from typing import Any

from tui import cli

SHARED = (
    *(f"tui.commands.{name}" for name in ("check", "data", "diff", "export", "fit", "plan")),
    "planner.data.corpus.corpus", "planner.fit", "planner.interview.answers", "planner.plan.plan",
    "planner.search.choose", "runner.inputs.verify", "runner.supervisor.preflight",
    "tui.session.planning", "tui.text.data", "tui.text.fit", "tui.text.plan",
)  # fmt: skip
"""What most commands import."""
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


if __name__ == "__main__":
    for name in SHARED:
        import_module(name)
    assert not ENVIRONMENT_READERS & sys.modules.keys()
    if request := serve(socket.socket(fileno=int(sys.argv[1]))):
        become(request)
        cli.main()
