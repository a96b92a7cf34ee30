"""Near names, and names that are planned for a later version."""

import pytest

from lockfiles.later import COMMANDS, PLANNED, planned, remark
from lockfiles.nearest import nearest

LEVELS = ("f16", "q8_0", "q4_k_m")
KEYS = (
    "goal.override",
    "train.epochs",
    "train.learning_rate",
    "train.warmup_ratio",
    "model.source",
)


@pytest.mark.parametrize(
    ("name", "known", "near"),
    [
        ("train.epocs", KEYS, "train.epochs"),
        ("train.learn_rate", KEYS, "train.learning_rate"),
        ("train.warmup", KEYS, "train.warmup_ratio"),
        ("model.sources", KEYS, "model.source"),
        ("docter", ("doctor", "data"), "doctor"),
        ("fp16", LEVELS, "f16"),
        ("qq8_0", LEVELS, "q8_0"),
        ("loar", ("lora", "full"), "lora"),
    ],
)
def test_a_misspelling_has_a_near_name(name: str, known: tuple[str, ...], near: str) -> None:
    assert nearest(name, known) == near


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("goal.objective", KEYS),
        ("train.batch", KEYS),
        ("model.name", KEYS),
        ("q4_k_x", LEVELS),
        ("q5_k_m", LEVELS),
        ("zero4", ("zero2", "zero3")),
        ("traim", ("run", "data", "demo")),
        ("", KEYS),
        ("x" * 101, ("x" * 100,)),
    ],
)
def test_a_name_of_another_thing_is_not_near(name: str, known: tuple[str, ...]) -> None:
    assert nearest(name, known) is None


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("IQ4_XS", ", which is planned for a later version"),
        ("q5-k-m", ", which is planned for a later version"),
        ("Q4_K_M", "; write it as `q4_k_m`"),
        ("iq4_xss", "; `iq4_xs` is planned for a later version"),
        ("fp16", "; the nearest is `f16`"),
        ("q4_k_x", ""),
        ("gptqq", "; `gptq` is planned for a later version"),
    ],
)
def test_what_is_said_of_a_level(typed: str, said: str) -> None:
    assert remark(typed, LEVELS) == said


def test_planned_names_are_distinct_and_are_none_that_exist() -> None:
    from planner.interview.questions import QUESTIONS
    from tui.cli import _VERBS

    names = [name for group in PLANNED.values() for name in group]
    assert len(set(map(planned, names))) == len(names)
    existing = {choice for question in QUESTIONS for choice in question.choices}
    existing |= {part for question in QUESTIONS for part in question.key.split(".")}
    existing -= {"bf16"}  # a number format, too
    assert not [name for name in existing if planned(name)]
    assert not set(COMMANDS) & set(_VERBS)
