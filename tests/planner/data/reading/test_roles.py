"""The names of speakers, and where turns have them."""

from pathlib import Path

import pytest

from planner.data.reading.formats import load_table
from planner.data.reading.roles import mapping
from planner.data.rows.rows import Message
from tests.planner.data.format_rows import ANSWER, QUESTION, ROW, one, problem, written


@pytest.mark.parametrize("keys", [("role", "content"), ("from", "value"), ("speaker", "text"),
                                  ("author", "message"), ("Role", "Content")])  # fmt: skip
@pytest.mark.parametrize(
    ("user", "assistant"),
    [
        ("user", "assistant"), ("human", "gpt"), ("USER", "ASSISTANT"), ("User", "Bot"),
        ("human", "chatgpt"), ("prompter", "assistant"), ("user", "model"), ("user", "ai"),
        (" Human: ", "AI:"), ("<|user|>", "<|assistant|>"), ("USER", "CHATBOT"),
    ],
)  # fmt: skip
def test_known_names(user: str, assistant: str, keys: tuple[str, str], tmp_path: Path) -> None:
    said = ((user, QUESTION), (assistant, ANSWER))
    turns = [dict(zip(keys, turn, strict=True)) for turn in said]
    assert one(tmp_path, {"conversations": turns}) == ROW


@pytest.mark.parametrize("name", ["system", "developer", "System", "Developer"])
def test_names_of_the_system(name: str, tmp_path: Path) -> None:
    turns = [{"role": name, "content": "Count."}, {"role": "user", "content": QUESTION}]
    assert one(tmp_path, {"messages": turns}).system == "Count."


def test_an_exchange_in_one_object(tmp_path: Path) -> None:
    turns = [{"human": QUESTION, "assistant": ANSWER}, {"user": "And?", "bot": "72.", "system": ""}]
    row = one(tmp_path, {"conversation": turns})
    assert row.messages == (*ROW.messages, Message("user", "And?"), Message("assistant", "72."))


@pytest.mark.parametrize("keys", [("role", "content"), ("from", "value")])
def test_other_names_need_a_mapping(keys: tuple[str, str], tmp_path: Path) -> None:
    said = (("Customer", QUESTION), ("npc", ANSWER))
    turns = [dict(zip(keys, turn, strict=True)) for turn in said]
    path = written(tmp_path / "a.jsonl", [{"messages": turns}] * 2)
    found = problem(path)
    assert "`Customer`, which is not" in found.message
    assert "[data] roles" in found.hint and "--role" in found.hint
    roles = mapping(("customer=user", "npc=assistant"))
    assert load_table(path, roles=roles).rows == (ROW, ROW)


def test_a_mapping_may_replace_a_known_name(tmp_path: Path) -> None:
    turns = [{"role": "bot", "content": QUESTION}, {"role": "assistant", "content": ANSWER}]
    path = written(tmp_path / "a.jsonl", [{"messages": turns}])
    assert load_table(path, roles={"bot": "user"}).rows == (ROW,)


def test_a_turn_without_a_speaker_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", [{"messages": [{"content": QUESTION}]}])
    assert "message 1 has no `role`; it has `content`" in problem(path).message
