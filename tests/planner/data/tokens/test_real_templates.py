"""Token ids and scored text of the templates of current families, against transformers.

`tests/data/templates` has templates as models publish them, TRL carries others, and transformers
that of Llama 4. Those whose licenses allow no copy are here as short ones with the same habits.
"""

import json
import warnings
from datetime import datetime
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl")

import trl
from transformers import PreTrainedTokenizerFast

from lockfiles.errors import DataRefused
from planner.data.isolation.client import Tokens
from planner.data.rows.rows import Message, Row, turn
from planner.data.tokens.encode import NEED_VARIANT, TurnsRewritten, whole_rows
from planner.data.tokens.ending import with_ends
from planner.data.tokens.template import ChatTemplate
from planner.data.tokens.tokenizer import Tokenizer
from planner.data.tokens.training_template import variant
from tests.few import few
from tests.planner.data.chat import SPECIAL, ours, template, tokenizer
from tests.planner.data.tokens.short_templates import SHORT
from tests.planner.data.tokens.template_rows import ROWS

FOLDER = Path(__file__).parents[3] / "data" / "templates"
OF_TRL = Path(trl.__file__).parent / "chat_templates"
REAL = {path.stem: path.read_text("utf-8") for path in sorted(FOLDER.glob("*.jinja"))}
ELSEWHERE = [
    "llama4", "glm4moe", "glm4moe_training", "deepseekv3", "gemma3", "gemma4_v5", "gptoss",
    "lfm2_v2", "lfm2_2_5", "lfm2_2_5_v2", "nemotron_3_nano", "nemotron_3_super",
    "nemotron_3_ultra", "nemotron_3_5_lightning", "qwen3", "qwen3_instruct_2507",
    "qwen3_5_nothink", "qwen3_5_think", "qwen3_6", "qwen3_8",
]  # fmt: skip
"""Templates of TRL and transformers. Qwen3-Next has that of Qwen3-2507, Gemma 3n that of Gemma 3
but for audio, and GLM-4.5 is `glm4moe`."""
THOUGHTS = frozenset(name for name in ROWS if name.startswith("reasoning"))
CALLS = frozenset(name for name, row in ROWS.items() if row.tools)
NO_THOUGHTS = dict.fromkeys(THOUGHTS, "does not print `reasoning_content`")
NEITHER = NO_THOUGHTS | dict.fromkeys(CALLS, "does not print `tools`")
REFUSED: dict[str, dict[str, str]] = {
    **dict.fromkeys(["llama4", "lfm2_v2", "qwen3_instruct_2507"], NO_THOUGHTS),
    "deepseekv3": NO_THOUGHTS | {"tools unused": "does not print `tools`"},
    "gemma3": {name: "" for name in THOUGHTS | CALLS},
    "gemma4_v5": {"call and text": "changes earlier text"},  # it prints the text behind the result
    "gptoss": {
        "call and text": "does not print `content`",
        "two calls": "does not print `tool_calls`",
    },
    "apertus": NO_THOUGHTS,
    "granite_4_0": NO_THOUGHTS,
    "granite_4_1": NO_THOUGHTS,
    "kimi_k2": NO_THOUGHTS,
    "deepseek_v3_1": NO_THOUGHTS | {"tools unused": "does not print `tools`"},
    "kimi_thinking": NO_THOUGHTS,
    "hunyuan": NEITHER,
    "ernie": NEITHER,
    "dots": NEITHER,
}
"""By template, the rows that it does not print in full, which no training variant replaces."""

GLM_CALL = (
    "<tool_call>weather<arg_key>town</arg_key><arg_value>Oslo</arg_value><arg_key>days</arg_key>"
    "<arg_value>2</arg_value></tool_call>"
)
MINIMAX_CALL = (
    '<minimax:tool_call>\n<invoke name="weather">\n<parameter name="town">Oslo</parameter>\n'
    '<parameter name="days">2</parameter>\n</invoke>\n</minimax:tool_call>'
)


def _deepseek(text: str) -> str:
    """Return a text with DeepSeek's bars and spaces in tokens."""
    return text.replace("|", "\uff5c").replace("_", "\u2581")


