"""The interview: the list of questions, checking answers, writing them back, the schema."""

import re
from pathlib import Path
from textwrap import wrap
from typing import Any

import pytest

from lockfiles import intent
from lockfiles.errors import UsageProblem
from lockfiles.files import at_home
from lockfiles.harmless import is_harmless
from planner.interview.answers import check, given
from planner.interview.exports import EXPORTS
from planner.interview.questions import BY_KEY, QUESTIONS
from planner.interview.schema import SHIPPED, schema, text
from planner.questions.question import Question, from_text, never, normal
from tests.few import few
from tests.lockfiles.test_values import HOSTILE

NEEDED = {"data.train": "train.jsonl", "model.source": "base"}
SAMPLE = """\
[goal]
name = "support-bot"
prompting = "falls-short"

[data]
train = "rows.csv"
format = "columns"
prompt_column = "text"
completion_column = "label"

[model]
source = "base"

[method]
kind = "lora"
rank = 16

[train]
learning_rate = 0.001

[results]
gguf = [
    "f16",
    "q8_0",
]
"""


def test_each_question_stands_once_in_its_table_in_order() -> None:
    keys = [question.key for question in QUESTIONS]
    assert len(keys) == len(set(keys))
    tables = list(dict.fromkeys(question.table for question in QUESTIONS))
    assert tuple(tables) == intent.TABLES


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.key)
def test_each_default_is_an_answer_to_its_question(question: Question) -> None:
    if question.required and question.default == "" and question.optional is never:
        with pytest.raises(ValueError, match="must not be empty"):
            normal(question, question.default)
    else:
        assert normal(question, question.default) == question.default
    assert question.title and question.help.endswith(".")


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.key)
def test_a_question_fits_the_wizard_s_smallest_page(question: Question) -> None:
    assert len(question.title) <= 48
    assert len(wrap(question.help, 78)) <= 2


def test_defaults_fill_what_is_not_given() -> None:
    answers = check(NEEDED, {})
    assert answers.text("goal.name") == "tuned"
    assert answers.integer("train.epochs") == 3
    assert answers.number("train.warmup_ratio") == 0.03
    assert answers.flag("results.merge") is True
    assert answers.chosen("results.gguf") == ()
    assert list(answers) == [question.key for question in QUESTIONS]


def test_a_file_comes_back_byte_for_byte() -> None:
    raw = intent.parse(SAMPLE)
    assert intent.write(given(check(raw.values, raw.lines))) == SAMPLE


