"""Tests of which `--quick` runs the first alone."""

import pytest


def test_nothing_else() -> None:
    pass


def test_training_here() -> None:
    import torch

    raise AssertionError(torch)


def test_training_elsewhere() -> None:
    pytest.importorskip("trl")
    raise AssertionError


def test_a_command() -> None:
    import tests.journeys.demo_folder

    raise AssertionError(tests)


def test_a_terminal() -> None:
    from tests.tui.wizard.drive import Tmux

    raise AssertionError(Tmux)


@pytest.fixture
def hub() -> None:
    raise AssertionError


def test_online(hub: None) -> None:
    pass


@pytest.mark.slow
def test_long() -> None:
    raise AssertionError
