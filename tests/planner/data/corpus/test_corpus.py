"""A corpus from files: what is split off, cut, counted and refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lockfiles.errors import DataRefused, UsageProblem
from planner.data.corpus.corpus import Corpus, build
from planner.data.corpus.part import Part, Recipe
from planner.data.rows.splits import SplitName
from planner.data.tokens.encode import load_tokenizer
from planner.data.tokens.template import compile_template, load_template
from runner.demo import files

BASE = Path(files.__file__).parent / "base"
RECIPE = Recipe(
    format="auto", columns=None, system="", fraction=0.25, seed=17, max_length=0, context=256
)


def write(path: Path, answers: list[str]) -> Path:
    """Write one question with each answer."""
    rows = [
        [{"role": "user", "content": f"question {n}"}, {"role": "assistant", "content": answer}]
        for n, answer in enumerate(answers)
    ]
    lines = (json.dumps({"messages": row}) + "\n" for row in rows)
    path.write_text("".join(lines), encoding="utf-8")
    return path


def made(recipe: Recipe, **named: Path) -> Corpus:
    """Build a corpus for the demo's base."""
    paths: dict[SplitName, Path] = {name: named[name] for name in _NAMES if name in named}
    return build(recipe, paths, load_template(BASE), load_tokenizer(BASE))


_NAMES: tuple[SplitName, ...] = ("train", "validation", "test", "general")


def part(corpus: Corpus, name: SplitName) -> Part:
    """Return a split that must be there."""
    found = corpus.part(name)
    assert found is not None
    return found


def lengths(found: Part) -> list[int]:
    """Return the tokens of each row."""
    return [row.length for row in found.encoded]


@pytest.fixture
def train(tmp_path: Path) -> Path:
    return write(tmp_path / "train.jsonl", ["yes", "no", "well " * 30, "maybe"] * 2)


def test_a_share_of_the_training_file_is_split_off(train: Path) -> None:
    corpus = made(RECIPE, train=train)
    assert [one.split for one in corpus.parts] == ["train", "validation"]
    held = part(corpus, "validation")
    assert (held.source, len(held.rows), len(part(corpus, "train").rows)) == ("train", 2, 6)
    assert not set(held.rows) & set(part(corpus, "train").rows)
    other = made(replace(RECIPE, seed=18), train=train)
    assert part(other, "validation").sha256 != held.sha256


def test_a_validation_file_of_its_own_leaves_the_training_file_whole(
    train: Path, tmp_path: Path
) -> None:
    own = write(tmp_path / "validation.jsonl", ["held back"])
    corpus = made(RECIPE, train=train, validation=own)
    assert (part(corpus, "validation").source, len(part(corpus, "validation").rows)) == (
        "validation",
        1,
    )
    assert len(part(corpus, "train").rows) == 8


def test_no_fraction_and_no_file_is_no_validation(train: Path) -> None:
    corpus = made(replace(RECIPE, fraction=0.0), train=train)
    assert [one.split for one in corpus.parts] == ["train"]
    assert corpus.part("validation") is None


def test_only_training_and_validation_rows_are_cut_and_cut_rows_are_counted(
    train: Path, tmp_path: Path
) -> None:
    long = write(tmp_path / "test.jsonl", ["well " * 30])
    recipe = replace(RECIPE, fraction=0.0, max_length=40)
    corpus = made(recipe, train=train, validation=long, test=long)
    assert (corpus.max_length, corpus.cut_rows) == (40, 2)
    assert max(lengths(part(corpus, "train"))) == 40
    assert lengths(part(corpus, "validation")) == [40]
    assert lengths(part(corpus, "test"))[0] > 40
    assert part(corpus, "validation").sha256 == part(corpus, "test").sha256
    assert part(corpus, "validation").tokens_sha256 != part(corpus, "test").tokens_sha256


def test_without_a_length_the_longest_row_is_taken_and_at_most_the_context(train: Path) -> None:
    whole = made(replace(RECIPE, fraction=0.0), train=train)
    assert (whole.max_length, whole.cut_rows) == (max(lengths(part(whole, "train"))), 0)
    narrow = made(replace(RECIPE, fraction=0.0, context=40), train=train)
    assert (narrow.max_length, narrow.cut_rows) == (40, 2)


