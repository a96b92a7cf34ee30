"""Asks for values that are answered already, given as JSON by key; says whether they were kept."""

import json
import sys

from planner.interview.questions import BY_KEY
from tui.prompts.ask import ask


def main() -> None:
    initial = json.loads(sys.argv[1])
    values = ask([BY_KEY[key] for key in initial], initial)
    print("KEPT" if values.items() >= initial.items() else "CHANGED")


if __name__ == "__main__":
    main()
