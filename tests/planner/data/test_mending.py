"""Rows left out, redacted, deduplicated, cut and split, as steps with their counts."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockfiles.errors import DataRefused
from planner.data.checks.registry import every
from planner.data.checks.scan import scan
from planner.data.corpus.corpus import Corpus, build
from planner.data.corpus.part import Recipe
from planner.data.mend.offers import offer
from planner.data.mend.steps import CHECKED, DROPPED, Mending, mending
from planner.data.reading.formats import rows_of
from planner.data.rows.splits import SplitName
from planner.data.tokens.encode import load_tokenizer
from planner.data.tokens.template import compile_template, load_template
from runner.demo import files
from tests.planner.data.format_rows import SAMPLES, written

BASE = Path(files.__file__).parent / "base"
GENERAL = SAMPLES / "self-instruct.alpaca.jsonl"
RECIPE = Recipe("auto", None, "", 0.0, 17, 0, 256)
EMPTY, ONE_WORD, MAIL, TWICE, ENDLESS, UNSCORED = 3, 7, 11, 15, 19, 23


def rows() -> list[dict[str, Any]]:
    """Return real questions, every twelfth of the demo's, with one fault each at known places."""
    lines = (BASE.parent / "rows" / "train.jsonl").read_text("utf-8").splitlines()[::12]
    made = []
    for line in lines[:60]:
        _, user, assistant = json.loads(line)["messages"]
        said = assistant["content"].replace("_", " ")
        made.append({"prompt": user["content"], "completion": f"They want this: {said}."})
    made[EMPTY]["prompt"] = "  "
    made[ONE_WORD]["completion"] = "72"
    made[MAIL]["completion"] = "Write to anna.bergmann@posteo.de for it."
    made[TWICE] = dict(made[2])
    return made


@pytest.fixture
def train(tmp_path: Path) -> Path:
    return written(tmp_path / "train.jsonl", rows())


def made(recipe: Recipe, **paths: Path) -> Corpus:
    """Build a corpus for the demo's base."""
    named: dict[SplitName, Path] = {}
    for name in ("train", "validation", "test", "general"):
        if name in paths:
            named[name] = paths[name]
    return build(recipe, named, load_template(BASE), load_tokenizer(BASE))


def mended(wanted: Mending, **paths: Path) -> Corpus:
    """Build one that mends what is wanted."""
    return made(replace(RECIPE, mending=wanted), **paths)


def told(corpus: Corpus) -> list[tuple[str, str, str, int]]:
    """Return the steps as plain values."""
    return [(step.file, step.step, step.what, step.rows) for step in corpus.steps]


def numbers(corpus: Corpus) -> list[int]:
    """Return the training rows' numbers in their file."""
    return list(corpus.parts[0].numbers)


def test_nothing_is_mended_unasked(train: Path) -> None:
    corpus = made(RECIPE, train=train)
    assert told(corpus) == []
    assert numbers(corpus) == list(range(60))


def test_rows_with_named_faults_are_left_out_and_counted(train: Path) -> None:
    corpus = mended(Mending(drop=("empty", "one-word")), train=train)
    assert told(corpus) == [("train", "drop", "empty", 1), ("train", "drop", "one-word", 1)]
    assert set(range(60)) - set(numbers(corpus)) == {EMPTY, ONE_WORD}


def test_what_is_dropped_is_what_the_report_names(train: Path) -> None:
    report = scan(rows_of(train), every, mapping={})
    for finding in report.findings:
        if finding.id in CHECKED:
            corpus = mended(Mending(drop=(finding.id,)), train=train)
            assert set(range(60)) - set(numbers(corpus)) == set(finding.rows), finding.id


def test_personal_data_is_redacted_and_the_file_stays(train: Path) -> None:
    before = train.read_bytes()
    corpus = mended(Mending(redact=True), train=train)
    assert told(corpus) == [("train", "redact", "personal-data", 1)]
    assert corpus.parts[0].rows[MAIL].answer == "Write to [EMAIL] for it."
    assert train.read_bytes() == before


def test_copies_are_left_out_the_first_stays(train: Path) -> None:
    corpus = mended(Mending(dedupe="exact"), train=train)
    assert told(corpus) == [("train", "dedupe", "exact-duplicates", 1)]
    assert set(range(60)) - set(numbers(corpus)) == {TWICE}


def test_near_copies_go_with_the_copies(tmp_path: Path) -> None:
    faulty = rows()
    faulty[30] = {**faulty[4], "prompt": faulty[4]["prompt"] + " Thanks!"}
    corpus = mended(Mending(dedupe="near"), train=written(tmp_path / "a.jsonl", faulty))
    assert told(corpus)[1] == ("train", "dedupe", "near-duplicates", 1)
    assert set(range(60)) - set(numbers(corpus)) == {TWICE, 30}


