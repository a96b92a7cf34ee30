"""From a file of rows to a lock, without an answer about columns.

`python -m tests.cases.journey FOLDER` does so for all rows of the published files in a folder:
`clinc150-train.messages.jsonl` and `gsm8k-train.jsonl`.
"""

import json
import sys
import tempfile
from pathlib import Path

from tests.cases import models, rows, seen
from tests.cases.rows import Row
from tests.cases.seen import Seen

CLINC, GSM = "clinc150-train.messages.jsonl", "gsm8k-train.jsonl"
END = "<|im_end|>"


def lines(path: Path) -> list[Row]:
    """Return the rows of a JSONL file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def labels(path: Path) -> list[Row]:
    """Return the rows of messages of a classification file as texts with labels."""
    turns = [{turn["role"]: turn["content"] for turn in row["messages"]} for row in lines(path)]
    return [{"text": row["user"], "label": row["assistant"]} for row in turns]


def messages(folder: Path, model: Path, source: Path) -> tuple[Seen, str]:
    """Plan a run on rows of messages; return what is seen, and the answer of the first row."""
    made = lines(source)
    rows.jsonl(folder / "rows.jsonl", made)
    return seen.seen(folder, "rows.jsonl", model), str(made[0]["messages"][-1]["content"])


def table(folder: Path, model: Path, source: Path) -> tuple[Seen, str]:
    """Plan a run on a CSV file of texts and labels; return as `messages` does."""
    made = labels(source)
    (folder / "rows.csv").write_text(rows.table(made), "utf-8")
    return seen.seen(folder, "rows.csv", model), str(made[0]["label"])


def answers(folder: Path, model: Path, source: Path) -> tuple[Seen, str]:
    """Plan a run on questions and answers; return as `messages` does."""
    made = lines(source)
    rows.jsonl(folder / "rows.jsonl", made)
    return seen.seen(folder, "rows.jsonl", model), str(made[0]["answer"])


JOURNEYS = {"clinc150": (messages, CLINC), "text,label": (table, CLINC), "gsm8k": (answers, GSM)}


def main() -> None:
    """Take each journey on the files of a folder; print its format and whether there is a lock."""
    with tempfile.TemporaryDirectory() as place:
        model = models.base(Path(place) / "model", models.config(max_position_embeddings=1024))
        for name, (journey, file) in JOURNEYS.items():
            folder = Path(place) / name
            folder.mkdir()
            found, answer = journey(folder, model, Path(sys.argv[1]) / file)
            right = found.locked and found.scored == [f"{answer}{END}"]
            print(f"{name}: {'right' if right else 'wrong'}", *found.report.out.splitlines()[:3])


if __name__ == "__main__":
    main()
