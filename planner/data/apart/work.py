"""What the child process does: compile, render, find what is scored, and make tokens.

Templates and tokenizers are kept by a key of the parent's; the few used last.
"""

import json
from array import array
from collections.abc import Callable
from datetime import datetime
from typing import Any

import jinja2
from tokenizers import Tokenizer, models

from planner.data.apart import limits
from planner.data.apart.frames import OF_A_ROW
from planner.data.marks import Generation, TooLong
from planner.data.rows import Message, turn
from planner.data.sandbox import compiled
from planner.data.spans import LeftOut, Render, Rewritten, Span, assistant_spans, scored

_KEPT_TEMPLATES, _KEPT_TOKENIZERS = 16, 2
Answer = tuple[dict[str, Any], bytes]


class Refused(Exception):
    """A request that has no answer, and why."""

    def __init__(self, kind: str, said: object = "") -> None:
        super().__init__(kind)
        self.kind, self.said = kind, str(said)[: limits.SAID_CHARS]


class Work:
    """The templates and tokenizers of this process, and what is done with them."""

    def __init__(self, begin: Callable[[int], None]) -> None:
        """`begin` is called with the place of each row before it is rendered."""
        self._told = begin
        self.place = 0
        """The row of the request that it is at; behind the last one, all of them."""
        self._templates: dict[str, _Template] = {}
        self._tokenizers: dict[str, Tokenizer] = {}

    def do(self, asked: dict[str, Any], raw: bytes) -> Answer:
        """Answer one request. Raises Refused, and anything that a tokenizer raises."""
        self._begin(0)  # from here on the time of the request runs, and not that of the start
        answer: Answer = getattr(self, f"_{asked['do']}")(asked, raw)
        return answer

    def _begin(self, place: int) -> None:
        self.place = place
        self._told(place)

    def _compile(self, asked: dict[str, Any], raw: bytes) -> Answer:
        source = raw.decode("utf-8", "surrogatepass")
        _keep(
            self._templates,
            asked["template"],
            _Template(source, asked["special"], asked["marks"]),
            _KEPT_TEMPLATES,
        )
        return {}, b""

    def _load(self, asked: dict[str, Any], raw: bytes) -> Answer:
        """Read a `tokenizer.json`, without what it would add to a text, cut from it or draw."""
        made: Any = Tokenizer.from_str(raw.decode("utf-8"))
        made.post_processor = None
        made.no_truncation()
        made.no_padding()
        if getattr(made.model, "dropout", None):
            made.model.dropout = None
        _keep(self._tokenizers, asked["tokenizer"], made, _KEPT_TOKENIZERS)
        added = made.get_added_tokens_decoder()
        special = sorted(number for number, token in added.items() if token.special)
        return {}, array("I", special).tobytes()

    def _render(self, asked: dict[str, Any], raw: bytes) -> Answer:
        row = self._row(asked, asked["row"])
        text, spans = row.marked(len(row.messages), asked["prompt"])
        return {"spans": spans}, text.encode("utf-8", "surrogatepass")

    def _spans(self, asked: dict[str, Any], raw: bytes) -> Answer:
        text, spans = self._row(asked, asked["row"]).spans()
        return {"spans": spans}, text.encode("utf-8", "surrogatepass")

    def _encode(self, asked: dict[str, Any], raw: bytes) -> Answer:
        """Make tokens of rows; `whole` asks for their texts and the places of tokens too."""
        tokenizer = self._tokenizer(asked)
        found: list[dict[str, Any]] = []
        texts: list[str] = []
        spans: list[list[Span]] = []
        for place, one in enumerate(asked["rows"]):
            self._begin(place)
            try:
                text, marked = self._row(asked, one).spans()
                text.encode()
            except UnicodeEncodeError:
                found.append({"fault": "refused", "said": "it prints half a character"})
            except Refused as refused:
                if refused.kind not in OF_A_ROW:
                    raise
                found.append({"fault": refused.kind, "said": refused.said})
            else:
                found.append({})
                texts.append(text)
                spans.append(marked)
        self._begin(len(found))
        made = tokenizer.encode_batch(texts, add_special_tokens=False)
        parts: list[bytes] = []
        good = (one for one in found if not one)
        for head, text, marked, encoding in zip(good, texts, spans, made, strict=True):
            ids, offsets = encoding.ids, encoding.offsets
            _check_tokens(len(ids), len(text))
            head["tokens"] = len(ids)
            parts += [array("I", ids).tobytes(), scored(offsets, marked)]
            if asked["whole"]:
                said = text.encode()
                head["bytes"] = len(said)
                parts += [array("I", [at for two in offsets for at in two]).tobytes(), said]
        return {"rows": found}, b"".join(parts)

    def _count(self, asked: dict[str, Any], raw: bytes) -> Answer:
        """Count the tokens of rows; where the template refuses one, of what is said in it."""
        tokenizer, texts = self._tokenizer(asked), list[str]()
        for place, one in enumerate(asked["rows"]):
            self._begin(place)
            text = self._text(asked, one)
            texts.append(text.encode(errors="replace").decode())  # half a character has no tokens
        self._begin(len(texts))
        made = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        counts = [len(one) for one in made]
        for count, text in zip(counts, texts, strict=True):
            _check_tokens(count, len(text))
        return {}, array("I", counts).tobytes()

    def _text(self, asked: dict[str, Any], one: dict[str, Any]) -> str:
        row = self._row(asked, one)
        if row.messages[0].role == "text":
            return row.messages[0].content
        try:
            return row.marked(len(row.messages), False)[0]
        except Refused as refused:
            if refused.kind not in OF_A_ROW:
                raise
            return "\n".join(message.content for message in row.messages)

    def _decode(self, asked: dict[str, Any], raw: bytes) -> Answer:
        ids = array("I")
        ids.frombytes(raw)
        text = self._tokenizer(asked).decode(list(ids), skip_special_tokens=asked["skip"])
        return {}, text.encode("utf-8", "surrogatepass")

    def _tokens(self, asked: dict[str, Any], raw: bytes) -> Answer:
        """Make tokens of a text as it is."""
        encoding = self._tokenizer(asked).encode(raw.decode(), add_special_tokens=False)
        return {}, array("I", encoding.ids).tobytes()

    def _id(self, asked: dict[str, Any], raw: bytes) -> Answer:
        return {"id": self._tokenizer(asked).token_to_id(raw.decode())}, b""

    def _card(self, asked: dict[str, Any], raw: bytes) -> Answer:
        """Return what stands under `configs` in a dataset's card, as JSON has it."""
        from planner.data.apart import card

        return {}, card.configs(raw)

    def _configs(self, asked: dict[str, Any], raw: bytes) -> Answer:
        """Return the configs of a dataset with these files, as its card states them."""
        from planner.data.apart import card

        try:
            return {"configs": card.offered(json.loads(raw), asked["names"])}, b""
        except card.Unreadable as problem:
            raise Refused("unreadable", problem) from None

    def _tokenizer(self, asked: dict[str, Any]) -> Any:
        return _kept(self._tokenizers, asked["tokenizer"])

    def _row(self, asked: dict[str, Any], one: dict[str, Any]) -> "_Row":
        template: _Template = _kept(self._templates, asked["template"])
        template.now = datetime.fromisoformat(asked["now"])
        return _Row(template, one)


