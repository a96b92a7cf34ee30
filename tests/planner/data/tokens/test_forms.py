"""The form of tools and calls that templates take, and what is found to be lost."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from lockfiles.errors import DataRefused
from planner.data.checks.scan import Chat
from planner.data.isolation.client import Tokens
from planner.data.rows.rows import Message, Row, in_order
from planner.data.tokens.encode import NoAnswer, PartLost, whole_rows
from tests.planner.data.chat import ours, template, tokenizer
from tests.planner.data.planted.file import File

TURN = "{{ '<|' + m.role + '|>' }}"
ASKS = "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
CONTENT = "{{ m.content or '' }}"
CALLS = (
    "{% for c in m.tool_calls or [] %}{{ '<call>' + c.function.name + ' ' "
    "+ (c.function.arguments|tojson) }}{% endfor %}"
)
TOOLS = "{% if tools %}{{ '<tools>' + (tools|tojson) }}{% endif %}"


def turns(body: str, before: str = "") -> str:
    return before + "{% for m in messages %}" + TURN + body + "{{ '<end>' }}{% endfor %}" + ASKS


MISTRAL = """{{- bos_token }}
{%- for m in messages %}
  {%- if m.role == "user" %}
    {%- if tools is not none and m == messages[0] %}{{- "[AVAILABLE_TOOLS] [" }}
      {%- for tool in tools %}{{- '{"type": "function", "function": {' }}
        {%- for key, val in tool.function.items() if key != "return" %}
          {%- if val is string %}{{- '"' + key + '": "' + val + '"' }}
          {%- else %}{{- '"' + key + '": ' + val|tojson }}{%- endif %}
          {%- if not loop.last %}{{- ", " }}{%- endif %}
        {%- endfor %}{{- "}}" }}
      {%- endfor %}{{- "][/AVAILABLE_TOOLS]" }}
    {%- endif %}
    {{- "[INST] " + m.content + "[/INST]" }}
  {%- elif m.tool_calls is defined and m.tool_calls is not none %}
    {{- "[TOOL_CALLS] [" }}
    {%- for tool_call in m.tool_calls %}
      {%- set out = tool_call.function|tojson %}{{- out[:-1] }}
      {%- if not tool_call.id is defined or tool_call.id|length != 9 %}
        {{- raise_exception("Tool call IDs should be alphanumeric strings with length 9!") }}
      {%- endif %}
      {{- ', "id": "' + tool_call.id + '"}' }}
    {%- endfor %}{{- "]" + eos_token }}
  {%- elif m.role == "assistant" %}{{- " " + m.content|trim + eos_token }}
  {%- elif m.role == "tool" %}
    {{- '[TOOL_RESULTS] {"content": ' + m.content|string + ', ' }}
    {%- if not m.tool_call_id is defined or m.tool_call_id|length != 9 %}
      {{- raise_exception("Tool call IDs should be alphanumeric strings with length 9!") }}
    {%- endif %}
    {{- '"call_id": "' + m.tool_call_id + '"}[/TOOL_RESULTS]' }}
  {%- endif %}
{%- endfor %}"""
"""Mistral 7B v0.3's template (https://huggingface.co/mistralai/Mistral-7B-Instruct-v0.3), without
its checks of the order of roles."""
FLAT = "{% for c in m.tool_calls or [] %}{{ c.name + (c.arguments|tojson) }}{% endfor %}"
BARE = "{% for t in tools or [] %}{{ t.name + ': ' + t.description }}{% endfor %}"
TEXT = (
    "{% for c in m.tool_calls or [] %}{{ c.function.name + ' ' + c.function.arguments }}"
    "{% endfor %}"
)
ITEMS = (
    "{% for c in m.tool_calls or [] %}<{{ c.function.name }}{% for k, v in "
    "c.function.arguments.items() %} {{ k }}={{ v | tojson }}{% endfor %}>{% endfor %}"
)
PYTHON = "{% for c in m.tool_calls or [] %}{{ c.function.name ~ c.function.arguments }}{% endfor %}"
NULL = "{% if m.content is none %}" + CALLS + "{% else %}{{ m.content }}{% endif %}"
ABSENT = "{% if 'content' in m %}{{ m.content }}{% else %}" + CALLS + "{% endif %}"
PARTS = "{% for p in m.content %}{{ p.text }}{% endfor %}" + CALLS
FUNCTION = {"name": "find_item", "description": "Looks it up.", "parameters": {"type": "object"}}
TOOL = {"type": "function", "function": FUNCTION}
USER = Message("user", "Where is it?")
SAID = Message("assistant", "On the shelf.")


def call(name: str = "find_item", id_: str = "", **arguments: Any) -> dict[str, Any]:
    own = {"id": id_} if id_ else {}
    return {"type": "function"} | own | {"function": {"name": name, "arguments": arguments}}


def row(*calls: Any, tools: Any = (TOOL,), content: str = "", **keys: Any) -> Row:
    asks = Message("assistant", content, in_order({"tool_calls": list(calls)} | keys))
    result = Message("tool", '{"n": "é"}', in_order({"name": "find_item"}))
    return Row((USER, asks, result, SAID), tools=in_order(list(tools)) if tools else "")


def seen(source: str, *rows: Row) -> list[Tokens | DataRefused]:
    return whole_rows(rows, template(source), ours(tokenizer(source)))


def text(source: str, one: Row) -> str:
    (found,) = seen(source, one)
    assert isinstance(found, Tokens), found.message
    return found.text


def lost(source: str, one: Row) -> str:
    (found,) = seen(source, one)
    assert isinstance(found, PartLost), found
    return found.message


@pytest.mark.parametrize(("source", "wanted"), [
    (turns(CALLS + CONTENT, TOOLS), '<call>find_item {"item": "kettle", "n": 2}'),
    (turns(FLAT + CONTENT, TOOLS), 'find_item{"item": "kettle", "n": 2}'),
    (turns(TEXT + CONTENT, TOOLS), 'find_item {"item": "kettle", "n": 2}'),
    (turns(ITEMS + CONTENT, TOOLS), '<find_item item="kettle" n=2>'),
    (turns(PYTHON + CONTENT, TOOLS), 'find_item{"item": "kettle", "n": 2}'),
    (turns(NULL, TOOLS), '<call>find_item {"item": "kettle", "n": 2}'),
    (turns(ABSENT, TOOLS), '<call>find_item {"item": "kettle", "n": 2}'),
    (turns(PARTS, TOOLS), '<call>find_item {"item": "kettle", "n": 2}'),
    (turns(CALLS + CONTENT, BARE), "find_item: Looks it up."),
    (MISTRAL, '[{"name": "find_item", "arguments": {"item": "kettle", "n": 2}, "id": "'),
], ids=["object", "flat", "text", "items", "python", "null", "absent", "parts", "bare",
        "mistral"])  # fmt: skip
def test_calls_take_the_form_of_the_template(source: str, wanted: str) -> None:
    assert wanted in text(source, row(call(item="kettle", n=2)))
    as_text = call(item="kettle", n=2)
    as_text["function"]["arguments"] = json.dumps(as_text["function"]["arguments"])
    assert text(source, row(as_text)) == text(source, row(call(item="kettle", n=2)))


def test_ids_of_nine_characters_are_the_same_in_call_and_answer() -> None:
    for own in ("", "call_1", "abcDEF123"):
        made = text(MISTRAL, row(call(id_=own, item="kettle")))
        (asked,) = [one.split('"')[0] for one in made.split('"id": "')[1:]]
        (told,) = [one.split('"')[0] for one in made.split('"call_id": "')[1:]]
        assert asked == told and len(asked) == 9
        assert not own.startswith("abc") or asked == own


def test_ids_that_are_too_short_for_a_template_are_replaced() -> None:
    source = MISTRAL.replace("length != 9", "length < 9").replace(
        "tool_call.id +", "tool_call.id[-9:] +"
    )
    made = text(source, row(call(id_="c1", item="kettle")))
    assert len(made.split('"id": "')[1].split('"')[0]) == 9


def test_ids_that_a_template_takes_are_the_rows_own() -> None:
    source = turns(
        CALLS + "{% for c in m.tool_calls or [] %}{{ '#' + c.id }}{% endfor %}" + CONTENT
    )
    assert "#call_1" in text(source, row(call(id_="call_1", item="a"), tools=()))
    assert "#" in text(source, row(call(item="a"), tools=()))


QUOTED = (
    "{% for c in m.tool_calls or [] %}{{ {'a': c.function.arguments|tojson}|tojson }}{% endfor %}"
)
LOSSES: list[tuple[str, Callable[[], Row], str]] = [
    (turns(CONTENT), lambda: row(call(item="kettle")), "`tools`; it does not print `tool_calls`"),
    (turns(CONTENT), lambda: Row((USER, SAID), tools=in_order([TOOL])), "`tools`"),
    (turns(CONTENT), lambda: row(call(a=None), tools=()), "`tool_calls[0].function.name` of"),
    (turns(CONTENT), lambda: row(call(a=True), tools=()), "`tool_calls` of message 2"),
    (turns(CONTENT), lambda: row(call(), tools=()), "`tool_calls[0].function.name` of"),
    (turns(CALLS), lambda: Row((USER, SAID)), "omits the assistant's text"),
    (turns(CALLS + CONTENT, TOOLS), lambda: row(call(item="a"), reasoning_content="Hm."),
     "`reasoning_content` of message 2 (`assistant`)"),
    (turns("{% if m.role != 'tool' %}" + CALLS + CONTENT + "{% endif %}", TOOLS),
     lambda: row(call(item="a")), "`content` of message 3 (`tool`)"),
    (turns("{% if m.role != 'system' %}{{ m.content }}{% endif %}"),
     lambda: Row((Message("system", "Be brief."), USER, SAID)),
     "`content` of message 1 (`system`)"),
    (turns("{{ m.content[:12] }}"),
     lambda: Row((Message("user", "A long question?"), Message("assistant", "No."))),
     "`content` of message 1"),
    (turns(CALLS.replace("m.tool_calls or []", "(m.tool_calls or [])[:1]") + CONTENT, TOOLS),
     lambda: row(call(item="a"), call(item="a")), "`tool_calls` of message 2"),
    (turns(CALLS.replace("c.function.arguments|tojson", "c.function.arguments.item") + CONTENT),
     lambda: row(call(item="kettle", n=1), tools=()), "arguments.n` of message 2"),
    (turns(CALLS.replace("c.function.arguments|tojson", "c.function.arguments.item") + CONTENT),
     lambda: row(call(item="kettle", n=False), tools=()), "arguments.n` of message 2"),
    (turns(ITEMS.replace("items() %}", "items() if v %}") + CONTENT),
     lambda: row(call(item="kettle", n=False), tools=()), "arguments.n` of message 2"),
    (turns(ITEMS.replace("items() %}", "items() if v %}") + CONTENT),
     lambda: row(call(item="kettle", n=0), tools=()), "arguments.n` of message 2"),
    (turns("{% if m.content|length > 9 %}{{ m.content }}{% endif %}"),
     lambda: Row((Message("user", "user"), SAID)), "`content` of message 1"),
    ("{% for m in messages|reverse %}{% generation %}{{ m.content }}{% endgeneration %}"
     "{% endfor %}", lambda: Row((USER, SAID)), "before an earlier"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "make", "said"), LOSSES, ids=range(len(LOSSES)))
def test_what_is_lost_is_named(source: str, make: Callable[[], Row], said: str) -> None:
    assert said in lost(source, make())


NOT_MARKED = (
    "{% for m in messages %}{{ '<|' + m.role + '|>' }}{% if m.role == 'assistant' %}"
    + CALLS + "{% generation %}{{ m.content + '<end>' }}{% endgeneration %}{% else %}"
    "{{ m.content }}{% endif %}{% endfor %}"
)  # fmt: skip


def test_the_name_of_an_argument_forges_no_line() -> None:
    names = CALLS.replace("c.function.arguments|tojson", "'-'")
    said = lost(
        turns(names + CONTENT), row(call(**{"a\nerror: forged\x1b[31m": "kettle"}), tools=())
    )
    assert "arguments.a\\nerror: forged" in said and "\n" not in said and "\x1b" not in said


def test_a_call_outside_the_marks_is_not_scored() -> None:
    said = lost(NOT_MARKED, row(call(item="a"), tools=()))
    assert "does not mark as the assistant's text `tool_calls` of message 2" in said


@pytest.mark.parametrize("value", [0, 1, 3, -3, 33, 1.5, 3.3, -0.0, 10**20, True, False])
@pytest.mark.parametrize("printed", [
    "{{ v }}", "{{ '%.2f' % v }}", "{% if v %}{{ v }}{% else %}none{% endif %}",
    "{{ v|tojson if v is number else v }}",
])  # fmt: skip
def test_numbers_and_words_that_are_printed_in_another_way_are_no_loss(
    printed: str, value: float
) -> None:
    source = turns(ITEMS.replace("{{ v | tojson }}", printed) + CONTENT)
    assert "<find_item item=" in text(source, row(call(item=value, n=value), tools=()))


@pytest.mark.parametrize("body", [
    "{{ m.content | trim }}", "{{ m.content | tojson }}", "{{ m.content | e }}",
    "{{ m.content | lower }}", "{{ m.content | upper }}", "{{ m.content | urlencode }}",
    "{{ m.content | capitalize }}", "{{ m.content.replace('\\n', '\\r\\n') }}",
    "{{ m.content | tojson(ensure_ascii=True) }}", "{{ m.content | indent(2) }}",
    "{% if m.content.startswith('It') %}{{ m.content }}{% else %}-{{ m.content }}{% endif %}",
    "{% if m.content is string and m.content|length > 9 %}{{ m.content }}{% else %}{{ m.content }}!"
    "{% endif %}", "{{ m.content.split('</think>')[-1] }}",
    "{{ m.content | replace('kettle', 'pot') }}",
])  # fmt: skip
@pytest.mark.parametrize("content", ['It is\n"here" \\ é <b>.', " a ", "1", '{"a": [1]}', "ß🙂"])
def test_what_a_template_makes_of_a_text_is_no_loss(body: str, content: str) -> None:
    source = turns("{% if m.role == 'user' %}" + body + "{% else %}{{ m.content }}{% endif %}")
    (found,) = seen(source, Row((Message("user", content), SAID)))
    assert isinstance(found, Tokens), found.message


def test_reasoning_that_only_earlier_turns_lose_is_told() -> None:
    source = turns(
        "{% if m.reasoning_content and (loop.last or not m.old) %}"
        "{{ '<think>' + m.reasoning_content + '</think>' }}{% endif %}{{ m.content }}"
    )
    early = Message("assistant", "Yes.", in_order({"reasoning_content": "Hm."}), scored=False)
    late = Message("assistant", "No.", in_order({"reasoning_content": "Ah."}))
    (found,) = seen(source, Row((USER, early, USER, late)))
    assert isinstance(found, Tokens) and found.notes == () and "Hm." in found.text
    (found,) = seen(source.replace("or not m.old", ""), Row((USER, early, USER, late)))
    assert isinstance(found, Tokens)
    assert found.notes == ("`reasoning_content` of message 2 (`assistant`)",)


def test_tools_that_vanish_beside_their_calls_are_told() -> None:
    (found,) = seen(turns(CALLS + CONTENT), row(call(item="a")))
    assert isinstance(found, Tokens) and found.notes == ("`tools`",)


@pytest.mark.parametrize("said", ["", " \n"])
def test_an_end_alone_is_no_answer(said: str) -> None:
    (found,) = seen(turns(CONTENT), Row((USER, Message("assistant", said))))
    assert isinstance(found, NoAnswer) and "Message 2" in found.message
    unscored = Message("assistant", said, scored=False)
    (found,) = seen(turns(CONTENT), Row((USER, unscored, USER, SAID)))
    assert isinstance(found, Tokens)


def test_the_only_call_of_a_large_file_is_found_to_be_lost() -> None:
    rows = [Row((Message("user", f"Where is {n}?"), SAID)) for n in range(2700)]
    rows[2650] = row(call(item="kettle"), tools=())
    source = turns(CONTENT)
    report = File(rows, chat=Chat(template(source), ours(tokenizer(source)), context=900)).report()
    (found,) = [one for one in report.findings if one.id == "template"]
    assert list(found.rows) == [2650] and "`tool_calls` of message 2" in found.said


def test_a_list_of_parts_is_not_printed_as_python_does() -> None:
    said = lost(
        turns("{{ m.content[0] }}"), Row((Message("user", "Hello"), Message("assistant", "b")))
    )
    assert "`content` of message 1" in said


def test_tools_on_which_a_template_fails_are_named() -> None:
    source = turns(
        CALLS + CONTENT, "{% for t in tools or [] %}{{ t.function.missing.more }}{% endfor %}"
    )
    (found,) = seen(source, row(call(item="a")))
    assert isinstance(found, DataRefused) and "it fails on `tools`" in found.message


def test_pythons_escapes_of_a_quote_are_no_loss() -> None:
    source = turns(
        "{% for c in m.tool_calls or [] %}{{ c.function.name }}({% for k, v in "
        "c.function.arguments.items() %}{{ k }}='{{ v.replace(\"'\", \"\\\\'\") }}'{% endfor %})"
        "{% endfor %}" + CONTENT,
        TOOLS,
    )
    assert "item='it\\'s'" in text(source, row(call(item="it's")))


def test_a_text_at_the_very_beginning_is_found() -> None:
    short = "{% if m.content|length < 5 %}{{ m.content }}{% else %}{{ m.content }}.{% endif %}"
    source = "{% for m in messages %}" + short + "{% endfor %}" + "{% if false %}{% endif %}"
    (found,) = seen(source, Row((Message("user", "a"), Message("assistant", "b"))))
    assert isinstance(found, Tokens), found.message


def test_the_message_on_which_a_template_fails_is_named() -> None:
    source = turns("{% if m.name %}{{ m.missing.more }}{% endif %}" + CONTENT)
    turns_ = [USER, SAID] * 20 + [Message("user", "Hm.", '{"name":"ana"}'), SAID]
    (found,) = seen(source, Row(tuple(turns_)))
    assert isinstance(found, DataRefused)
    assert "it fails on message 41 (`user` with `name`)" in found.message


def test_a_template_that_fails_is_told_without_its_library_s_words() -> None:
    (found,) = seen(turns("{{ m.content.missing.more }}"), Row((USER, SAID)))
    assert isinstance(found, DataRefused)
    assert "it fails on message 1 (`user`)" in found.message and "object" not in found.message
