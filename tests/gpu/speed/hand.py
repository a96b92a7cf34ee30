"""What a person writes who knows the card: torch, transformers, PEFT and TRL, without the runner.

Rows of a step are concatenated in as few passes as the table's limit allows, torch's flash
attention reads their bounds, layers are compiled, the head is TRL's, and adapters have no dropout.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any

import torch

from planner.data.tokens.example import COMPLETION, IGNORED
from planner.data.tokens.order import epoch_order
from tests.gpu.speed import models, watch
from tests.gpu.speed import rows as same
from tests.gpu.speed.line import WARM, Line

ON_CARD = torch.cuda.is_available()
DEVICE = "cuda" if ON_CARD else "cpu"
NAME = "hand"
Pass = list[int]


def hand(line: Line, steps: int) -> dict[str, Any]:
    """Return the line of the hand-written training."""
    clock, of = watch.Clock(), same.lengths(line)
    model = _model(line)
    ids = [torch.tensor(row[COMPLETION].input_ids) for row in same.rows(line, of)]
    each = line.step_rows or round(line.step_tokens * len(of) / sum(of))
    order = epoch_order(len(of), 17, 0)
    every = [order[at : at + each] for at in range(0, len(order), each)]
    laid = [list(_passes([of[row] for row in step], step, line.most_tokens)) for step in every]
    trained = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(trained, 2e-4, fused=ON_CARD)
    clock.begin()
    greatest = max((one for step in laid for one in step), key=lambda one: sum(of[r] for r in one))
    _backward(model, [ids[row] for row in greatest], sum(of[row] for row in greatest))
    optimizer.zero_grad()
    for step in laid[: WARM + steps]:
        scored = sum(of[row] - 1 for one in step for row in one)
        for one in step:
            _backward(model, [ids[row] for row in one], scored)
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        clock.step()
    tokens = [sum(of[row] for row in step) for step in every]
    most = max(map(len, laid))
    said = {
        "settings": f"{each} rows, compiled, varlen, passes of {line.most_tokens}, {most} a step"
    }
    return watch.result(line, clock, tokens, of, said)


def _model(line: Line) -> Any:
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
    from trl.trainer.utils import add_fused_lm_head

    model = models.model_of(line, models.settings(line))
    ALL_ATTENTION_FUNCTIONS.register(NAME, attention)
    ALL_MASK_ATTENTION_FUNCTIONS.register(NAME, lambda *_, **__: None)
    model.set_attn_implementation(NAME)
    add_fused_lm_head(model)
    layers = list(model.get_decoder().layers)
    if line.method != "full":
        model = _adapted(line, model)
    for layer in layers if ON_CARD else ():
        layer.compile(dynamic=True)
    return model.train()


def _adapted(line: Line, model: Any) -> Any:
    """Return a model with adapters, in bf16 on a quantized base as TRL has them."""
    from peft import LoraConfig, get_peft_model

    own = LoraConfig(
        task_type="CAUSAL_LM", r=models.RANK, lora_alpha=2 * models.RANK, lora_dropout=0.0,
        target_modules="all-linear",
    )  # fmt: skip
    found = get_peft_model(model, own)
    for parameter in found.parameters():
        if parameter.requires_grad and line.method == "qlora":
            parameter.data = parameter.data.to(torch.bfloat16)
    return found


def _passes(lengths: Sequence[int], step: Sequence[int], most: int) -> Iterator[Pass]:
    """Yield the rows of each pass of a step, about equal in tokens."""
    count = -(-sum(lengths) // most)
    while True:
        found: list[Pass] = [[] for _ in range(count)]
        sums = [0] * count
        for at in sorted(range(len(lengths)), key=lambda at: -lengths[at]):
            place = sums.index(min(sums))
            found[place].append(step[at])
            sums[place] += lengths[at]
        if max(sums) <= most:
            yield from filter(None, found)
            return
        count += 1


def _backward(model: Any, rows: Sequence[torch.Tensor], scored: int) -> None:
    """Add the gradients of one pass."""
    ids = torch.cat(list(rows))
    labels, positions = ids.clone(), torch.cat([torch.arange(len(row)) for row in rows])
    labels[positions == 0] = IGNORED
    bounds = torch.tensor([0, *accumulate(map(len, rows))], dtype=torch.int32)
    moved = {
        "input_ids": ids[None], "labels": labels[None], "position_ids": positions[None],
        "cu_seq_lens_q": bounds,
    }  # fmt: skip
    given = {name: one.to(DEVICE, non_blocking=True) for name, one in moved.items()}
    with torch.autocast(DEVICE, torch.bfloat16, enabled=ON_CARD):
        found = model(**given, max_length_q=same.LONGEST, use_cache=False, fused_lm_head=True)
        loss = -found.log_probs.sum() / scored
    loss.backward()


def attention(
    module: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
    attention_mask: None, scaling: float | None = None, cu_seq_lens_q: torch.Tensor | None = None,
    max_length_q: int = 0, **_: Any,
) -> tuple[torch.Tensor, None]:  # fmt: skip
    assert cu_seq_lens_q is not None
    q, k, v = (one[0].transpose(0, 1) for one in (query, key, value))
    if ON_CARD:
        from torch.nn.attention.varlen import varlen_attn

        shared: dict[str, Any] = {"scale": scaling, "window_size": (-1, 0)}
        if "enable_gqa" in (varlen_attn.__kwdefaults__ or {}):
            shared["enable_gqa"] = True
        longest = max_length_q
        found = varlen_attn(q, k, v, cu_seq_lens_q, cu_seq_lens_q, longest, longest, **shared)
        assert isinstance(found, torch.Tensor)
        return found[None], None
    parts = []
    for first, last in pairwise(cu_seq_lens_q.tolist()):
        a, b, c = (part[first:last].transpose(0, 1)[None] for part in (q, k, v))
        found = torch.nn.functional.scaled_dot_product_attention(
            a, b, c, is_causal=True, scale=scaling, enable_gqa=True
        )
        parts.append(found[0].transpose(0, 1))
    return torch.cat(parts)[None], None
