"""Gives a dataset as the answer to `data.train`: `[FOLDER, NAME]` as JSON.

Prints the wizard's problems, the number of rows, whether it exists, and the prompt's verdict.
"""

import json
import sys
from pathlib import Path

from planner.interview.answers import check
from planner.interview.questions import BY_KEY
from tui.prompts.ask import _validator
from tui.session.facts import Facts
from tui.session.steps import ALL, problems


def main() -> None:
    folder, name = json.loads(sys.argv[1])
    given = {"goal.name": "x", "data.train": name, "model.source": "base", "goal.override": "so"}
    values, facts = check(given, {}), Facts(Path(folder))
    found = [one.sentence for one in problems(ALL["data"], values, facts)]
    typed = _validator(BY_KEY["data.train"], Path(folder), empty_keeps=False)(name)
    print(json.dumps([found, facts.examples(values), facts.exists(name), typed]))


if __name__ == "__main__":
    main()
