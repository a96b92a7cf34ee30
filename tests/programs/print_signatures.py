"""Prints the signatures of the real rows."""

from planner.data.near.shingles import sides
from planner.data.near.signatures import Signatures
from tests.planner.data.check_rows import REAL


def main() -> None:
    signatures = Signatures()
    signatures.add([sides(row) for row in REAL])
    print([list(column) for column in signatures.columns()])


if __name__ == "__main__":
    main()
