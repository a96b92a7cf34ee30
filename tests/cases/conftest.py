"""The models of the cases, each made once; and which cases of a test are run by default."""

from collections import defaultdict
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from tests.cases import models
from tests.cases.models import Change
from tests.few import ONE_IN

FOLDER = Path(__file__).parent
Model = Callable[..., Path]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow all but the first, the fourth and so on of the cases of each test."""
    numbers: defaultdict[str, count[int]] = defaultdict(count)
    for item in items:
        if FOLDER in item.path.parents:
            number = next(numbers[item.nodeid.partition("[")[0]])
            if number % ONE_IN:
                item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A function from a name and changes of the base to the folder of that model.

    The folder has a number as its name, so that no message has words of the case from its path.
    """
    folder, known = tmp_path_factory.mktemp("models"), dict[str, Path]()

    def made(name: str, *changes: Change) -> Path:
        if name not in known:
            known[name] = models.base(folder / f"m{len(known)}", *changes)
        return known[name]

    return made


@pytest.fixture(scope="session")
def base(model: Model) -> Path:
    """The base as the demo has it, with fewer layers."""
    return model("base")