EXPECTED: dict[tuple[str, str], list[str]] = {
    ("glm_4_6", "several"): ["\n<think></think>\nFour.", "\n<think></think>\nSix."],
    ("glm_4_6", "reasoning twice"): [
        "\n<think></think>\nFour.", "\n<think>Three twice.</think>\nSix."
    ],
    ("glm_4_7_flash", "several"): ["</think>Four.", "</think>Six."],
    ("glm_4_7_flash", "reasoning at the end"): ["</think>Four.", "Three twice.</think>Six."],
    ("glm_4_7_flash", "reasoning twice"): ["</think>Four.", "Three twice.</think>Six."],
    ("glm_4_7_flash", "reasoning and call"): [
        f"I look it up.</think>{GLM_CALL}", "Four is cold.</think>Cold."
    ],
    ("glm_5", "several"): ["</think>Four.", "</think>Six."],
    ("glm_5", "reasoning twice"): ["</think>Four.", "Three twice.</think>Six."],
    ("minimax_m2", "several"): ["Four.[e~[", "Six.[e~["],
    ("minimax_m2", "reasoning twice"): ["Four.[e~[", "Three twice.\n</think>\n\nSix.[e~["],
    ("minimax_m2", "reasoning and call"): [
        f"I look it up.\n</think>\n\n\n{MINIMAX_CALL}[e~[", "Four is cold.\n</think>\n\nCold.[e~["
    ],
    ("granite_4_0", "call and text"): [
        'Let me see.\n<tool_call>\n{"name": "weather", "arguments": {"town": "Oslo", "days": 2}}\n'
        "</tool_call><|end_of_text|>",
        "Cold.<|end_of_text|>",
    ],
    ("deepseek_v3_1", "call"): [
        _deepseek(
            "<|tool_calls_begin|><|tool_call_begin|>weather<|tool_sep|>"
            '{"town": "Oslo", "days": 2}<|tool_call_end|><|tool_calls_end|><|end_of_sentence|>'
        ),
        _deepseek("Cold.<|end_of_sentence|>"),
    ],
    ("kimi_k2", "call"): [
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.weather:0"
        '<|tool_call_argument_begin|>{"town": "Oslo", "days": 2}<|tool_call_end|>'
        "<|tool_calls_section_end|><|im_end|>",
        "Cold.<|im_end|>",
    ],
    ("apertus", "call"): [
        '<|tools_prefix|>[{"weather": {"town": "Oslo", "days": 2}}]<|tools_suffix|>', "Cold."
    ],
    ("hunyuan", "several"): ["Four.<|eos|>", "Six.<|eos|>"],
}  # fmt: skip
"""The scored text of rows, for templates without marks."""


@cache
def _source(name: str) -> str:
    if name == "llama4":
        from transformers.models.llama4 import processing_llama4

        return str(processing_llama4.chat_template)
    found = REAL.get(name) or SHORT.get(name)
    return found or (OF_TRL / f"{name}.jinja").read_text("utf-8")


class Compared:
    """A template with a tokenizer of its own, here and in transformers."""

    def __init__(self, name: str) -> None:
        source, library = _source(name), tokenizer(_source(name))
        self.chat: ChatTemplate = template(source, now=datetime.now)
        self.own: Tokenizer = ours(library)
        self._theirs = PreTrainedTokenizerFast(
            tokenizer_object=library, chat_template=source, **SPECIAL
        )

    def tokens(self, row: Row) -> tuple[Tokens | DataRefused, ChatTemplate]:
        """Return a row as training sees it, and the template or variant that rendered it."""
        (found,) = whole_rows([row], self.chat, self.own)
        other = variant(self.chat) if isinstance(found, NEED_VARIANT) else None
        if other is None:
            return found, self.chat
        return whole_rows([row], other, self.own)[0], other

    def theirs(self, row: Row, chat: ChatTemplate) -> list[dict[str, list[int]]]:
        """Return what transformers makes of a row, with arguments as objects and as JSON text."""
        tools, made = json.loads(row.tools) if row.tools else None, []
        for turns in (_turns(row), _with_text(row)):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    one = self._theirs.apply_chat_template(
                        turns, tools=tools, return_dict=True, chat_template=chat.source,
                        return_assistant_tokens_mask=chat.marks,
                    )  # fmt: skip
                except Exception:
                    continue  # takes the other form alone
            made.append(one)
        return made


def _turns(row: Row) -> list[dict[str, Any]]:
    return list(map(turn, row.messages))


def _with_text(row: Row) -> list[dict[str, Any]]:
    turns = _turns(row)
    for call in (call for one in turns for call in one.get("tool_calls", ())):
        call["function"]["arguments"] = json.dumps(call["function"]["arguments"])
    return turns


def pieces(found: Tokens) -> list[str]:
    """Return the text of consecutive scored tokens."""
    places = zip(found.offsets[::2], found.offsets[1::2], found.scored, strict=True)
    groups = (list(group) for scored, group in groupby(places, key=lambda one: one[2]) if scored)
    return [found.text[group[0][0] : group[-1][1]] for group in groups]


def _answers(row: Row) -> list[Message]:
    return [one for one in row.messages if one.role == "assistant" and one.scored]


def _check(name: str, row_name: str, compared: Compared) -> str:
    """Compare one row, and return why it is refused; empty if it is not."""
    row = ROWS[row_name]
    found, chat = compared.tokens(row)
    if isinstance(found, DataRefused):
        return found.message
    same = [one for one in compared.theirs(row, chat) if one["input_ids"] == list(found.ids)]
    assert same, f"{name}, {row_name}: other ids for {found.text}"
    if chat.marks and all(one.scored for one in row.messages):
        assert same[0]["assistant_masks"] == list(found.scored), f"{name}, {row_name}"
    scored = pieces(found)
    for said, message in zip(scored, _answers(row), strict=True):
        assert message.content in said, f"{name}, {row_name}: {scored}"
    if wanted := EXPECTED.get((name, row_name)):
        assert scored == wanted
    others = [one.content for one in row.messages if one.role in ("system", "user", "tool")]
    assert not any(text in said for text in others for said in scored), scored
    return ""


