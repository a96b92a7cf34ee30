"""Tokenizers in llama.cpp's terms; their tokens are compared with llama.cpp's own elsewhere."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from lockfiles.errors import UsageProblem
from planner.gguf.check import check
from planner.gguf.listing import Kind
from planner.gguf.tokenizer import tokens_of
from runner.demo import files

BASE = Path(files.__file__).parent / "base"
TEXTS = ["Hello world, it is 2026.", "the user said hello to the world", "naïve Grüße"] * 4
SPECIAL = ["<unk>", "<s>", "</s>"]
PREPEND = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])


def sentencepiece(normalizer: Any = PREPEND, splitter: Any = None) -> Tokenizer:
    """Return a small tokenizer of the kind of Llama 2's."""
    made = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    made.normalizer = normalizer
    if splitter is not None:
        made.pre_tokenizer = splitter
    units = [f"<0x{number:02X}>" for number in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=360, special_tokens=[*SPECIAL, *units], show_progress=False
    )
    made.train_from_iterator(TEXTS, trainer)
    values = json.loads(made.to_str())
    kept = [one for one in values["added_tokens"] if one["content"] in SPECIAL]
    return Tokenizer.from_str(json.dumps(values | {"added_tokens": kept}))


def _values(made: Tokenizer) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(made.to_str())
    return values


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BASE, tmp_path / "base"))


def _change(path: Path, **values: object) -> None:
    content = json.loads(path.read_text("utf-8")) if path.exists() else {}
    path.write_text(json.dumps(content | values), "utf-8")


def test_a_sentencepiece_tokenizer_has_a_score_for_each_token() -> None:
    made = _values(sentencepiece())
    found = tokens_of(made, 400)
    assert (found.model, found.pre, found.add_space_prefix) == ("llama", "default", True)
    assert [found.kinds[found.texts.index(text)] for text in ("<unk>", "</s>", "<0x0A>")] == [
        Kind.UNKNOWN, Kind.CONTROL, Kind.BYTE,
    ]  # fmt: skip
    first, last = made["model"]["merges"][0], made["model"]["merges"][-1]
    scores = [found.scores[found.texts.index("".join(pair))] for pair in (first, last)]
    assert scores == [0.0, 1.0 - len(made["model"]["merges"])]
    assert len(found.texts) == len(found.scores) == 400 and found.texts[-1] == "[PAD399]"


def test_where_a_space_is_put_before_text() -> None:
    no_prefix = sentencepiece(normalizers.Replace(" ", "▁"))
    assert not tokens_of(_values(no_prefix), 400).add_space_prefix
    never = pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    assert not tokens_of(_values(sentencepiece(None, never)), 400).add_space_prefix


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (sentencepiece(None, pre_tokenizers.Metaspace(prepend_scheme="first", split=False)),
         "`Metaspace` step (`first`)"),
        (sentencepiece(None, pre_tokenizers.Metaspace(prepend_scheme="never", split=True)),
         "`Metaspace` step (`never`)"),
        (sentencepiece(normalizers.NFKC()), "treatment of spaces"),
        (sentencepiece(PREPEND, pre_tokenizers.Digits()), "treatment of spaces"),
    ],
)  # fmt: skip
def test_other_treatments_of_spaces_are_refused(made: Tokenizer, said: str) -> None:
    with pytest.raises(UsageProblem) as refused:
        tokens_of(_values(made), 400)
    assert said in refused.value.message and refused.value.hint


