"""Token ids and masks against transformers, on a tokenizer trained here from real rows."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from lockfiles.errors import DataRefused, DigestDiffers, UsageProblem
from planner.data.reading.formats import load_table
from planner.data.rows.rows import Message, Row
from planner.data.tokens.encode import assistant_spans, encode, encode_all, load_tokenizer
from planner.data.tokens.example import COMPLETION, IGNORED, Encoded, Example, completion
from planner.data.tokens.stored import read_encoded, stream_sha256, write_encoded
from planner.data.tokens.template import compile_template, load_template

SAMPLES = Path(__file__).parents[3] / "data"
MARKS = ["<|im_start|>", "<|im_end|>", "<|begin|>", "<|start_header_id|>"]
MARKS += ["<|end_header_id|>", "<|eot_id|>"]
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
ODD = Row(
    (
        Message("user", "  naïve 🙂 question?\n"),
        Message("assistant", "日本 — 🙂 fine.\n\n  indented  "),
        Message("user", "and?"),
        Message("assistant", "<b>&amp;</b>"),
    )
)


def rows() -> list[Row]:
    clinc = load_table(SAMPLES / "clinc150.messages.jsonl").rows
    seed = load_table(SAMPLES / "self-instruct.alpaca.jsonl").rows
    return [*clinc, *seed, ODD]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    tokenizer: Any = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=MARKS, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([m.content for r in rows() for m in r.messages], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"bos_token": {"content": "<|begin|>"}, "eos_token": "<|im_end|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"chat_template": CHATML}))
    return folder


def trl_template(name: str) -> str:
    spec = importlib.util.find_spec("trl")
    if spec is None or spec.origin is None:
        pytest.skip("trl is not installed")
    return (Path(spec.origin).parent / "chat_templates" / f"{name}.jinja").read_text("utf-8")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["qwen2_5", "llama3"])
def test_ids_and_masks_equal_transformers(name: str, folder: Path) -> None:
    plain, training = trl_template(name), trl_template(f"{name}_training")
    transformers = pytest.importorskip("transformers")
    theirs = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"), bos_token="<|begin|>"
    )
    template = compile_template(plain, {"bos_token": "<|begin|>"})
    tokenizer = load_tokenizer(folder)
    for row in rows():
        turns = [{"role": m.role, "content": m.content} for m in row.messages]
        expected = theirs.apply_chat_template(
            turns,
            chat_template=training,
            return_assistant_tokens_mask=True,
            return_dict=True,
        )
        text = theirs.apply_chat_template(turns, chat_template=plain, tokenize=False)
        assert template.render(row.messages) == text
        ours = encode(row, template, tokenizer)[COMPLETION]
        assert list(ours.input_ids) == expected["input_ids"]
        differ = [
            tokenizer.decode([token], skip_special_tokens=False)
            for token, label, mark in zip(
                ours.input_ids, ours.labels, expected["assistant_masks"], strict=True
            )
            if (label != IGNORED) != bool(mark)
        ]
        assert all(piece.strip() == "" for piece in differ)
        if name == "llama3":
            assert differ == []


def test_scored_text_is_what_the_assistant_says_and_its_end(folder: Path) -> None:
    template, tokenizer = load_template(folder), load_tokenizer(folder)
    text, spans = assistant_spans(template, ODD)
    said = [f"{m.content}<|im_end|>" for m in ODD.messages if m.role == "assistant"]
    assert [text[start:end] for start, end in spans] == said
    ours = encode(ODD, template, tokenizer)[COMPLETION]
    scored = [label for label in ours.labels if label != IGNORED]
    assert tokenizer.decode(scored, skip_special_tokens=False) == "".join(said)


def test_white_space_is_scored_if_it_is_the_only_end() -> None:
    template = compile_template(
        "{% for m in messages %}{{ m.role + ': ' + m.content + '\\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}",
        {},
    )
    text, [(start, end)] = assistant_spans(
        template, Row((Message("user", "a"), Message("assistant", "b")))
    )
    assert text[start:end] == "b\n"


def test_edges_inside_a_token_are_scored(folder: Path) -> None:
    template = compile_template(
        "{% for m in messages %}{{ m.role + ': ' + m.content + ' ' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}",
        {},
    )
    row = Row((Message("user", "a"), Message("assistant", "the")))
    tokenizer = load_tokenizer(folder)
    encoded = encode(row, template, tokenizer)[COMPLETION]
    scored = [label for label in encoded.labels if label != IGNORED]
    assert tokenizer.decode(scored) == " the "


def test_empty_answer_is_only_its_end(folder: Path) -> None:
    row = Row((Message("user", "a"), Message("assistant", "")))
    text, [(start, end)] = assistant_spans(load_template(folder), row)
    assert text[start:end] == "<|im_end|>"


def test_template_that_drops_the_answer_is_refused() -> None:
    source = "{% for m in messages %}{{ m.role }}<end>{% endfor %}"
    with pytest.raises(DataRefused, match="omits the assistant's text"):
        assistant_spans(compile_template(source, {}), ODD)


def test_a_row_without_an_answer_scores_nothing(folder: Path) -> None:
    template, tokenizer = load_template(folder), load_tokenizer(folder)
    asked = encode(Row((Message("user", "a"),)), template, tokenizer)
    assert asked.scored == 0


def test_template_that_rewrites_history_is_refused(folder: Path) -> None:
    template = compile_template("{{ messages | length }}{{ add_generation_prompt }}", {})
    with pytest.raises(DataRefused, match="Row 1: The chat template changes earlier text"):
        list(encode_all([ODD], template, load_tokenizer(folder)))


def test_encoded_rows_come_back(folder: Path, tmp_path: Path) -> None:
    encoded = list(encode_all(rows(), load_template(folder), load_tokenizer(folder)))
    assert write_encoded(tmp_path / "e", encoded) == stream_sha256(encoded)
    assert read_encoded(tmp_path / "e") == encoded
    assert read_encoded(tmp_path / "e", stream_sha256(encoded)) == encoded
    with pytest.raises(DigestDiffers, match="do not match the lock"):
        read_encoded(tmp_path / "e", stream_sha256(encoded[:1]))
    (tmp_path / "e" / "completion.mask.u8").write_bytes(b"\1" * sum(r.tokens for r in encoded))
    with pytest.raises(DigestDiffers):
        read_encoded(tmp_path / "e")
    with pytest.raises(UsageProblem):
        read_encoded(tmp_path / "gone")


def test_stream_digest_bytes() -> None:
    import hashlib

    content = b"\2\0\0\0" + b"\5\0\0\0\0\1\0\0" + b"\0\1"
    expected = hashlib.sha256(content).hexdigest()
    assert stream_sha256([completion((5, 256), (IGNORED, 256))]) == expected


def test_rows_of_the_first_version_are_read(tmp_path: Path) -> None:
    """One sequence, in files without a name."""
    (tmp_path / "lengths.u32").write_bytes(b"\2\0\0\0\1\0\0\0")
    (tmp_path / "ids.u32").write_bytes(b"\5\0\0\0\0\1\0\0\7\0\0\0")
    (tmp_path / "mask.u8").write_bytes(b"\0\1\1")
    wanted = [completion((5, 256), (IGNORED, 256)), completion((7,), (7,))]
    header = {"version": 1, "rows": 2, "stream_sha256": stream_sha256(wanted)}
    (tmp_path / "header.json").write_text(json.dumps(header))
    assert read_encoded(tmp_path, stream_sha256(wanted)) == wanted
    with pytest.raises(DigestDiffers, match="do not have the objective's sequences"):
        read_encoded(tmp_path, None, ("chosen", "rejected"))


PAIR = Example(
    {"chosen": Encoded((1, 2, 3), (IGNORED, 2, 3)), "rejected": Encoded((1, 4), (IGNORED, 4))}
)


def test_an_example_of_several_sequences_comes_back(tmp_path: Path) -> None:
    names = ("chosen", "rejected")
    assert write_encoded(tmp_path, [PAIR, PAIR.cut(1)], names) == stream_sha256([PAIR, PAIR.cut(1)])
    assert read_encoded(tmp_path, None, names) == [PAIR, PAIR.cut(1)]
    for others in (("rejected", "chosen"), ("chosen",)):
        with pytest.raises(DigestDiffers, match="do not have the objective's sequences"):
            read_encoded(tmp_path, None, others)
    assert (PAIR.length, PAIR.tokens, PAIR.scored) == (3, 5, 3)
    (tmp_path / "rejected.lengths.u32").write_bytes(b"\4\0\0\0")
    with pytest.raises(DigestDiffers, match="are incomplete"):
        read_encoded(tmp_path, None, names)


def test_the_names_of_sequences_are_in_their_digest() -> None:
    swapped = Example({"rejected": PAIR["chosen"], "chosen": PAIR["rejected"]})
    rows = [completion(one.input_ids, one.labels) for one in PAIR.sequences.values()]
    assert len({stream_sha256([PAIR]), stream_sha256([swapped]), stream_sha256(rows)}) == 3
