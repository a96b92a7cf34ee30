"""Faults of JSON and TOML in our own words: no text of a parser is shown."""

import json
import tomllib

import pytest

from lockfiles.parsers import json_place, json_words, toml_place

BAD_JSON = (
    '{"a" 1}', '{"a":}', "{a:1}", '{"a":1,}', "[1,]", '{"a":"b', '{"a":"\n"}', '{"a":"\\x"}',
    '{"a":"\\u12"}', '{"a":1} x', "", "\ufeff{}", "[1 2]", "nul", '{"a":1 "b":2}', "{'a':1}", "[",
    "{", '{"a":1]', "]",
)  # fmt: skip
BAD_TOML = (
    "a", "a =", "a = b", 'a = "b', "a = [1", "[t", "[t]\n[t]", "a=1\na=2", "a.b=1\na=2",
    'a = "\\q"', "a = 01", "a = 1 b = 2", "= 1", "a = 'x", 'a = "x\ny"', "a = {b=1",
    "a = 2020-13-01", "[[a]]\n[a]", "a=1\n[a]", "a = tru", 'a = "x" "y"', "\x00=1", 'a = "\x01"',
    'a = """x', "a-é = 1", "a = [1,,2]", "a = {b=1,\n}", 'a = "\\u12"', "a = 1__0",
    "[a.b]\n[a]\nb=1", '"a\n"=1', "a = {b=1,b=2}", "a.b.c=1\n[a.b]", "a = '''x", "# \x01",
    'a = "\\ud800"', "a = {b=1}\na.c=2", "a = [\n1,\n[t]\n", "a=\n1",
)  # fmt: skip
OF_PARSERS = (
    "Expect",
    "Invalid",
    "Unterminated",
    "Illegal",
    "Cannot",
    "Unclosed",
    "Extra",
    "char ",
)


@pytest.mark.parametrize("text", BAD_JSON)
def test_json_is_explained_in_our_words(text: str) -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads(text)
    said = json_place(caught.value)
    assert json_words(caught.value) != "it is not JSON"
    assert not [word for word in OF_PARSERS if word in said]
    assert said.endswith(f"(line {caught.value.lineno}, column {caught.value.colno})")


@pytest.mark.parametrize("text", BAD_TOML)
def test_toml_is_explained_in_our_words(text: str) -> None:
    with pytest.raises(tomllib.TOMLDecodeError) as caught:
        tomllib.loads(text)
    said = toml_place(caught.value)
    assert not said.startswith("it is not TOML")
    assert not [word for word in OF_PARSERS if word in said]
    assert said.endswith(")")


def test_an_unknown_fault_is_still_a_clause() -> None:
    assert toml_place(ValueError("Something else")) == "it is not TOML"
    assert json_words(json.JSONDecodeError("Something else", "", 0)) == "it is not JSON"
