"""The model card: what a lock names, as text that can add nothing."""

from pathlib import Path

import pytest

from lockfiles.lock import Lock, TrainingLock
from planner.interview.answers import check
from planner.plan import export
from planner.plan.gather import gather, model_facts
from planner.plan.plan import plan
from runner.export.card import card, plain
from tests.planned import MACHINE, answers, few_rows

SCORES = {
    "base": {"loss": 3.25, "accuracy": 0.02, "rows": 90},
    "tuned": {"loss": 0.25, "accuracy": 0.9, "rows": 90},
}
HOSTILE = (
    "[x](javascript:alert(1))", "<script>alert(1)</script>", "a|b", "![i](http://x/y.png)",
    "a\n# heading", "`code`", "www.example.com", "https://example.com", "\x1b[2J", "\u202e",
    "{{ 7*7 }}", "---\nlicense: mit", "$x$", "@someone",
)  # fmt: skip


@pytest.fixture(scope="module")
def lock(tmp_path_factory: pytest.TempPathFactory) -> TrainingLock:
    folder = few_rows(tmp_path_factory.mktemp("planned"))
    return plan(answers(), gather(answers(), folder, machine=MACHINE))


def test_a_local_base_is_not_named(lock: Lock) -> None:
    made = card(lock, SCORES)
    assert made.startswith('---\nlibrary_name: "transformers"\ntags: ["tunelock"]\n---\n\n# demo\n')
    assert "from a local base model." in made
    assert "| Evaluation: tuned model | accuracy 90.0%, loss 0.250, on 90 held-out rows |" in made
    assert "| Rows: train | 135 from a local file |" in made
    assert "was not evaluated" in card(lock, {})


def test_the_system_message_is_a_block_that_can_be_copied(lock: TrainingLock) -> None:
    assert "system message" not in card(lock, SCORES)
    said = {"system": "Reply with a label:\na_b, ```` c", "labels": ["a_b", "c"]}
    data = [lock.data[0].model_copy(update=said), *lock.data[1:]]
    made = card(lock.model_copy(update={"data": data}), None)
    assert "The rows, each with one of 2 labels, were trained with this system message." in made
    assert "\n`````text\nReply with a label:\na_b, ```` c\n`````\n" in made
    assert "evaluated" not in made


def test_rows_that_were_trained_on_are_called_so(lock: Lock) -> None:
    assert "The evaluation rows were not trained on." in card(lock, SCORES)
    made = card(lock, SCORES, learnt_rows=5)
    assert "on 90 rows, 5 of them training rows too |" in made
    assert "5 of the evaluation rows were also trained on." in made and "not trained on" not in made


def test_a_base_from_the_hub_has_its_license(lock: Lock) -> None:
    fields = {"source": "hf:maker/base", "commit": "0" * 40, "license": "apache-2.0"}
    made = card(lock.model_copy(update={"model": lock.model.model_copy(update=fields)}), {})
    assert '\nbase_model: "maker/base"\nlicense: "apache-2.0"\n' in made
    odd = lock.model.model_copy(update=fields | {"license": "mit\nbase_model: x/y"})
    assert "license" not in card(lock.model_copy(update={"model": odd}), {})


@pytest.mark.parametrize("text", HOSTILE)
def test_a_value_is_shown_and_never_acts(lock: Lock, text: str) -> None:
    shown = plain(text)
    assert len(shown.splitlines()) == 1 and "\x1b" not in shown and "\u202e" not in shown
    for mark in "[]()<>|`$@":
        assert shown.count(mark) == shown.count(f"\\{mark}")
    model = lock.model.model_copy(update={"family": text})
    made = card(lock.model_copy(update={"model": model}), {})
    assert len(made.splitlines()) == len(card(lock, {}).splitlines())
    assert "http:" not in made and "https:" not in made and "www." not in made and "49" not in made


def test_the_card_has_no_place_of_this_machine(lock: Lock) -> None:
    assert str(Path.home()) not in card(lock, SCORES) and "/tmp" not in card(lock, SCORES)


def test_the_card_of_exports_tells_of_no_training(tmp_path: Path) -> None:
    folder = few_rows(tmp_path)
    asked = check({"model.source": "base", "results.gguf": ["q8_0"]}, {})
    made = card(export.plan(asked, model_facts(asked, folder)[0]), {})
    assert made.startswith('---\nlibrary_name: "gguf"\ntags: ["tunelock"]\n---\n')
    assert "GGUF files made with Tunelock from a local base model." in made
    assert "Nothing was trained: the files hold the weights of the base model." in made
    assert not [word for word in ("Epochs", "Method", "rows", "evaluated", "tuned") if word in made]
