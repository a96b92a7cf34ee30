"""A single process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runner.engines.engine import Engine
from runner.engines.ranks import Alone, Ranks


def _arguments(module: str, job: Path, processes: int) -> tuple[str, ...]:
    return ("-m", module, str(job))


@contextmanager
def _joined() -> Iterator[Ranks]:
    yield Alone()


ENGINE = Engine(
    name="single",
    arguments=_arguments,
    variables={},
    starts_workers=False,
    rank=lambda: 0,
    joined=_joined,
    reports_failure=lambda: True,
)
