"""Templates that do what they should not are stopped; the others render as ever."""

from collections.abc import Callable

import pytest

from lockfiles.errors import DataRefused
from planner.data import sandbox
from planner.data.rows import Message
from planner.data.template import compile_template

FOREVER = [
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{% set many = range(99999) %}{% for a in many %}{% for b in many %}{% endfor %}{% endfor %}",
    "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "{% for a in [1] recursive %}{{ loop([1, 2]) if loop.depth < 60 }}{% endfor %}",
]
TOO_MUCH = [
    ("{% for a in range(10**9) %}{% endfor %}", "powers are not allowed"),
    ("{% for a in range(1000000000) %}{% endfor %}", "Range too big"),
    ("{{ 9 ** 9 ** 9 ** 9 }}", "powers are not allowed"),
    ("{{ 'a' * 1000000000 }}", r"makes more than 100000"),
    ("{{ 1000000000 * messages }}", r"makes more than 100000"),
    ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "recursion"),
    ("{{ ''.__class__.__mro__ }}", "attribute '__class__'"),
    ("{{ messages.append(1) }}", "attribute 'append'"),
    ("{{ cycler.__init__.__globals__.os }}", "attribute '__init__'"),
    ("{{ 1 / 0 }}", "division by zero"),
    ("{% import 'os' as os %}", "no loader"),
]
HINT = "[model] template"


@pytest.mark.parametrize("source", FOREVER)
def test_a_template_that_goes_on_is_stopped(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "RENDER_SECONDS", 0.05)
    with pytest.raises(DataRefused, match="it takes longer than") as refused:
        compile_template(source, {}).render([Message("user", "a")])
    assert HINT in refused.value.hint


@pytest.mark.parametrize(("source", "said"), TOO_MUCH)
def test_a_template_that_reaches_too_far_is_refused(source: str, said: str) -> None:
    with pytest.raises(DataRefused, match=said) as refused:
        compile_template(source, {}).render([Message("user", "a")])
    assert HINT in refused.value.hint


LOOPS: list[tuple[str, Callable[[int], str]]] = [
    ("{{ loop.index }}/{{ loop.length }}", lambda n: f"{n + 1}/3"),
    ("{{ loop.first }}{{ loop.last }}", lambda n: f"{n == 0}{n == 2}"),
    (
        "{{ loop.previtem.content if not loop.first }}<{{ loop.nextitem.role if not loop.last }}",
        lambda n: ["<user", "a<user", "b<"][n],
    ),
    ("{{ loop.revindex0 }}{{ loop.changed(m.role) }}", lambda n: f"{2 - n}{n == 0}"),
    ("{{ 2 * 3 }}{{ 'ab' * loop.index0 }}", lambda n: "6" + "ab" * n),
]


@pytest.mark.parametrize(("inside", "wanted"), LOOPS)
def test_loops_know_where_they_are(inside: str, wanted: Callable[[int], str]) -> None:
    turns = [Message("user", content) for content in "abc"]
    source = f"{{% for m in messages %}}{inside}{{% endfor %}}"
    assert compile_template(source, {}).render(turns) == "".join(map(wanted, range(3)))
    empty = "{% for m in nothing %}{% else %}none{% endfor %}"
    assert compile_template(empty, {}).render(turns) == "none"
    picked = (
        "{% for m in messages if m.content != 'b' %}{{ m.content }}{{ loop.length }}{% endfor %}"
    )
    assert compile_template(picked, {}).render(turns) == "a2c2"
