"""A lock cannot have other ends of answers than those that the base model stops at."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from lockfiles.errors import DigestDiffers
from lockfiles.inputs import Template
from planner.data.tokens.template import load_template
from planner.data.tokens.tokenizer import load_tokenizer
from runner.demo import files
from runner.inputs.ends import check_ends

BASE = Path(files.__file__).parent / "base"


def _locked(**ends: str) -> Template:
    return Template(
        source="model", sha256="0" * 64, date="2024-07-26", pad_id=0, end_ids=[2],
        loss_mask="assistant-turns-with-end", golden_sha256="0" * 64, **ends,
    )  # fmt: skip


def test_a_lock_without_ends_passes() -> None:
    check_ends(_locked(), BASE, load_template(BASE), load_tokenizer(BASE))


@pytest.mark.parametrize("name", ["answer_end", "call_end"])
def test_a_text_that_the_template_does_not_end_answers_with_is_refused(name: str) -> None:
    locked = _locked(**{name: "BUY"})
    with pytest.raises(DigestDiffers) as raised:
        check_ends(locked, BASE, load_template(BASE), load_tokenizer(BASE))
    assert raised.value.details[0].startswith(f"~ template.{name}  BUY →")


@pytest.mark.parametrize("text", ["two words", "x" * 101, "\x1b[2J", " ", "a\n"])
def test_an_end_is_one_token_as_text(text: str) -> None:
    with pytest.raises(ValidationError):
        _locked(answer_end=text)


def test_ends_are_left_out_of_locks_without_them() -> None:
    assert not [key for key in _locked().model_dump() if key.endswith("_end")]
    assert _locked(answer_end="\n<|user|>").model_dump()["answer_end"] == "\n<|user|>"