def test_rows_alike_once_redacted_are_copies(tmp_path: Path) -> None:
    faulty = rows()
    faulty[30] = {**faulty[MAIL], "completion": "Write to otto.meier@posteo.de for it."}
    path = written(tmp_path / "a.jsonl", faulty)
    corpus = mended(Mending(redact=True, dedupe="exact"), train=path)
    assert told(corpus)[1] == ("train", "dedupe", "exact-duplicates", 2)


def test_training_rows_that_the_test_file_asks_are_left_out(train: Path, tmp_path: Path) -> None:
    test = written(tmp_path / "test.jsonl", rows()[40:45])
    corpus = mended(Mending(drop=("leak",)), train=train, test=test)
    assert told(corpus) == [("train", "drop", "leak", 5)]
    assert set(range(60)) - set(numbers(corpus)) == {40, 41, 42, 43, 44}
    assert len(corpus.parts[1].rows) == 5


def test_test_rows_stay_the_measure_that_they_were(train: Path) -> None:
    wanted = Mending(drop=("empty", "one-word", "role-order"), dedupe="near", redact=True)
    corpus = mended(wanted, train=train, test=train)
    assert [step[1:3] for step in told(corpus) if step[0] == "test"] == [
        ("drop", "role-order"), ("redact", "personal-data"),
    ]  # fmt: skip
    assert len(corpus.parts[1].rows) == 60 > len(corpus.parts[0].rows)


def test_rows_with_nothing_to_score_are_refused_or_left_out(tmp_path: Path) -> None:
    faulty = [{"messages": _turns(row)} for row in rows()]
    faulty[UNSCORED] = {"messages": _turns(rows()[UNSCORED])[:1]}
    path = written(tmp_path / "a.jsonl", faulty)
    with pytest.raises(DataRefused, match=rf"\(row {UNSCORED}\).*no assistant turn") as refused:
        made(RECIPE, train=path)
    assert 'drop = ["role-order"]' in refused.value.hint
    corpus = mended(Mending(drop=("role-order",)), train=path)
    assert told(corpus) == [("train", "drop", "role-order", 1)]


