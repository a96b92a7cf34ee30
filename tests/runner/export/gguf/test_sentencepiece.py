"""SentencePiece-like tokenizers: llama.cpp's tokens of real texts against those of training."""

import random
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer, models, normalizers

import runner.demo
from planner.data.reading.formats import load_table
from planner.data.tokens.tokenizer import load_tokenizer

pytest.importorskip("torch")
gguf = pytest.importorskip("gguf")
pytest.importorskip("llama_cpp")

from runner.export.gguf import native  # noqa: E402
from runner.export.gguf.convert import convert  # noqa: E402
from tests.planner.gguf.test_tokenizer import PREPEND, SPECIAL, sentencepiece  # noqa: E402
from tests.runner.export.gguf.random_models import network  # noqa: E402

ROWS = Path(runner.demo.__file__).parent / "rows" / "test.jsonl"
ODD = [
    "  two spaces", "\n\n\ttabs\r\n x", "Grüße, 你好 🙂 naïve", "<s>[INST] hi [/INST]  there </s>",
    "aaaaaaaaaaaaaaa", "</s> x", "<0x0A> ▁▁a ▁", "\x00",
]  # fmt: skip


def _texts() -> list[str]:
    rows = load_table(ROWS).rows[::40]
    said = [message.content for row in rows for message in row.messages]
    drawn, letters = random.Random(3), "abcdef ghil mno prstuw ü你.\n<>/s"
    words = ["".join(drawn.choices(letters, k=drawn.randint(1, 40))) for _ in range(200)]
    return [*ODD, *said, *words]


def _all_pairs() -> Tokenizer:
    """Return a tokenizer in which each token is listed with every pair that makes it, as that of a
    converted SentencePiece model is."""
    inner = sentencepiece()
    vocab = inner.get_vocab(with_added_tokens=True)
    made = sorted(
        (text for text in vocab if len(text) > 1 and text[0] != "<"), key=vocab.__getitem__
    )
    pairs = [
        (text[:cut], text[cut:])
        for text in made
        for cut in range(1, len(text))
        if text[:cut] in vocab and text[cut:] in vocab
    ]
    model = models.BPE(vocab, pairs, byte_fallback=True, unk_token="<unk>", fuse_unk=True)
    found = Tokenizer(model)
    found.normalizer = PREPEND
    found.add_special_tokens([AddedToken(one, normalized=False) for one in SPECIAL])
    return found


@pytest.mark.parametrize("made", [
    sentencepiece(), sentencepiece(normalizers.Replace(" ", "▁")), _all_pairs(),
], ids=["prefixed", "plain", "all pairs"])  # fmt: skip
def test_llama_cpp_makes_the_tokens_of_training(made: Tokenizer, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    network("llama").save_pretrained(folder)
    made.save(str(folder / "tokenizer.json"))
    facts = convert(folder, tmp_path / "m.gguf", "f16")
    fields: dict[str, Any] = gguf.GGUFReader(facts.path).fields
    assert fields["tokenizer.ggml.model"].contents() == "llama"
    trained, texts = load_tokenizer(folder), _texts()
    found = native.tokenize(facts.path, texts)
    wanted = [list(trained.encode(text)) for text in texts]
    assert [
        text for text, one, other in zip(texts, found, wanted, strict=True) if one != other
    ] == []
