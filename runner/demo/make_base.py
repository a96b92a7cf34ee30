"""Makes the demo's rows, its pretraining text and its small base model.

    python runner/demo/make_base.py collect --clinc FOLDER --gsm8k FILE --self-instruct FILE
    python runner/demo/make_base.py train --data runner/demo/pretrain.jsonl.gz

`collect` needs the sources listed in SOURCES.md; `train` needs only files next to this one. The
pretraining text contains none of the 15 demo intents and no held-out row.
"""

import argparse
import gzip
import json
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SYSTEM = "Reply with the customer's intent as one label."
INTENTS = (
    "alarm book_flight calories definition exchange_rate find_phone flip_coin lost_luggage "
    "pay_bill play_music pto_request report_fraud tell_joke translate weather"
)
DEMO_INTENTS = frozenset(INTENTS.split())
PAD, START, END = "<|pad|>", "<|im_start|>", "<|im_end|>"
VOCABULARY, CONTEXT = 1024, 256
TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a JSONL file."""
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line.strip()]


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows as JSONL; `.gz` files have no timestamp, so that their bytes are reproducible."""
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data, 9, mtime=0) if path.suffix == ".gz" else data)


def is_demo(row: dict[str, Any]) -> bool:
    """Return whether a chat row has one of the demo's intents."""
    return row["messages"][-1]["content"] in DEMO_INTENTS


def collect(clinc: Path, gsm8k: Path, self_instruct: Path, questions: int) -> None:
    """Write the demo's rows, and the pretraining text without the demo's intents."""
    train = read_lines(clinc / "clinc150-train.messages.jsonl")
    test = read_lines(clinc / "clinc150-test.messages.jsonl")
    write_lines(HERE / "rows" / "train.jsonl", [row for row in train if is_demo(row)])
    write_lines(HERE / "rows" / "test.jsonl", [row for row in test if is_demo(row)])
    kept_out = {row["messages"][1]["content"] for row in test}
    kept_out |= {row["messages"][1]["content"] for row in train if is_demo(row)}
    pairs = [(row["messages"][1]["content"], row["messages"][2]["content"]) for row in train]
    text: list[dict[str, Any]] = [{"user": u, "label": a} for u, a in pairs if u not in kept_out]
    text += [{"text": row["question"]} for row in read_lines(gsm8k)[:questions]]
    for row in read_lines(self_instruct):
        if 0 < len(row["output"]) <= 200 and not row["input"]:
            text.append({"user": row["instruction"], "answer": row["output"]})
    write_lines(HERE / "pretrain.jsonl.gz", text)


def turn(role: str, content: str) -> str:
    """Return one turn as the chat template renders it."""
    return f"{START}{role}\n{content}{END}"


def as_text(row: dict[str, Any]) -> str:
    """Return a pretraining row as the model sees it: a chat, or plain text with an end token."""
    if "text" in row:
        return str(row["text"]) + END
    if "label" in row:
        head = turn("system", SYSTEM) + turn("user", row["user"])
        return head + turn("assistant", row["label"])
    return turn("user", row["user"]) + turn("assistant", row["answer"])


def make_tokenizer(texts: list[str], into: Path) -> Any:
    """Train a byte-level BPE tokenizer (GPT-2's split) and write its files; return it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, START, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    (into / "tokenizer.json").write_text(tokenizer.to_str(pretty=False), "utf-8")
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": CONTEXT,
        "pad_token": PAD,
        "eos_token": END,
        "additional_special_tokens": [START],
        "clean_up_tokenization_spaces": False,
        "add_prefix_space": False,
    }
    (into / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", "utf-8")
    (into / "chat_template.jinja").write_text(TEMPLATE, "utf-8")
    return tokenizer


def make_model(tokenizer: Any) -> Any:
    """Return an untrained Llama with about 1.93 million parameters."""
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=256,
            intermediate_size=512,
            num_hidden_layers=3,
            num_attention_heads=8,
            num_key_value_heads=2,
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.token_to_id(END),
            pad_token_id=tokenizer.token_to_id(PAD),
        )
    )


def batches(rows: list[list[int]], size: int, steps: int, seed: int) -> Iterator[list[list[int]]]:
    """Yield `steps` batches of rows of similar length, in an order fixed by the seed."""
    rng, made = random.Random(seed), 0
    while True:
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]) + rng.random() * 16)
        groups = [order[i : i + size] for i in range(0, len(order), size)]
        rng.shuffle(groups)
        for group in groups:
            if made == steps:
                return
            made += 1
            yield [rows[i] for i in group]


def rate(step: int, steps: int, peak: float) -> float:
    """Return the learning rate at a step: 5% warm-up, then cosine decay to zero."""
    warm = max(1, steps // 20)
    if step < warm:
        return peak * (step + 1) / warm
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))


def fit(model: Any, rows: list[list[int]], pad: int, args: argparse.Namespace) -> None:
    """Train on every position but padding, printing the loss every 200 steps."""
    import torch

    model.to(args.device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.rate, weight_decay=0.1)
    for step, batch in enumerate(batches(rows, args.batch, args.steps, args.seed)):
        width = max(map(len, batch))
        ids = torch.tensor([row + [pad] * (width - len(row)) for row in batch], device=args.device)
        labels = ids.masked_fill(ids == pad, -100)
        for group in optimizer.param_groups:
            group["lr"] = rate(step, args.steps, args.rate)
        loss = model(input_ids=ids, attention_mask=(ids != pad).long(), labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 200 == 0 or step == args.steps - 1:
            print(f"step {step} loss {loss.item():.3f}", flush=True)


def train(args: argparse.Namespace) -> None:
    """Write the base's files: tokenizer, template, configuration and bf16 weights."""
    import torch

    torch.manual_seed(args.seed)
    into: Path = args.into
    into.mkdir(parents=True, exist_ok=True)
    lines = gzip.decompress(args.data.read_bytes()).decode().strip().split("\n")
    texts = [as_text(json.loads(line)) for line in lines]
    tokenizer = make_tokenizer(texts, into)
    rows = [tokenizer.encode(text).ids[:CONTEXT] for text in texts]
    model = make_model(tokenizer)
    fit(model, rows, tokenizer.token_to_id(PAD), args)
    model.generation_config.do_sample = False
    model.generation_config.max_new_tokens = 16
    model.to("cpu", torch.bfloat16).save_pretrained(into)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Make the demo's rows and base model.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    rows = verbs.add_parser("collect")
    rows.add_argument("--clinc", type=Path, required=True)
    rows.add_argument("--gsm8k", type=Path, required=True)
    rows.add_argument("--self-instruct", type=Path, required=True)
    rows.add_argument("--questions", type=int, default=4000)
    base = verbs.add_parser("train")
    base.add_argument("--data", type=Path, default=HERE / "pretrain.jsonl.gz")
    base.add_argument("--into", type=Path, default=HERE / "base")
    base.add_argument("--steps", type=int, default=2500)
    base.add_argument("--batch", type=int, default=64)
    base.add_argument("--rate", type=float, default=2e-3)
    base.add_argument("--seed", type=int, default=17)
    base.add_argument("--device", default="cpu")
    args = parser.parse_args()
    if args.verb == "train":
        return train(args)
    collect(args.clinc, args.gsm8k, args.self_instruct, args.questions)


if __name__ == "__main__":
    main()