def test_rows_that_the_template_refuses_are_left_out(train: Path) -> None:
    source = (
        "{% for m in messages %}{% if 'posteo' in m.content %}{{ raise_exception('no') }}"
        "{% endif %}<{{ m.role }}>{{ m.content }}<end>{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    template, tokenizer = compile_template(source, {}), load_tokenizer(BASE)
    with pytest.raises(DataRefused, match=f"row {MAIL}"):
        build(RECIPE, {"train": train}, template, tokenizer)
    wanted = Mending(drop=("template",))
    corpus = build(replace(RECIPE, mending=wanted), {"train": train}, template, tokenizer)
    assert told(corpus) == [("train", "drop", "template", 1)]
    assert MAIL not in numbers(corpus)


def test_a_template_that_never_ends_an_answer_is_refused(train: Path) -> None:
    source = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
    prompt = "{% if add_generation_prompt %}<assistant>{% endif %}"
    with pytest.raises(DataRefused, match="never learn to stop"):
        build(RECIPE, {"train": train}, compile_template(source + prompt, {}), load_tokenizer(BASE))


def _turns(row: dict[str, Any]) -> list[dict[str, str]]:
    asked = {"role": "user", "content": row["prompt"]}
    return [asked, {"role": "assistant", "content": row["completion"]}]


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """One conversation of nine exchanges among short ones, with a system turn."""
    faulty = [
        {"messages": [{"role": "system", "content": "Be brief."}, *_turns(row)]} for row in rows()
    ]
    faulty[ENDLESS]["messages"] += [turn for row in rows()[40:48] for turn in _turns(row)]
    return written(tmp_path / "long.jsonl", faulty)


def test_long_rows_are_cut_unless_told_otherwise(long: Path) -> None:
    corpus = made(RECIPE, train=long)
    assert corpus.max_length == 256 and corpus.cut_rows >= 1
    assert ("train", "truncate", "over-length", corpus.cut_rows) in told(corpus)
    assert max(row.length for row in corpus.parts[0].encoded) == 256


def test_long_rows_are_dropped(long: Path) -> None:
    corpus = mended(Mending(long="drop"), train=long)
    assert corpus.cut_rows == 0
    assert ENDLESS not in numbers(corpus)
    assert told(corpus)[0][:3] == ("train", "drop", "over-length")


def test_long_conversations_become_several_that_fit(long: Path) -> None:
    corpus = mended(Mending(long="split"), train=long)
    part = corpus.parts[0]
    made_of = [
        row for row, number in zip(part.rows, part.numbers, strict=True) if number == ENDLESS
    ]
    assert len(made_of) >= 2
    assert all(row.messages[0].role == "system" for row in made_of)
    assert all(row.messages[1].role == "user" for row in made_of)
    turns = [turn for row in made_of for turn in row.messages[1:]]
    whole = list(rows_of(long))[ENDLESS].row
    assert tuple(turns) == whole.messages[1:]
    assert max(row.length for row in part.encoded) <= 256
    assert ("train", "split", "over-length", 1 + corpus.cut_rows) in told(corpus)


def test_long_test_rows_are_dropped_or_refused(long: Path, train: Path) -> None:
    with pytest.raises(DataRefused, match="test rows are longer") as refused:
        made(RECIPE, train=train, test=long)
    assert 'long = "drop"' in refused.value.hint
    corpus = mended(Mending(long="drop"), train=train, test=long)
    assert ENDLESS not in corpus.parts[1].numbers


def test_a_file_of_which_nothing_is_left_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", [{"prompt": "a b c?", "completion": "yes"}] * 5)
    with pytest.raises(DataRefused, match=r"No row of .* is left"):
        mended(Mending(drop=("one-word",)), train=path)


def test_what_was_wanted_is_read_from_the_steps_again(long: Path, tmp_path: Path) -> None:
    test = written(tmp_path / "test.jsonl", rows()[40:45])
    for how in ("cut", "drop", "split"):
        for dedupe in ("off", "exact", "near"):
            wanted = Mending(DROPPED, how != "cut", dedupe, how)
            corpus = mended(wanted, train=long, test=test)
            assert mending({(step.step, step.what) for step in corpus.steps}) == wanted


def test_every_offer_is_an_answer() -> None:
    from planner.interview.questions import BY_KEY

    for finding in (*DROPPED, "exact-duplicates", "near-duplicates", "over-length"):
        one = offer(finding)
        assert one and one.said
        question = BY_KEY[one.key]
        assert question.kind == "boolean" or one.value in question.choices
    redacted, dropped = offer("personal-data"), offer("empty")
    assert redacted and redacted.line == "redact = true"
    assert dropped and dropped.line == 'drop = ["empty"]'
    assert offer("too-few") is None


def test_general_rows_are_mixed_in_by_their_share(train: Path) -> None:
    recipe = replace(RECIPE, general_share=0.05)
    corpus = made(recipe, train=train, general=GENERAL)
    general, part = corpus.general, corpus.parts[0]
    assert general and len(general.rows) == 3
    assert part.rows[-len(general.rows) :] == general.rows
    assert corpus.examples == 60
    assert len(part.rows) == len(part.encoded) == len(part.numbers) == 60 + len(general.rows)
    other = made(replace(recipe, seed=18), train=train, general=GENERAL).general
    assert other and other.sha256 != general.sha256
    again = made(recipe, train=train, general=GENERAL).general
    assert again and again.sha256 == general.sha256
    assert corpus.max_length == max(row.length for row in part.encoded)
    locked = replace(recipe, max_length=corpus.max_length)
    assert made(locked, train=train, general=GENERAL) == corpus


def test_general_rows_that_the_test_file_asks_are_left_out(train: Path, tmp_path: Path) -> None:
    test = written(tmp_path / "test.jsonl", rows()[40:45])
    general = written(tmp_path / "general.jsonl", [*rows()[40:45], *rows()[50:55]])
    recipe = replace(RECIPE, general_share=0.3, mending=Mending(drop=("leak",)))
    corpus = made(recipe, train=train, test=test, general=general)
    assert ("general", "drop", "leak", 5) in told(corpus)
    assert corpus.general and len(corpus.general.rows) == 5


def test_general_rows_are_never_cut_and_never_validate(train: Path) -> None:
    recipe = replace(RECIPE, general_share=0.3, fraction=0.2, max_length=120)
    corpus = made(recipe, train=train, general=GENERAL)
    general, held = corpus.general, corpus.part("validation")
    assert general and held
    assert all(row.length <= 120 for row in general.encoded)
    assert not set(general.rows) & set(held.rows)
    template, tokenizer = load_template(BASE), load_tokenizer(BASE)
    from planner.data.tokens.encode import encode

    assert [encode(row, template, tokenizer) for row in general.rows] == list(general.encoded)


def test_a_general_file_with_nothing_that_fits_is_refused(train: Path, tmp_path: Path) -> None:
    long = {"prompt": "why " * 400, "completion": "so"}
    path = written(tmp_path / "general.jsonl", [long])
    with pytest.raises(DataRefused, match="has no row of at most"):
        made(replace(RECIPE, general_share=0.1), train=train, general=path)
