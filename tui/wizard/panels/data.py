"""What the data files were recognised as, and one row of them."""

from collections.abc import Mapping

from planner.data.formats import Table

_NO_FILE = {
    "validation": "split off the training file",
    "test": "no file; validation is used",
}


def text(tables: Mapping[str, Table], problems: Mapping[str, str]) -> str:
    """Return format and rows of each split, what is wrong with any, and the first row.

    A split is in `tables` where it could be read, and in `problems` where it could not.
    """
    lines = [_split(split, tables, problems) for split in ("train", "validation", "test")]
    if "train" in tables:
        lines += ["", "The first training row:"]
        lines += [f"  {turn.role}: {turn.content}" for turn in tables["train"].rows[0].messages]
    return "\n".join(lines)


def _split(split: str, tables: Mapping[str, Table], problems: Mapping[str, str]) -> str:
    if split in problems:
        return f"{split:<11} {problems[split]}"
    if split not in tables:
        return f"{split:<11} {_NO_FILE.get(split, 'name a file below')}"
    table = tables[split]
    return f"{split:<11} {len(table.rows):,} rows · format {table.format}"
