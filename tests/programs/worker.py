"""One of several processes that train: `speaks` tells events, `heeds` ends well on SIGTERM."""

import signal
import sys
import time

from runner.runs.pipe import Line


def main(speaks: bool, heeds: bool) -> None:
    line, stopped = Line.from_environment(rank=0 if speaks else 1), []
    signal.signal(signal.SIGTERM, (lambda *_: stopped.append(1)) if heeds else signal.SIG_IGN)
    line.send("started")
    while not stopped:
        time.sleep(0.02)
    line.send("checkpoint", step=3)


if __name__ == "__main__":
    main("speaks" in sys.argv, "heeds" in sys.argv)