def _check_all(name: str) -> None:
    compared, refused = Compared(name), REFUSED.get(name, {})
    for row_name in ROWS:
        why = _check(name, row_name, compared)
        assert bool(why) == (row_name in refused), f"{name}, {row_name}: {why}"
        assert refused.get(row_name, "") in why


@pytest.mark.parametrize("name", few([*REAL, *SHORT]))
def test_ids_and_scored_text_are_those_of_transformers(name: str) -> None:
    _check_all(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ELSEWHERE)
def test_ids_and_masks_of_templates_from_elsewhere_are_those_of_transformers(name: str) -> None:
    _check_all(name)


def _notes(name: str, row: str) -> tuple[str, ...]:
    found, _ = Compared(name).tokens(ROWS[row])
    assert isinstance(found, Tokens)
    return found.notes


def test_reasoning_that_earlier_turns_lose_is_named() -> None:
    assert _notes("glm_4_6", "reasoning twice") == (
        "`reasoning_content` of message 2 (`assistant`)",
    )
    assert _notes("glm_4_6", "reasoning and call") == ()


def test_the_end_of_a_prompt_that_an_answer_lacks_is_named() -> None:
    lacks = "the end of the prompt `<think>`"
    assert _notes("minimax_m2", "one") == (lacks,)
    assert _notes("minimax_m2", "reasoning") == ()
    assert _notes("glm_5", "one") == ()  # an answer opens and closes its reasoning


def test_an_answer_may_continue_the_turn_that_called_a_function() -> None:
    """Apertus prints calls, results and the answer in one turn; its prompt would begin another."""
    assert _notes("apertus", "call") == ("the end of the prompt `<|assistant_start|>`",)


ENDED: dict[tuple[str, str], list[str]] = {
    ("glm_4_6", "several"): [
        "\n<think></think>\nFour.<|user|>", "\n<think></think>\nSix.<|user|>"
    ],
    ("glm_4_7_flash", "several"): ["</think>Four.<|user|>", "</think>Six.<|user|>"],
    ("glm_4_7_flash", "call"): [f"</think>{GLM_CALL}<|observation|>", "</think>Cold.<|user|>"],
    ("glm_4_7_flash", "call last"): [f"</think>{GLM_CALL}<|observation|>"],
    ("glm_4_7_flash", "reasoning twice"): [
        "</think>Four.<|user|>", "Three twice.</think>Six.<|user|>"
    ],
    ("apertus", "several"): ["Four.<|assistant_end|>", "Six.<|assistant_end|>"],
    ("kimi_k2", "several"): ["Four.<|im_end|>", "Six.<|im_end|>"],
}  # fmt: skip
"""The scored text of rows where the model stops at these tokens."""


@pytest.mark.parametrize(("name", "row"), ENDED)
def test_answers_end_with_the_token_that_begins_the_next_turn(name: str, row: str) -> None:
    compared = Compared(name)
    said = ("<|user|>", "<|observation|>", "<|assistant_end|>", "<|im_end|>")
    ends = [one for one in map(compared.own.token_to_id, said) if one is not None]
    made = with_ends(compared.chat, compared.own, ends)
    (found,) = whole_rows([ROWS[row]], made, compared.own)
    assert isinstance(found, Tokens)
    assert pieces(found) == ENDED[name, row]
    theirs = compared.theirs(ROWS[row], compared.chat)
    added = 1 if any(made.ends) else 0
    assert list(found.ids)[: len(found.ids) - added] in [one["input_ids"] for one in theirs]


def test_turns_that_are_not_scored_may_lose_their_reasoning_with_marks_too() -> None:
    """LFM2.5 prints the reasoning of the last turn alone, and marks the assistant's text."""
    found, _ = Compared("lfm2_2_5").tokens(ROWS["reasoning twice, second scored"])
    assert isinstance(found, Tokens)
    assert pieces(found) == ["<think>Three twice.</think>Six.<|im_end|>\n"]


def test_an_empty_reasoning_that_only_the_last_turn_has_is_no_obstacle() -> None:
    """Qwen3's habit, of a template that nobody knows: `Qwen3-Next-80B-A3B-Thinking` has it too."""
    compared = Compared("qwen3")
    other = template(compared.chat.source + "{# #}")
    wanted = {
        "several": ["Four.<|im_end|>", "<think>\n\n</think>\n\nSix.<|im_end|>"],
        "reasoning twice": ["Four.<|im_end|>", "<think>\nThree twice.\n</think>\n\nSix.<|im_end|>"],
    }
    for name, said in wanted.items():
        (found,) = whole_rows([ROWS[name]], other, compared.own)
        assert isinstance(found, Tokens)
        assert pieces(found) == said
        assert list(found.ids) in [one["input_ids"] for one in compared.theirs(ROWS[name], other)]


def test_a_template_with_a_training_variant_asks_for_it() -> None:
    compared = Compared("qwen3")
    (found,) = whole_rows([ROWS["reasoning twice"]], compared.chat, compared.own)
    assert isinstance(found, TurnsRewritten)