def test_equal_answers_give_equal_text_whatever_their_form_and_order() -> None:
    one = {**NEEDED, "results.gguf": ["q8_0", "f16", "f16"], "train.learning_rate": 0.0}
    two = {"train.learning_rate": 0, "results.gguf": ("f16", "q8_0"), **NEEDED}
    three = {**one, "data.train": " train.jsonl "}
    assert given(check(one, {})) == given(check(two, {})) == given(check(three, {}))
    assert given(check(one, {}))["results"] == {"gguf": ["f16", "q8_0"]}


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"method.rnak": 8}, "`method.rnak` on line 9 of `run.toml` is an unknown key; "
         "the nearest known one is `method.rank`."),
        ({"methd.rank": 8}, "the nearest known one is `method.rank`"),
        ({"zzz.qqq": 8}, "`zzz.qqq` on line 9 of `run.toml` is an unknown key."),
        ({"method.rank": "8"}, "`method.rank` on line 9 of `run.toml` must be an integer."),
        ({"method.rank": True}, "must be an integer"),
        ({"method.rank": -1}, "must be from 0 to 1024"),
        ({"train.seed": 1.5}, "must be an integer"),
        ({"train.learning_rate": float("nan")}, "must be a number"),
        ({"train.learning_rate": 10**400}, "or 0 to let the plan choose"),
        ({"train.learning_rate": 3.0}, "or 0 to let the plan choose"),
        ({"train.effective_tokens": -1}, "or 0 to count examples"),
        ({"train.exact": "yes"}, "must be `true` or `false`"),
        ({"method.kind": "loar"}, "must be one of `auto`, `lora`, `qlora`, `full`, not `loar`"),
        ({"results.gguf": ["q9"]}, "must be one of `f16`, `q8_0`, `q4_k_m`, not `q9`"),
        ({"results.gguf": "f16"}, "must be a list of quoted strings"),
        ({"goal.name": "../up"}, "must be at most 100 letters"),
        ({"goal.name": ""}, "must not be empty"),
        ({"data": {"train": 1}}, "`data` on line 9 of `run.toml` is an unknown key"),
        ({"data.prompt_column": "q"}, "does not apply unless `data.format` is `columns`"),
        ({"method.kind": "full", "method.rank": 4}, "does not apply when `method.kind` is `full`"),
    ],
)  # fmt: skip
def test_a_wrong_answer_is_named_with_its_line(extra: dict[str, object], message: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        check({**NEEDED, **extra}, dict.fromkeys(extra, 9))
    assert message in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("missing", NEEDED)
def test_a_missing_required_answer_is_named(missing: str) -> None:
    with pytest.raises(UsageProblem, match=f"`{missing}` is required but has no answer"):
        check({key: value for key, value in NEEDED.items() if key != missing}, {})


def test_mapped_columns_need_both_names() -> None:
    with pytest.raises(UsageProblem, match=r"`data\.completion_column` is required but has"):
        check({**NEEDED, "data.format": "columns", "data.prompt_column": "q"}, {})


def test_an_answer_that_no_longer_applies_goes_back_to_its_default() -> None:
    answers = check({**NEEDED, "method.kind": "full", "method.rank": 64}, {})
    assert answers["method.rank"] == 0
    assert "rank" not in given(answers)["method"]


def test_every_default_given_outright_is_as_good_as_none() -> None:
    defaults: dict[str, object] = {question.key: question.default for question in QUESTIONS}
    assert check(defaults | NEEDED, {}) == check(NEEDED, {})


@pytest.mark.parametrize(
    ("key", "typed", "value"),
    [
        ("train.epochs", " 2 ", 2),
        ("train.learning_rate", "2e-4", 2e-4),
        ("train.exact", "Yes", True),
        ("results.gguf", "q8_0, f16", ("f16", "q8_0")),
        ("results.gguf", "", ()),
        ("data.system", " Be brief. ", "Be brief."),
    ],
)
def test_typed_text_becomes_an_answer(key: str, typed: str, value: object) -> None:
    assert from_text(BY_KEY[key], typed) == value


@pytest.mark.parametrize(
    ("key", "text", "hint"),
    [
        ("train.learning_rate", "2e-4", "0.0002"),
        ("method.rank", "8", "rank = 8"),
        ("train.exact", "true", "exact = true"),
    ],
)
def test_a_number_in_quotes_gets_that_number_as_its_hint(key: str, text: str, hint: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        check({**NEEDED, key: text}, {key: 9})
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("key", "typed", "problem"),
    [
        ("train.epochs", "two", "must be an integer"),
        ("train.epochs", "0", "must be from 1 to 1000"),
        ("train.learning_rate", "inf", "must be a number"),
        ("train.exact", "maybe", "must be `true` or `false`"),
        ("results.push_to", "a b", "must be a Hub repository"),
    ],
)
def test_typed_text_that_is_no_answer_is_refused(key: str, typed: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        from_text(BY_KEY[key], typed)


def test_the_schema_has_every_question_and_closes_every_table() -> None:
    whole: Any = schema()
    assert tuple(whole["properties"]) == intent.TABLES
    assert whole["required"] == ["model"]
    exported = {"required": ["results"], "properties": {"results": {"required": ["gguf"]}}}
    of_others = len([one for one in EXPORTS if one.key != "results.gguf"])
    assert whole["anyOf"][0] == {"required": ["data"]} and exported in whole["anyOf"]
    assert len(whole["anyOf"]) == 2 + of_others
    for question in QUESTIONS:
        table = whole["properties"][question.table]
        assert table["additionalProperties"] is False
        assert question.name in table["properties"]
    assert whole["properties"]["data"]["required"] == ["train"]
    push_to = whole["properties"]["results"]["properties"]["push_to"]
    assert re.search(push_to["pattern"], "") and re.search(push_to["pattern"], "me/model")
    kind = whole["properties"]["method"]["properties"]["kind"]
    assert kind["enum"] == ["auto", "lora", "qlora", "full"]
    assert whole["properties"]["train"]["properties"]["epochs"]["minimum"] == 1


def test_the_shipped_schema_is_that_of_the_questions() -> None:
    assert SHIPPED.read_text("utf-8") == text(), "write it: python -m planner.interview.schema"


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"train.learning_rate": int("f" * 5000, 16)}, "or 0 to let the plan choose"),
        ({"train.seed": int("f" * 5000, 16)}, "must be from 0 to 4294967295"),
        ({"train.seed": -int("f" * 5000, 16)}, "must be from 0 to"),
        ({"data.train": "x" * 10_000}, "must be a path of at most 4,095 bytes"),
        ({"data.train": "x" * 300}, "must be a path with names of at most 255 bytes"),
        ({"data.train": "a\0b"}, "must be a path without control characters"),
        ({"model.source": "x/" * 5000}, "must be a path of at most"),
        ({"model.source": "a\x1b[2Jb"}, "must be a path without control characters"),
        ({"model.revision": "ma in"}, "must be a branch, tag or commit"),
        ({"model.revision": "x" * 201}, "must have at most 200 characters"),
        ({"data.system": "x" * 16_001}, "must have at most 16,000 characters"),
        ({"data.system": "a\x1bb"}, "must be text without control characters"),
        ({"goal.override": "a\nb"}, "must be text on one line, without control characters"),
        ({"goal.override": "\u202eabc"}, "must be text on one line"),
        ({"goal.override": "x" * 1001}, "must have at most 1,000 characters"),
        ({"method.modules": [f"m{n}" for n in range(65)], "method.targets": "by-hand"},
         "must have at most 64 names"),
        ({"method.modules": ["x" * 101], "method.targets": "by-hand"}, "at most 100 characters"),
        ({"method.modules": ["a\nb"], "method.targets": "by-hand"}, "without control characters"),
        ({"method.kind": "x" * 10_000}, "must be one of `auto`"),
        ({"method.kind": "a\nb"}, r"not `a\nb`"),
        ({"results.push_to": "tuned"}, "must be a Hub repository such as `name/model`"),
        ({"results.push_to": "ana/x--y"}, "must be a Hub repository"),
        ({"results.push_to": "ana/" + "x" * 97}, "must be a Hub repository"),
        ({"a.b\n\x1b[2J": 1}, "is an unknown key"),
        ({"data." + "x" * 100_000: 1}, "is an unknown key"),
    ],
)  # fmt: skip
def test_no_answer_goes_beyond_what_a_lock_holds(extra: dict[str, object], message: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        check({**NEEDED, **extra}, dict.fromkeys(extra, 9))
    assert message in caught.value.message
    assert is_harmless(caught.value.message) and len(caught.value.message) < 400
    assert is_harmless(caught.value.hint)


def test_roles_are_a_table_or_a_list() -> None:
    listed = check({**NEEDED, "data.roles": ["npc=assistant", "boss = x=user"]}, {})
    table = check({**NEEDED, "data.roles": {"boss = x": "user", "npc": "assistant"}}, {})
    assert listed["data.roles"] == table["data.roles"] == ("boss = x=user", "npc=assistant")
    wrongs: tuple[object, ...] = (
        ["npc"], ["npc=boss"], ["a=user", "a=tool"], {"npc": 5}, {"npc": {}}, "a=user",
    )  # fmt: skip
    for wrong in wrongs:
        with pytest.raises(UsageProblem, match=r"data\.roles"):
            check({**NEEDED, "data.roles": wrong}, {"data.roles": 4})


def test_a_system_message_may_have_lines() -> None:
    assert check({**NEEDED, "data.system": "One.\n\tTwo."}, {})["data.system"] == "One.\n\tTwo."


def test_a_home_that_there_is_not_is_a_path_like_any_other() -> None:
    assert at_home("~no-such-user/rows.jsonl") == Path("~no-such-user/rows.jsonl")
    assert at_home("~/rows.jsonl") == Path.home() / "rows.jsonl"


@pytest.mark.parametrize("question", few(QUESTIONS), ids=lambda question: question.key)
def test_whatever_an_intent_says_is_an_answer_or_one_sentence(question: Question) -> None:
    for value in (*HOSTILE, int("f" * 5000, 16), "\ud800", "~nobody/x", "x/" * 3000):
        try:
            answers = check({**NEEDED, question.key: value}, {question.key: 9})
        except UsageProblem as problem:
            assert is_harmless(problem.message) and len(problem.message) < 600
            assert is_harmless(problem.hint)
        else:
            assert is_harmless(str(answers[question.key]).replace("\n", ""))


@pytest.mark.parametrize(
    ("key", "right"),
    [("goal.objective", "method.objective"), ("method.epochs", "train.epochs"),
     ("run.train", "data.train"), ("data.gguf", "results.gguf")],
)  # fmt: skip
def test_a_key_of_another_table_is_named_by_its_own(key: str, right: str) -> None:
    with pytest.raises(
        UsageProblem, match=f"is an unknown key; the nearest known one is `{right}`"
    ):
        check({key: "x"}, {key: 3})


def test_what_earlier_versions_called_a_choice_is_still_read() -> None:
    renamed = [(one, old, new) for one in QUESTIONS for old, new in one.earlier]
    assert ("goal.change", "behaviour", "behavior") in [
        (question.key, old, new) for question, old, new in renamed
    ]
    for question, old, new in renamed:
        assert new in question.choices and old not in question.choices
        single = question.kind == "choice"
        assert normal(question, old if single else [old]) == (new if single else (new,))