def test_rows_without_an_answer_are_refused_by_their_numbers(tmp_path: Path) -> None:
    rows = [[{"role": "user", "content": "alone"}]] * 5
    rows[2] = [*rows[2], {"role": "assistant", "content": "yes"}]
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps({"messages": row}) + "\n" for row in rows), "utf-8")
    with pytest.raises(DataRefused) as refused:
        made(RECIPE, train=path)
    assert refused.value.exit_code == 6
    assert "(row 0, 1, 3 and others): 4 of 5 rows have no assistant" in refused.value.message
    assert refused.value.hint


def test_rows_whose_answer_is_cut_away_are_refused_by_their_numbers_in_the_file(
    tmp_path: Path,
) -> None:
    asked = [{"role": "user", "content": "why " * 40}, {"role": "assistant", "content": "so"}]
    path = write(tmp_path / "train.jsonl", ["yes"] * 9)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"messages": asked}) + "\n")
    for seed in range(4):
        with pytest.raises(DataRefused, match=r"no scored token in 1 of .* \(row 9\)"):
            made(replace(RECIPE, max_length=40, seed=seed), train=path)


def test_a_row_that_the_template_refuses_is_named_with_its_file(tmp_path: Path) -> None:
    path = write(tmp_path / "train.jsonl", ["yes", "no"])
    template = compile_template("{{ raise_exception('no system please') }}", {})
    with pytest.raises(DataRefused, match=r"train\.jsonl`, row 0: .*no system please"):
        build(RECIPE, {"train": path}, template, load_tokenizer(BASE))


def test_a_test_row_longer_than_the_context_is_refused(train: Path, tmp_path: Path) -> None:
    long = write(tmp_path / "test.jsonl", ["well " * 30])
    with pytest.raises(DataRefused, match=r"1 of 1 test rows .* 40 tokens \(row 0\)"):
        made(replace(RECIPE, context=40), train=train, test=long)


def test_skipped_general_rows_are_counted_with_their_cause(train: Path, tmp_path: Path) -> None:
    general = write(tmp_path / "general.jsonl", ["yes", "no", " ", "well " * 300, "maybe"])
    call = {"type": "function", "function": {"name": "look", "arguments": {"at": "lamp"}}}
    lost = {"role": "assistant", "content": "so", "tool_calls": [call]}
    with general.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"messages": [{"role": "user", "content": "why"}, lost]}) + "\n")
    corpus = made(replace(RECIPE, fraction=0.0, general_share=0.5), train=train, general=general)
    assert corpus.general and corpus.general.numbers == (0, 1, 4)
    assert corpus.skipped.startswith("3 of 6 general rows were skipped: ")
    for cause in ("1 without an answer", "1 of more than 256 tokens", "1 not rendered in full"):
        assert cause in corpus.skipped
    assert "Row 5: " in corpus.skipped and "tool_calls" in corpus.skipped


def test_no_general_row_that_can_be_used_is_refused_with_the_causes(
    train: Path, tmp_path: Path
) -> None:
    general = write(tmp_path / "general.jsonl", ["well " * 300])
    with pytest.raises(DataRefused, match="1 of 1 general rows were skipped: 1 of more than 256"):
        made(replace(RECIPE, general_share=0.5), train=train, general=general)


def test_another_format_than_the_named_one_is_refused(train: Path) -> None:
    with pytest.raises(UsageProblem, match="has the format `messages`, not `alpaca`") as refused:
        made(replace(RECIPE, format="alpaca"), train=train)
    assert 'format = "auto"' in refused.value.hint


def test_mapped_columns_and_a_system_message_reach_the_rows(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text("asked,told\none,1\ntwo,2\n", encoding="utf-8")
    recipe = replace(
        RECIPE,
        format="columns",
        columns={"prompt": "asked", "completion": "told"},
        system="Count.",
        fraction=0.0,
    )
    found = part(made(recipe, train=path), "train")
    assert found.format == "columns"
    assert [message.content for message in found.rows[1].messages] == ["Count.", "two", "2"]


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem) as missing:
        made(RECIPE, train=tmp_path / "none.jsonl")
    assert "none.jsonl" in missing.value.message
    assert missing.value.hint
