"""Inspects a dataset as the wizard does, for training and for testing: `[FOLDER, NAME]` as JSON.

Prints rows by split, problems, ids of the findings, and columns of the first rows.
"""

import json
import sys
from pathlib import Path

from planner.interview.answers import check
from tui.session.children.report import look
from tui.session.facts import Facts
from tui.session.request import data_request


def main() -> None:
    folder, name = json.loads(sys.argv[1])
    given = {"goal.name": "x", "data.train": name, "data.test": name, "model.source": "base"}
    values = check(given, {})
    found = look(data_request(values, Path(folder)), lambda told: None)
    columns = [list(raw.values) for raw in Facts(Path(folder)).first_rows(values)]
    rows = {split: part.rows for split, part in found.parts.items()}
    print(json.dumps([rows, found.problems, [one.id for one in found.findings], columns]))


if __name__ == "__main__":
    main()
