"""Scores on held-out rows: mean loss of the scored tokens, and exact match of the greedy answer."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from lockfiles.receipt import Score
from runner.evaluation.turns import Turns

_UNSCORED = -100
CPU_ROWS, CARD_ROWS = 32, 256
"""Rows of a batch, at most. A card takes about as long for the answers to many rows as to one."""
MOST_TOKENS = 16_384
"""Tokens of a batch of several rows, at most, including padding: their keys and values take a few
GiB."""
LOGITS_BYTES = 1 << 30
"""Logits that are computed for several rows, and that are scored at a time, at most."""


@dataclass(frozen=True)
class Question:
    """One held-out row, encoded."""

    input_ids: Sequence[int]
    labels: Sequence[int]
    """-100 where a token is not scored; the last scored span is the answer."""

    @property
    def answer_begins(self) -> int:
        """The index of the answer's first token: the start of the last scored span."""
        last = max(n for n, label in enumerate(self.labels) if label != _UNSCORED)
        while last > 0 and self.labels[last - 1] != _UNSCORED:
            last -= 1
        return last


def evaluate(
    model: PreTrainedModel | None,
    questions: Sequence[Question],
    *,
    pad_id: int,
    end_ids: Sequence[int],
    batch: int | None = None,
    turns: Turns | None = None,
    on_progress: Callable[[int], None] = lambda done: None,
) -> Score:
    """Score a model on held-out rows; with several processes, a collective call.

    An answer is correct if the greedy tokens up to the first of `end_ids` equal the row's. `batch`
    is the greatest number of rows at a time; None leaves it to the machine. `turns` says which
    batches this process computes; `model` is None where it computes none. The batches, and the
    order in which their losses are added, do not depend on the number of processes. `on_progress`
    is called with the number of rows done by all of them after each turn. Raises ValueError without
    rows.
    """
    if not questions:
        raise ValueError("there are no held-out rows to evaluate on")

    def scored(rows: Sequence[Question]) -> tuple[list[float], float, int]:
        assert model is not None
        return _scored(model, rows, most_rows, pad_id, end_ids)

    most_rows = batch or (CARD_ROWS if torch.cuda.is_available() else CPU_ROWS)
    batches = list(_batches(_by_length(questions), most_rows, MOST_TOKENS))
    loss, tokens, right, done, rows = 0.0, 0.0, 0, 0, iter(batches)
    for results in (turns or Turns()).over(batches, scored):
        for some_losses, some_tokens, some_right in results:
            for some in some_losses:
                loss += some
            tokens, right = tokens + some_tokens, right + some_right
            done += len(next(rows))
        on_progress(done)
    return Score(loss=loss / tokens, accuracy=right / len(questions), rows=len(questions))


def greatest_batch_tokens(questions: Sequence[Question], most_rows: int) -> int:
    """Return the tokens of the greatest batch of an evaluation, including padding."""
    batches = _batches(_by_length(questions), most_rows, MOST_TOKENS)
    return max(len(rows) * len(rows[-1].input_ids) for rows in batches)


@torch.inference_mode()
def _scored(
    model: PreTrainedModel,
    rows: Sequence[Question],
    most_rows: int,
    pad_id: int,
    end_ids: Sequence[int],
) -> tuple[list[float], float, int]:
    """Return of a batch the summed losses of its parts, its scored tokens and its right answers."""
    model.eval()
    parts = _batches(rows, most_rows, LOGITS_BYTES // _bytes_per_token(model))
    losses, tokens = zip(*(_loss(model, some, pad_id) for some in parts), strict=True)
    return list(losses), sum(tokens), _right(model, rows, pad_id, end_ids)


def _by_length(questions: Sequence[Question]) -> list[Question]:
    return sorted(questions, key=lambda question: len(question.input_ids))


def _batches(
    by_length: Sequence[Question], most_rows: int, most_tokens: int
) -> Iterator[list[Question]]:
    """Yield batches of rows, the shortest first, with so many tokens at most; a longer row is a
    batch by itself."""
    batch: list[Question] = []
    for row in by_length:
        padded = (len(batch) + 1) * len(row.input_ids)
        if batch and (len(batch) == most_rows or padded > most_tokens):
            yield batch
            batch = []
        batch.append(row)
    yield batch


def _bytes_per_token(model: PreTrainedModel) -> int:
    """Return the bytes of a token's logits."""
    words: int = model.config.get_text_config().vocab_size
    width: int = model.dtype.itemsize
    return words * width


def _loss(model: PreTrainedModel, rows: Sequence[Question], pad_id: int) -> tuple[float, float]:
    """Return the summed cross-entropy in nats and the number of scored tokens."""
    ids = _padded([row.input_ids for row in rows], pad_id, left=False)
    labels = _padded([row.labels for row in rows], _UNSCORED, left=False)
    mask = _padded([[1] * len(row.input_ids) for row in rows], 0, left=False)
    logits = model(input_ids=ids.to(model.device), attention_mask=mask.to(model.device)).logits
    target = labels[:, 1:].to(model.device)
    most = max(1, LOGITS_BYTES // (4 * len(rows) * logits.shape[-1]))
    losses = 0.0
    for first in range(0, target.shape[1], most):
        wanted = target[:, first : first + most]
        some = logits[:, first : first + wanted.shape[1]].float()
        losses += float(
            torch.nn.functional.cross_entropy(
                some.flatten(0, 1), wanted.flatten(), ignore_index=_UNSCORED, reduction="sum"
            )
        )
    return losses, float((target != _UNSCORED).sum())


def _right(
    model: PreTrainedModel, rows: Sequence[Question], pad_id: int, end_ids: Sequence[int]
) -> int:
    prompts = [list(row.input_ids[: row.answer_begins]) for row in rows]
    answers = [_until_end(row.input_ids[row.answer_begins :], end_ids) for row in rows]
    ids = _padded(prompts, pad_id, left=True).to(model.device)
    mask = _padded([[1] * len(prompt) for prompt in prompts], 0, left=True).to(model.device)
    output = model.generate(
        input_ids=ids,
        attention_mask=mask,
        max_new_tokens=max(map(len, answers)) + 1,
        do_sample=False,
        pad_token_id=pad_id,
        eos_token_id=list(end_ids),
    )
    greedy = [_until_end(row, end_ids) for row in output[:, ids.shape[1] :].tolist()]
    return sum(mine == right for mine, right in zip(greedy, answers, strict=True))


def _until_end(ids: Sequence[int], end_ids: Sequence[int]) -> list[int]:
    end = next((n for n, token in enumerate(ids) if token in end_ids), len(ids))
    return list(ids[:end])


def _padded(rows: Sequence[Sequence[int]], fill: int, *, left: bool) -> torch.Tensor:
    width = max(map(len, rows))
    filled = [[fill] * (width - len(row)) for row in rows]
    pairs = zip(filled, rows, strict=True)
    return torch.tensor([[*pad, *row] if left else [*row, *pad] for pad, row in pairs])
