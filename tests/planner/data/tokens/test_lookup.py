"""Templates and special tokens are looked up as transformers' `AutoTokenizer` does."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockfiles.errors import DataRefused
from planner.data.rows.rows import Message, Row
from planner.data.tokens import lookup
from planner.data.tokens.encode import encode, load_tokenizer
from planner.data.tokens.example import COMPLETION
from planner.data.tokens.template import ChatTemplate, load_template
from planner.data.tokens.training_template import FOLDER, variant
from runner.demo import files

transformers = pytest.importorskip("transformers")
BASE = Path(files.__file__).parent / "base"
NAMES = (*lookup.SPECIAL, "image_token", "think_token")
SHOWS = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}{{ eos_token }}" + "".join(
    f"({{{{ {name} }}}})" for name in NAMES
)
TOOL = [{"type": "function", "function": {"name": "find", "description": "Finds."}}]
OBJECT = {"__type": "AddedToken", "content": "<|im_end|>", "lstrip": False, "rstrip": False,
          "normalized": False, "single_word": False, "special": True}  # fmt: skip


def config(folder: Path, name: str = "tokenizer_config.json", **values: Any) -> None:
    path = folder / name
    known = json.loads(path.read_text()) if path.exists() else {}
    made = {key: value for key, value in (known | values).items() if value != "DROP"}
    path.write_text(json.dumps(made))


def jinja(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(text.encode())


def _more(name: str, mark: str) -> Callable[[Path], None]:
    return lambda folder: jinja(folder, f"additional_chat_templates/{name}.jinja", mark + SHOWS)


def _named(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    named = [{"name": "default", "template": SHOWS}, {"name": "tool_use", "template": "T" + SHOWS},
             {"name": "rag", "template": "R" + SHOWS}]  # fmt: skip
    config(folder, chat_template=named)


def _mapping(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    config(folder, chat_template={"default": SHOWS, "tool_use": "T" + SHOWS})


def _only(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    config(folder, chat_template=[{"name": "default", "template": "O" + SHOWS}])


def _in_config(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    config(folder, chat_template="C" + SHOWS)


def _in_map(folder: Path) -> None:
    config(folder, eos_token="DROP")
    bos = {"content": "<|im_start|>", "lstrip": False, "normalized": False}
    config(folder, "special_tokens_map.json", eos_token="<|im_end|>", bos_token=bos)


def _listed(folder: Path) -> None:
    config(folder, eos_token="DROP", added_tokens_decoder={"1": OBJECT | {"content": "<|x|>"}})
    config(folder, "special_tokens_map.json", eos_token="<|im_end|>")


FOLDERS: dict[str, Callable[[Path], None]] = {
    "as it is": lambda folder: None,
    "a file overrides the config": lambda folder: config(folder, chat_template="C" + SHOWS),
    "in the config": _in_config,
    "named in a list": _named,
    "named in a mapping": _mapping,
    "only a default in a list": _only,
    "named in files": _more("tool_use", "T"),
    "other names in files": _more("rag", "R"),
    "a default in the folder": _more("default", "D"),
    "windows line ends": lambda folder: jinja(
        folder, "chat_template.jinja", "{% if true %}\r\na\r\n{% endif %}\r\n" + SHOWS + "\r\n"
    ),
    "special tokens as objects": lambda folder: config(folder, eos_token=OBJECT, bos_token=OBJECT),
    "special tokens in the map": _in_map,
    "the map overrides the config": lambda folder: config(
        folder, "special_tokens_map.json", eos_token="<|pad|>"
    ),
    "the map beside listed tokens": _listed,
    "tokens with names of their own": lambda folder: config(
        folder, image_token="<|pad|>", extra_special_tokens={"think_token": "<|im_start|>"}
    ),
    "names of their own in the map": lambda folder: config(
        folder, "special_tokens_map.json", extra_special_tokens={"think_token": "<|im_start|>"}
    ),
    "null": lambda folder: config(folder, eos_token=None, pad_token=None),
    "qwen's class": lambda folder: config(
        folder, tokenizer_class="Qwen2Tokenizer", eos_token="DROP", pad_token=None
    ),
    "gemma's class": lambda folder: config(folder, tokenizer_class="GemmaTokenizerFast"),
    "gpt2's class": lambda folder: config(folder, tokenizer_class="GPT2Tokenizer"),
    "llama's class": lambda folder: config(folder, tokenizer_class="LlamaTokenizerFast"),
    "cohere's class": lambda folder: config(folder, tokenizer_class="CohereTokenizerFast"),
    "a special token that is not in tokenizer.json": lambda folder: config(
        folder, eos_token="<|done|>", additional_special_tokens=["<|im_start|>", "<|new|>"]
    ),
    "added tokens in a file": lambda folder: config(
        folder, "added_tokens.json", **{"<|b|>": 1025, "<|a|>": 1024}
    ),
    "listed tokens": lambda folder: config(
        folder, added_tokens_decoder={"1024": {"content": "<|a|>", "special": False}}
    ),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("tokenizer.json", "tokenizer_config.json", "config.json"):
        shutil.copy(BASE / name, tmp_path)
    (tmp_path / "chat_template.jinja").write_text(SHOWS)
    return tmp_path


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("change", FOLDERS.values(), ids=FOLDERS)
@pytest.mark.parametrize("tools", [None, TOOL], ids=["", "tools"])
def test_the_same_text_as_transformers(
    change: Callable[[Path], None], tools: list[Any] | None, folder: Path
) -> None:
    change(folder)
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    said = [("user", "Hi <|im_end|><|a|>"), ("assistant", "H")]
    turns = [{"role": role, "content": content} for role, content in said]
    text = theirs.apply_chat_template(turns, tools=tools, tokenize=False)
    template = load_template(folder)
    given = json.dumps(tools) if tools else ""
    assert template.render([Message(*one) for one in said], tools=given) == text
    tokens = load_tokenizer(folder)
    if type(theirs).__name__ == "TokenizersBackend":
        assert list(tokens.encode(text)) == theirs(text, add_special_tokens=False)["input_ids"]


def test_the_digest_covers_every_template(folder: Path) -> None:
    alone = load_template(folder)
    digests = {alone.sha256}
    for name, text in (("tool_use", "a"), ("tool_use", "b"), ("rag", "a")):
        jinja(folder, f"additional_chat_templates/{name}.jinja", text)
        digests.add(load_template(folder).sha256)
    assert len(digests) == 4
    assert load_template(folder, file=folder / "chat_template.jinja").sha256 == alone.sha256


def test_without_a_default_there_is_no_template(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(DataRefused, match="no chat template"):
        load_template(folder)
    jinja(folder, "additional_chat_templates/tool_use.jinja", SHOWS)
    with pytest.raises(DataRefused, match="no chat template"):
        load_template(folder)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("deepseek_v32", "which is not run"),
        ("deepseek_v4", "`encoding/encoding_dsv4.py`"),
        ("llama", "has no chat template, so rows cannot be rendered"),
        (["deepseek_v4"], "has no chat template, so rows cannot be rendered"),
    ],
)
def test_a_model_that_comes_with_a_program_for_a_template_is_refused(
    folder: Path, kind: object, said: str
) -> None:
    (folder / "chat_template.jinja").unlink()
    config(folder, "config.json", model_type=kind)
    with pytest.raises(DataRefused) as refused:
        load_template(folder)
    assert said in refused.value.message
    own = folder.parent / "own.jinja"
    own.write_text(SHOWS)
    assert load_template(folder, file=own).source == SHOWS


def test_a_processor_s_template_counts_where_the_tokenizer_has_none(folder: Path) -> None:
    config(folder, "chat_template.json", chat_template="P" + SHOWS)
    assert load_template(folder).source == SHOWS
    (folder / "chat_template.jinja").unlink()
    assert load_template(folder).source == "P" + SHOWS


def test_the_files_that_count_are_listed(folder: Path) -> None:
    (folder / "chat_template.json").write_text("{}")
    jinja(folder, "additional_chat_templates/rag.jinja", "")
    assert lookup.template_files(folder) == [
        "additional_chat_templates/rag.jinja", "chat_template.jinja", "chat_template.json",
        "tokenizer_config.json",
    ]  # fmt: skip


@pytest.mark.parametrize("change", [
    lambda text: text, lambda text: text + "\n", lambda text: text.replace("\n", "\r\n"),
    lambda text: text.replace("\n", "\r\n") + "\r\n", lambda text: text.removesuffix("\n"),
])  # fmt: skip
@pytest.mark.parametrize("name", ["qwen3", "gptoss", "phi3", "nemotron_3_nano"])
def test_line_ends_do_not_hide_a_known_template(name: str, change: Callable[[str], str]) -> None:
    trl = pytest.importorskip("trl")
    source = (Path(trl.__file__).parent / "chat_templates" / f"{name}.jinja").read_bytes().decode()
    found = variant(ChatTemplate(change(source), {}))
    assert found and found.source == (FOLDER / f"{name}.jinja").read_text("utf-8")
    assert variant(ChatTemplate(source + " ", {})) is None


def test_of_several_templates_those_with_a_variant_are_replaced() -> None:
    trl = pytest.importorskip("trl")
    folder = Path(trl.__file__).parent / "chat_templates"
    qwen, other = (folder / "qwen3.jinja").read_text("utf-8"), "{{ messages }}"
    trains = (folder / "qwen3_training.jinja").read_text("utf-8")
    for default, tools in ((qwen, other), (other, qwen)):
        found = variant(ChatTemplate(default, {}, others={"tool_use": tools}))
        assert found
        assert [found.source, found.others["tool_use"]] == [
            trains if one == qwen else one for one in (default, tools)
        ]
    assert variant(ChatTemplate(other, {}, others={"tool_use": other})) is None


def test_a_named_special_token_is_one_token(folder: Path) -> None:
    config(folder, eos_token="<|done|>")
    ends = "{% for m in messages %}{{ m.role + m.content + eos_token }}{% endfor %}"
    asks = "{% if add_generation_prompt %}assistant{% endif %}"
    jinja(folder, "chat_template.jinja", ends + asks)
    row = Row((Message("user", "a"), Message("assistant", "b")))
    ids = encode(row, load_template(folder), load_tokenizer(folder))[COMPLETION].input_ids
    assert list(ids).count(1024) == 2


@pytest.mark.parametrize("value", [
    "\ud83d", "", "x" * 2000, 5, None, ["a"], {"content": 5}, {"content": "\ud83d"},
])  # fmt: skip
def test_special_tokens_of_other_kinds_are_passed_over(value: object, folder: Path) -> None:
    config(folder, eos_token=value, more_token=value, additional_special_tokens=[value])
    listed = {"1024": value, "x": value, "9" * 20: value}
    config(folder, added_tokens_decoder=listed, extra_special_tokens={"a": value})
    found = lookup.special_tokens(folder)
    assert set(found.values()) <= {"", "<|pad|>"}
    assert lookup.added_tokens(folder) == [
        {"content": "<|pad|>", "normalized": False, "special": True}
    ]
    assert load_tokenizer(folder).token_to_id("<|im_end|>") is not None
    load_template(folder)
