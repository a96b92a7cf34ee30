"""What a row says is in the text that a template makes of it, or a finding names it."""

from pathlib import Path

import pytest

from tests.cases import models, rows, templates
from tests.cases.conftest import Model
from tests.cases.rows import Row, said
from tests.cases.seen import (
    check_named,
    check_refused,
    check_scored,
    check_shown_or_refused,
    looked,
)
from tests.cases.templates import calling

END = "<|im_end|>"


# TRL PR 5517, axolotl 3824: Meta's Llama 3 and many others print the text of a turn alone.
@pytest.mark.parametrize("name", ["llama3", "plain"])
def test_calls_that_vanish_are_refused(tmp_path: Path, model: Model, name: str) -> None:
    change = models.template(templates.PLAIN_JINJA) if name == "plain" else models.known(name)
    found = looked(tmp_path, model(name, change), rows.made(calling))
    check_refused(found, "tool_calls")


@pytest.mark.parametrize("answers", ["", "I look it up."], ids=["empty", "text"])
def test_a_call_beside_text_vanishes_too(tmp_path: Path, model: Model, answers: str) -> None:
    plain = model("plain", models.template(templates.PLAIN_JINJA))
    found = looked(tmp_path, plain, rows.made(lambda thing: calling(thing, content=answers)))
    check_refused(found, "tool_calls")


@pytest.mark.parametrize("source", ["FIRST_CALL_JINJA", "NAMES_JINJA"])
def test_a_part_of_the_calls_that_vanishes_is_refused(
    tmp_path: Path, model: Model, source: str
) -> None:
    """The second call of a turn, or the arguments of each: TRL PR 5517 looks for all of them."""
    changed = model(source.lower(), models.template(getattr(templates, source)))
    made = rows.made(
        lambda thing: calling(
            thing, templates.call(item=thing), templates.call("count_items", since="monday")
        )
    )
    check_refused(looked(tmp_path, changed, made), "tool_calls")


def test_several_calls_that_are_all_printed_are_scored(tmp_path: Path, model: Model) -> None:
    tools = model("tools", models.template(templates.TOOLS_JINJA))
    made = rows.made(
        lambda thing: calling(
            thing, templates.call(item=thing), templates.call("count_items", since="monday")
        )
    )
    first = f'CALL find_item {{"item": "{rows.FIRST}"}}CALL count_items {{"since": "monday"}}{END}'
    check_scored(looked(tmp_path, tools, made), first, f"{rows.answer(rows.FIRST)}{END}")


def test_two_equal_calls_need_two_places(tmp_path: Path, model: Model) -> None:
    """A call is found as its own span: the first one is not the proof of the second."""
    first = model("first_call_jinja", models.template(templates.FIRST_CALL_JINJA))
    made = rows.made(
        lambda thing: calling(thing, templates.call(item=thing), templates.call(item=thing))
    )
    check_refused(looked(tmp_path, first, made), "tool_calls")


def test_tools_that_vanish_are_named(tmp_path: Path, model: Model) -> None:
    """Megatron-Bridge 4072: the calls are learned without their definitions."""
    changed = model("no_tools", models.template(templates.NO_TOOLS_JINJA))
    check_named(looked(tmp_path, changed, rows.made(calling)), "tools")


def test_results_of_tools_that_vanish_are_named(tmp_path: Path, model: Model) -> None:
    changed = model("no_results", models.template(templates.NO_RESULTS_JINJA))
    found = looked(tmp_path, changed, rows.made(calling))
    check_named(found, "tool")


def test_a_system_prompt_that_vanishes_is_named(tmp_path: Path, model: Model) -> None:
    """Templates without a system role: some raise, some leave it out."""
    changed = model("no_system", models.template(templates.NO_SYSTEM_JINJA))
    made = rows.made(
        lambda thing: {"messages": [said("system", "Be brief."), *rows.asked(thing)["messages"]]}
    )
    found = looked(tmp_path, changed, made)
    check_named(found, "system")


def short(thing: str) -> Row:
    """Return a row whose answer is also the name of a role."""
    return {"messages": [said("user", f"Who buys the {thing}?"), said("assistant", "user")]}


def test_an_answer_is_not_found_by_chance(tmp_path: Path, model: Model) -> None:
    """The template leaves out the answer `user`, which is in the text as a role."""
    changed = model("long_only", models.template(templates.LONG_ONLY_JINJA))
    check_refused(looked(tmp_path, changed, rows.made(short)))


def test_a_question_is_not_found_by_chance(tmp_path: Path, model: Model) -> None:
    """The template leaves out the question `user`, which is in the text as a role."""
    changed = model("long_only", models.template(templates.LONG_ONLY_JINJA))

    def row(thing: str) -> Row:
        turns = [said("user", f"I want a {thing}."), said("assistant", f"Here is the {thing}.")]
        return {"messages": [*turns, said("user", "user"), said("assistant", rows.answer(thing))]}

    found = looked(tmp_path, changed, rows.made(row))
    assert not found.locked or "template" in found.report.out, found.text


def test_an_answer_that_is_a_role_is_scored(tmp_path: Path, base: Path) -> None:
    check_scored(looked(tmp_path, base, rows.made(short)), f"user{END}")


