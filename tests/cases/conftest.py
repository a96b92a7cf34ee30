"""The models of the cases, each made once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cases import models
from tests.cases.models import Change

Model = Callable[..., Path]


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
