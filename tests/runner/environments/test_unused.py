"""What a lock does not use is not imported."""

import importlib
import importlib.util
import sys

import pytest

from planner.plan.gather import gather
from planner.plan.plan import plan
from runner.environments.unused import hide, unused
from tests.planned import MACHINE, answers, few_rows


@pytest.mark.parametrize(("kind", "found"), [("lora", ("bitsandbytes",)), ("qlora", ())])
def test_bitsandbytes_is_for_quantized_weights(
    kind: str, found: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = few_rows(tmp_path_factory.mktemp(kind))
    asked = answers(method__kind=kind)
    assert unused(plan(asked, gather(asked, folder, machine=MACHINE))) == found


def test_a_hidden_package_seems_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    hide(["colorsys", "json"])
    assert importlib.util.find_spec("colorsys") is None
    assert sys.modules["json"] is not None, "it was imported before"
    with pytest.raises(ImportError):
        importlib.import_module("colorsys")
    del sys.modules["colorsys"]
