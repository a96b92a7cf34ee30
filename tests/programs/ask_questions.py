"""Asks the questions whose keys are given, or all, and writes the answers to `run.toml`."""

import sys
from pathlib import Path

from lockfiles import intent
from lockfiles.errors import TunelockError
from planner.interview.answers import check, given
from planner.interview.questions import BY_KEY, QUESTIONS
from tui.prompts.ask import ask


def main() -> None:
    questions = [BY_KEY[key] for key in sys.argv[1:]] or QUESTIONS
    initial = {"data.train": "rows.jsonl", "model.source": "base"}
    try:
        text = intent.write(given(check(ask(questions, initial), {})))
    except TunelockError as problem:
        print("ENDED", problem.exit_code, problem.message)
        sys.exit(problem.exit_code)
    Path("run.toml").write_text(text)


if __name__ == "__main__":
    main()