@pytest.mark.parametrize("source", ["CUT_JINJA", "LAST_ONLY_JINJA"])
def test_text_that_vanishes_is_refused_or_named(tmp_path: Path, model: Model, source: str) -> None:
    changed = model(source.lower(), models.template(getattr(templates, source)))

    def row(thing: str) -> Row:
        turns = [said("user", f"I want a {thing}."), said("assistant", f"Here is the {thing}.")]
        return {"messages": turns + rows.asked(thing)["messages"]}

    found = looked(tmp_path, changed, rows.made(row))
    assert not found.locked or "template" in found.report.out, found.text


@pytest.mark.parametrize("answer", ["Yes, it is.\n", "  Yes, it is."], ids=["after", "before"])
def test_white_space_that_a_template_trims_is_no_loss(
    tmp_path: Path, model: Model, answer: str
) -> None:
    changed = model("trimmed", models.template(templates.TRIMMED_JINJA))
    made = rows.made(
        lambda thing: {"messages": [said("user", f"{thing}?\n"), said("assistant", answer)]}
    )
    check_scored(looked(tmp_path, changed, made), f"Yes, it is.{END}")


def thinking(thing: str, key: str = "reasoning_content") -> Row:
    """Return a row whose only answer has reasoning."""
    answer = said("assistant", rows.answer(thing), **{key: f"I count the {thing}."})
    return {"messages": [said("user", rows.question(thing)), answer]}


# Automodel PR 2348, minimind 737.
@pytest.mark.parametrize("key", ["reasoning_content", "thinking", "reasoning"])
@pytest.mark.parametrize("name", ["plain", "llama3_1"])
def test_reasoning_of_a_scored_turn_that_vanishes_is_refused(
    tmp_path: Path, model: Model, key: str, name: str
) -> None:
    change = models.template(templates.PLAIN_JINJA) if name == "plain" else models.known(name)
    made = rows.made(lambda thing: thinking(thing, key))
    check_refused(looked(tmp_path, model(name, change), made), key)


def test_reasoning_that_a_template_prints_is_scored(tmp_path: Path, model: Model) -> None:
    changed = model("reasoning", models.template(templates.REASONING_JINJA))
    wanted = f"<think>I count the {rows.FIRST}.</think>{rows.answer(rows.FIRST)}{END}"
    check_scored(looked(tmp_path, changed, rows.made(thinking)), wanted)


@pytest.mark.parametrize("key", ["reasoning_content", "thinking", "reasoning"])
@pytest.mark.parametrize("printed", ["reasoning_content", "thinking"])
def test_reasoning_under_another_name_is_the_same(
    tmp_path: Path, model: Model, key: str, printed: str
) -> None:
    """transformers 5.23 gives a template each of the names of a turn's reasoning."""
    source = templates.REASONING_JINJA.replace("reasoning_content", printed)
    place = model(f"prints-{printed}", models.template(source))
    found = looked(tmp_path, place, rows.made(lambda thing: thinking(thing, key)))
    check_shown_or_refused(found, key, f"<think>I count the {rows.FIRST}.</think>")


def test_reasoning_of_earlier_turns_may_be_dropped_by_design(tmp_path: Path, model: Model) -> None:
    """Qwen3's template drops it where a question of the user follows."""

    def row(thing: str) -> Row:
        turns = [said("user", f"A {thing}?"), said("assistant", "Yes.", reasoning_content="Old.")]
        return {"messages": turns + thinking(thing)["messages"]}

    found = looked(tmp_path, model("qwen3", models.known("qwen3")), rows.made(row))
    assert found.locked, found.plan.err
    assert f"I count the {rows.FIRST}." in "".join(found.scored)
    assert "Old." in found.text or found.names("reasoning_content") or found.names("reasoning")


# transformers PR 31429: Command R, Hermes 2 Pro and Hermes 3 have a template `tool_use`.
@pytest.mark.parametrize("place", ["list", "folder", "first"])
def test_rows_with_tools_take_the_template_for_tools(
    tmp_path: Path, model: Model, place: str
) -> None:
    found = looked(tmp_path, model(f"named_{place}", named(place)), rows.made(calling))
    call = f'CALL find_item {{"item": "{rows.FIRST}"}}{END}'
    check_shown_or_refused(found, "tool_calls", 'TOOLS [{"type": "function"', call)


@pytest.mark.parametrize("place", ["list", "folder"])
def test_rows_without_tools_take_the_default_template(
    tmp_path: Path, model: Model, place: str
) -> None:
    found = looked(tmp_path, model(f"named_{place}", named(place)), rows.made(rows.asked))
    check_scored(found, f"{rows.answer(rows.FIRST)}{END}")


def named(place: str) -> models.Change:
    """Return the change to a model with two named templates, in one of the places for them."""
    if place == "folder":
        more = "additional_chat_templates"

        def change(folder: Path) -> None:
            models.template(templates.PLAIN_JINJA)(folder)
            (folder / more).mkdir()
            (folder / more / "tool_use.jinja").write_text(templates.TOOLS_JINJA, "utf-8")

        return change
    listed = [
        {"name": "default", "template": templates.PLAIN_JINJA},
        {"name": "tool_use", "template": templates.TOOLS_JINJA},
    ]

    def change_list(folder: Path) -> None:
        (folder / "chat_template.jinja").unlink()
        ordered = listed[::-1] if place == "first" else listed
        models.tokenizer_config(chat_template=ordered)(folder)

    return change_list
