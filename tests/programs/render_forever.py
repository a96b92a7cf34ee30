"""Renders a template that never ends; prints the number of the process that does it."""

import sys

from planner.data.isolation import limits, process
from planner.data.rows.rows import Message
from planner.data.tokens.template import compile_template


def main() -> None:
    limits.RENDER_SECONDS = 1.0
    template = compile_template(sys.argv[1], {})
    assert process._PROCESS
    print(process._PROCESS._process.pid, flush=True)
    template.render([Message("user", "x")])


if __name__ == "__main__":
    main()
