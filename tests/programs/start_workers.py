"""Starts two workers, each in a session of its own, of which one speaks; as torchrun does."""

import subprocess
import sys

from tests.programs import command


def main(more: list[str]) -> None:
    ours = [
        subprocess.Popen(command("worker", *said, *more), start_new_session=True)
        for said in (["speaks"], [])
    ]
    sys.exit(75 if [one.wait() for one in ours] == [0, 0] else 1)


if __name__ == "__main__":
    main(sys.argv[1:])
