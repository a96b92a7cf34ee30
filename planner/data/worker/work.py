"""The requests of the child process: compile, render, find scored spans, and tokenize.

The most recently used templates and tokenizers are kept, by keys that the parent chooses.
"""

import json
from array import array
from collections.abc import Callable
from datetime import datetime
from typing import Any

from tokenizers import AddedToken, Tokenizer, models

from planner.data.isolation import limits
from planner.data.isolation.frames import OF_A_ROW
from planner.data.rendering.ends import Ends
from planner.data.rendering.spans import Span, scored
from planner.data.worker.conversation import Conversation, Refused, Template

_KEPT_TEMPLATES, _KEPT_TOKENIZERS = 16, 2
Answer = tuple[dict[str, Any], bytes]


class Work:
    """Answers requests with the templates and tokenizers of this process."""

    def __init__(self, start_row: Callable[[int], None]) -> None:
        """`start_row` is called with the index of each row before it is rendered."""
        self._start_row = start_row
        self.row_index = 0
        """The index of the current row of the request; past the last row, all rows together."""
        self._templates: dict[str, dict[str, Template]] = {}
        self._tokenizers: dict[str, Tokenizer] = {}

    def do(self, request: dict[str, Any], raw: bytes) -> Answer:
        """Answer one request. Raises Refused, and whatever a tokenizer raises."""
        self._begin(0)  # starts the time limit of the request
        answer: Answer = getattr(self, f"_{request['do']}")(request, raw)
        return answer

    def _begin(self, row_index: int) -> None:
        self.row_index = row_index
        self._start_row(row_index)

    def _compile(self, request: dict[str, Any], raw: bytes) -> Answer:
        """Compile a template, and the one for rows with tools, if there is one."""
        sources = {"": raw.decode("utf-8", "surrogatepass")} | request["others"]
        special, varied, ends = request["special"], request["varied"], Ends(*request["ends"])
        made = {
            name: Template(one, special, varied=name in varied, ends=ends)
            for name, one in sources.items()
        }
        _keep(self._templates, request["template"], made, _KEPT_TEMPLATES)
        return {}, b""

    def _load(self, request: dict[str, Any], raw: bytes) -> Answer:
        """Load a `tokenizer.json`, without post-processing, truncation, padding and dropout."""
        made: Any = Tokenizer.from_str(raw.decode("utf-8"))
        made.add_tokens([AddedToken(**one) for one in request["added"]])
        made.post_processor = None
        made.no_truncation()
        made.no_padding()
        if getattr(made.model, "dropout", None):
            made.model.dropout = None
        _keep(self._tokenizers, request["tokenizer"], made, _KEPT_TOKENIZERS)
        added = made.get_added_tokens_decoder()
        special = sorted(number for number, token in added.items() if token.special)
        others = sorted(added.keys() - set(special))
        return {}, array("I", [len(special), *special, *others]).tobytes()

    def _render(self, request: dict[str, Any], raw: bytes) -> Answer:
        row = self._row(request, request["row"])
        text, spans = row.marked(len(row.messages), request["prompt"])
        return {"spans": spans}, text.encode("utf-8", "surrogatepass")

    def _spans(self, request: dict[str, Any], raw: bytes) -> Answer:
        text, spans = self._row(request, request["row"]).ended()
        return {"spans": spans}, text.encode("utf-8", "surrogatepass")

    def _encode(self, request: dict[str, Any], raw: bytes) -> Answer:
        """Tokenize rows; `whole` adds their texts and token offsets."""
        tokenizer, heads = self._tokenizer(request), list[dict[str, Any]]()
        rendered: list[tuple[dict[str, Any], str, list[Span]]] = []
        for row_index, one in enumerate(request["rows"]):
            self._begin(row_index)
            head = dict[str, Any]()
            heads.append(head)
            try:
                text, spans, notes = self._row(request, one).proven()
                rendered.append((head, _checked(text), spans))
                head |= {"notes": notes} if notes else {}
            except Refused as refused:
                if refused.kind not in OF_A_ROW:
                    raise
                head |= {"fault": refused.kind, "said": refused.said}
        self._begin(len(heads))
        made = tokenizer.encode_batch([text for _, text, _ in rendered], add_special_tokens=False)
        parts: list[bytes] = []
        for (head, text, spans), encoding in zip(rendered, made, strict=True):
            parts += _tokens(head, text, spans, encoding, whole=request["whole"])
        return {"rows": heads}, b"".join(parts)

    def _count(self, request: dict[str, Any], raw: bytes) -> Answer:
        """Count the tokens of rows; for a row that the template refuses, those of its text."""
        tokenizer, texts = self._tokenizer(request), list[str]()
        for row_index, one in enumerate(request["rows"]):
            self._begin(row_index)
            text = self._text(request, one)
            texts.append(text.encode(errors="replace").decode())  # no lone surrogates
        self._begin(len(texts))
        made = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        counts = [len(one) for one in made]
        for count, text in zip(counts, texts, strict=True):
            _check_tokens(count, len(text))
        return {}, array("I", counts).tobytes()

    def _text(self, request: dict[str, Any], one: dict[str, Any]) -> str:
        row = self._row(request, one)
        if row.messages[0].role == "text":
            return row.messages[0].content
        try:
            return row.text()
        except Refused as refused:
            if refused.kind not in OF_A_ROW:
                raise
            return "\n".join(message.content for message in row.messages)

    def _decode(self, request: dict[str, Any], raw: bytes) -> Answer:
        ids = array("I")
        ids.frombytes(raw)
        text = self._tokenizer(request).decode(list(ids), skip_special_tokens=request["skip"])
        return {}, text.encode("utf-8", "surrogatepass")

    def _tokens(self, request: dict[str, Any], raw: bytes) -> Answer:
        """Tokenize a text without special tokens."""
        encoding = self._tokenizer(request).encode(raw.decode(), add_special_tokens=False)
        return {}, array("I", encoding.ids).tobytes()

    def _id(self, request: dict[str, Any], raw: bytes) -> Answer:
        return {"id": self._tokenizer(request).token_to_id(raw.decode())}, b""

    def _card(self, request: dict[str, Any], raw: bytes) -> Answer:
        """Return the value of `configs` in a dataset's card, as JSON."""
        from planner.data.worker import card

        return {}, card.configs(raw)

    def _configs(self, request: dict[str, Any], raw: bytes) -> Answer:
        """Return the configs of a dataset from its card and file names."""
        from planner.data.worker import card

        try:
            return {"configs": card.offered(json.loads(raw), request["names"])}, b""
        except card.Unreadable as problem:
            raise Refused("unreadable", problem) from None

    def _tokenizer(self, request: dict[str, Any]) -> Any:
        return _kept(self._tokenizers, request["tokenizer"])

    def _row(self, request: dict[str, Any], one: dict[str, Any]) -> Conversation:
        named: dict[str, Template] = _kept(self._templates, request["template"])
        template = named.get("tool_use" if one["tools"] else "", named[""])
        template.now = datetime.fromisoformat(request["now"])
        return Conversation(template, one)


def start_tokenizer_threads() -> None:
    """Start the threads of tokenizers; later requests may not start threads."""
    Tokenizer(models.BPE()).encode_batch(["a", "b"])


def _checked(text: str) -> str:
    """Return a text unchanged. Raises Refused if it has a lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused("refused", "it prints a lone surrogate, such as `\\ud83d`") from None
    return text


def _tokens(
    head: dict[str, Any], text: str, spans: list[Span], encoding: Any, *, whole: bool
) -> list[bytes]:
    """Return the raw bytes of one row's tokens, and write their number into `head`."""
    ids, offsets = encoding.ids, encoding.offsets
    _check_tokens(len(ids), len(text))
    head["tokens"] = len(ids)
    parts = [array("I", ids).tobytes(), scored(offsets, spans)]
    if whole:
        said = text.encode()
        head["bytes"] = len(said)
        parts += [array("I", [at for two in offsets for at in two]).tobytes(), said]
    return parts


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