def test_a_token_that_llama_cpp_would_merge_otherwise_is_refused() -> None:
    values = _values(sentencepiece())
    model = values["model"]
    # No pair makes the last token any longer, but its parts still are tokens.
    *model["merges"], lost = model["merges"]
    with pytest.raises(UsageProblem) as refused:
        tokens_of(values, 400)
    assert f"would make the token `{''.join(lost)}`" in refused.value.message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"vocab": {"<0x00>": None}}, "no token for the byte `<0x00>`"),
        ({"dropout": 0.1}, "`dropout`"),
        ({"end_of_word_suffix": "</w>"}, "`end_of_word_suffix`"),
    ],
)
def test_other_models_are_refused(change: dict[str, Any], said: str) -> None:
    values = _values(sentencepiece())
    if "vocab" in change:
        del values["model"]["vocab"]["<0x00>"]
    else:
        values["model"] |= change
    with pytest.raises(UsageProblem) as refused:
        tokens_of(values, 400)
    assert said in refused.value.message and refused.value.hint


def test_a_unigram_model_is_refused() -> None:
    made = Tokenizer(models.Unigram([("a", 0.0), ("b", -1.0)], unk_id=0))
    with pytest.raises(UsageProblem, match="its model is `Unigram`"):
        tokens_of(_values(made), 8)


def test_a_word_that_llama_cpp_keeps_whole_must_be_made_by_merges(base: Path) -> None:
    values = json.loads((base / "tokenizer.json").read_text("utf-8"))
    values["model"]["ignore_merges"] = True
    tokens_of(values, 1024)
    lost = "".join(values["model"]["merges"].pop())
    with pytest.raises(UsageProblem) as refused:
        tokens_of(values, 1024)
    assert f"does not treat the token `{lost}`" in refused.value.message
    values["model"]["ignore_merges"] = False
    tokens_of(values, 1024)


def test_texts_that_would_take_minutes_are_refused() -> None:
    values = _values(sentencepiece())
    values["model"]["vocab"]["x" * 10_000] = 399
    with pytest.raises(ValueError, match="too long"):
        tokens_of(values, 400)


def test_a_token_with_two_ids_is_refused(base: Path) -> None:
    values = json.loads((base / "tokenizer.json").read_text("utf-8"))
    more = {**values["added_tokens"][-1], "id": 1023}
    with pytest.raises(UsageProblem, match="has two ids"):
        tokens_of(values | {"added_tokens": [*values["added_tokens"], more]}, 1024)


def test_a_name_of_a_row_without_a_token_is_that_of_no_token(base: Path) -> None:
    values = json.loads((base / "tokenizer.json").read_text("utf-8"))
    more = {**values["added_tokens"][0], "content": "[PAD1030]", "id": 1024}
    found = tokens_of(values | {"added_tokens": [*values["added_tokens"], more]}, 1040)
    assert (found.texts[1024], found.texts[1030]) == ("[PAD1030]", "[[PAD1030]]")
    assert len(set(found.texts)) == 1040


def test_tokens_that_other_files_add_count(base: Path) -> None:
    _change(base / "tokenizer_config.json", eos_token="<|closed|>")
    _change(base / "config.json", vocab_size=1088)
    found = check(base, trained=True)
    assert found.tokens.texts[1024] == "<|closed|>"
    assert (found.tokens.kinds[1024], found.special.ids["eos"]) == (Kind.CONTROL, 1024)


def test_a_named_token_without_a_row_is_left_out(base: Path) -> None:
    _change(base / "tokenizer_config.json", mask_token="<mask>")
    found = check(base)
    assert "<mask>" not in found.tokens.texts and "mask" not in found.special.ids


def test_white_space_around_a_printed_token_is_refused(base: Path) -> None:
    values = json.loads((base / "tokenizer.json").read_text("utf-8"))
    for one in values["added_tokens"]:
        one["rstrip"] = one["content"] == "<|im_end|>"
    _change(base / "tokenizer.json", **values)
    with pytest.raises(
        UsageProblem, match="`rstrip` of the token `<|im_end|>`".replace("|", r"\|")
    ):
        check(base)
    for name in ("config.json", "generation_config.json"):
        _change(base / name, eos_token_id=0)
    _change(base / "tokenizer_config.json", eos_token="<|pad|>")
    with pytest.raises(UsageProblem, match="`rstrip`"):
        check(base)
    check(base, template="{{ messages }}")
