"""Tests of which two are skipped, for a program and for a GPU that are not there."""

import pytest


@pytest.mark.skip(reason="sshd is not installed")
def test_lacks_a_program() -> None: ...


@pytest.mark.skip(reason="there is no NVIDIA GPU here")
def test_lacks_a_card() -> None: ...


def test_runs() -> None: ...