class _Template:
    """A compiled template."""

    def __init__(self, source: str, special: dict[str, str], marks: bool) -> None:
        self.special, self.marks, self.chars = special, marks, len(source)
        self.now = datetime.min
        self.template: jinja2.Template
        self.generation: Generation
        try:
            self.template, self.generation = compiled(source, lambda form: self.now.strftime(form))
        except MemoryError:
            raise
        except Exception as problem:
            raise Refused("refused", problem) from None


class _Row:
    """One conversation, rendered by one template."""

    def __init__(self, template: _Template, one: dict[str, Any]) -> None:
        self._template = template
        self.messages = [Message(*said) for said in one["messages"]]
        self._turns = list(map(turn, self.messages))
        self._tools = json.loads(one["tools"]) if one["tools"] else None
        chars = sum(len(m.content) + len(m.more) for m in self.messages) + len(one["tools"])
        self._most = limits.printed_chars(template.chars, chars)

    def spans(self) -> tuple[str, list[Span]]:
        """Return the text and what is scored of it: what is marked, or found by beginnings."""
        if self._template.marks:
            return self.marked(len(self.messages), False)
        render: Render = lambda count, prompt: self.marked(count, prompt)[0]  # noqa: E731
        try:
            return assistant_spans(self.messages, render)
        except Rewritten as where:
            raise Refused("rewritten", where) from None
        except LeftOut as said:
            raise Refused("left-out", said) from None

    def marked(self, count: int, prompt: bool) -> tuple[str, list[Span]]:
        """Return the text of the first turns, and what the template marks in it."""
        values = {
            "messages": self._turns[:count],
            "tools": self._tools,
            "documents": None,
            "add_generation_prompt": prompt,
        } | self._template.special
        try:
            return self._template.generation.rendered(self._template.template, self._most, values)
        except MemoryError:
            raise Refused("memory") from None
        except TooLong:
            raise Refused("size", self._most) from None
        except Exception as problem:
            raise Refused("refused", problem) from None


def start_threads() -> None:
    """Start the threads of tokenizers, which no later request can."""
    Tokenizer(models.BPE()).encode_batch(["a", "b"])


def _check_tokens(count: int, chars: int) -> None:
    if count > limits.tokens(chars):
        raise Refused("tokens", f"{count:,} tokens of {chars:,} characters")


def _keep(kept: dict[str, Any], key: str, value: object, most: int) -> None:
    kept.pop(key, None)
    kept[key] = value
    for old in list(kept)[:-most]:
        del kept[old]


def _kept(kept: dict[str, Any], key: str) -> Any:
    if key not in kept:
        raise Refused("missing", key)
    value = kept[key] = kept.pop(key)
    return value
