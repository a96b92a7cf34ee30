"""Templates that do what they should not are stopped; the others render as ever."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lockfiles.errors import DataRefused
from planner.data.checks.registry import every
from planner.data.checks.report import Report
from planner.data.checks.scan import BATCH, Chat, scan
from planner.data.isolation import limits
from planner.data.reading.formats import Read
from planner.data.rows.rows import Message, Row
from planner.data.tokens.template import ChatTemplate, TemplateRunsAway, compile_template
from planner.data.tokens.tokenizer import load_tokenizer
from runner.demo import files
from tests.few import few
from tests.planner.data.planted.file import File

FOREVER = [
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{% set many = range(99999) %}{% for a in many %}{% for b in many %}{% endfor %}{% endfor %}",
    "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "{% for a in [1] recursive %}{{ loop([1, 2]) if loop.depth < 60 }}{% endfor %}",
    "{{ lipsum(n=100000000) }}",
    "{{ lipsum(n=1, min=99999999, max=999999999) }}",
    "{{ range(99999) | map('center', 99999) | map('replace', ' ', '') | list | length }}",
    "{{ ('a ' * 50000) | wordwrap(1) | indent(1) | replace('a', 'b' * 999) | title | striptags }}",
]
TOO_MUCH = [
    ("{% for a in range(10**9) %}{% endfor %}", "powers are not allowed"),
    ("{% for a in range(1000000000) %}{% endfor %}", "one of its ranges"),
    ("{{ 9 ** 9 ** 9 ** 9 }}", "powers are not allowed"),
    ("{{ 'a' * 1000000000 }}", "exceeds 100000"),
    ("{{ 1000000000 * messages }}", "exceeds 100000"),
    ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "recursion"),
    ("{{ ''.__class__.__mro__ }}", "attribute '__class__'"),
    ("{{ messages.append(1) }}", "attribute 'append'"),
    ("{{ cycler.__init__.__globals__.os }}", "attribute '__init__'"),
    ("{{ 1 / 0 }}", "it divides by zero"),
    ("{% import 'os' as os %}", "it fails on message 1"),
]
HINT = "[model] template"
BASE = Path(files.__file__).parent / "base"


@pytest.mark.parametrize("source", few(FOREVER))
def test_a_template_that_goes_on_is_stopped(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RENDER_SECONDS", 0.1)
    with pytest.raises(DataRefused, match="it takes too long") as refused:
        compile_template(source, {}).render([Message("user", "a")])
    assert HINT in refused.value.hint


@pytest.mark.parametrize(("source", "said"), TOO_MUCH)
def test_a_template_that_reaches_too_far_is_refused(source: str, said: str) -> None:
    with pytest.raises(DataRefused, match=said) as refused:
        compile_template(source, {}).render([Message("user", "a")])
    assert HINT in refused.value.hint


_AGAIN = "{% for a in range(99) %}SET{% endfor %}"
_GROWS = "{% set n = namespace(x=FIRST) %}" + _AGAIN.replace("SET", "{% set n.x = MORE %}")


def _growing(first: str, more: str) -> str:
    return _GROWS.replace("FIRST", first).replace("MORE", more)


GROWING = {
    "joined": _growing("'aaaa'", "n.x ~ n.x"),
    "added": _growing("'aaaa'", "n.x + n.x"),
    "lists": _growing("[1]", "n.x + n.x"),
    "blocks": _growing("'aaaa'", "n.x").replace("= n.x %}", "%}{{ n.x }}{{ n.x }}{% endset %}"),
    "printed": _growing("'a'", "[n.x, n.x]") + "{{ n.x }}",
    "as JSON": _growing("'a'", "[n.x, n.x]") + "{{ n.x | tojson }}",
    "replaced": "{{ ('a' * 99999) | replace('a', 'b' * 99999) }}",
    "list joined": "{{ (['a' * 99999] * 99999) | join }}",
    "width": "{{ 'a' | center(9999999999) }}",
    "form": "{{ '%9999999999d' | format(1) }}",
}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds a process's memory")
@pytest.mark.parametrize("source", few(GROWING.values()), ids=GROWING)
def test_a_template_that_grows_is_stopped(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MORE_BYTES", 2**25)
    monkeypatch.setattr(limits, "CPU_SECONDS", limits.RENDER_SECONDS)  # for slow machines
    with pytest.raises(TemplateRunsAway, match="MiB of memory") as refused:
        compile_template(source, {}).render([Message("user", "a")])
    assert HINT in refused.value.hint
    with pytest.raises(TemplateRunsAway):
        _chat_report(compile_template(source, {}))


def _chat_report(template: ChatTemplate) -> Report:
    rows = [Row((Message("user", "a"), Message("assistant", "b")))] * 100
    chat = Chat(template, load_tokenizer(BASE), context=100)
    return File(rows, chat=chat).report()


def test_a_template_that_goes_on_ends_the_scan_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    template = compile_template(FOREVER[0], {})
    monkeypatch.setattr(limits, "RENDER_SECONDS", 0.05)
    start = time.monotonic()
    with pytest.raises(TemplateRunsAway, match="it takes too long"):
        _chat_report(template)
    assert time.monotonic() - start < 5


def test_a_scan_that_is_interrupted_does_not_wait_for_its_template() -> None:
    slow = "{% for a in range(99999) %}{% for b in range(200) %}{% endfor %}{% endfor %}"
    chat = Chat(compile_template(slow, {}), load_tokenizer(BASE), context=100)

    def rows() -> Iterator[Read]:
        row = Row((Message("user", "a"), Message("assistant", "b")))
        for number in range(BATCH + 1):
            yield Read(Path("a.jsonl"), f"line {number}", "messages", row)
        time.sleep(0.1)
        raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        scan(rows(), every, mapping={}, chat=chat)
    assert time.monotonic() - start < 5


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
