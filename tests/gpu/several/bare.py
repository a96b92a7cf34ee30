"""What a person writes with the same engine: torch, transformers and PEFT, without the runner.

torch's DistributedDataParallel, DeepSpeed's ZeRO or torch's `fully_shard`; the same rows in the
same micro-batches or passes, in the same types, with the same attention, loss head and optimizer as
the runner. So the difference of two step times is what the runner adds.
"""

import json
import math
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch._C._distributed_c10d import FileStore

from planner.data.tokens import layout
from planner.data.tokens.example import COMPLETION, IGNORED
from tests import held
from tests.gpu.several.busy import Busy
from tests.gpu.speed import hand
from tests.ranks import Case, order, rows_of

ON_CARD = torch.cuda.is_available()
DEVICE = "cuda" if ON_CARD else "cpu"
Batch = dict[str, Any]


def main(case: Case, folder: Path) -> None:
    """Train as one process of a case and leave its measurements in a folder."""
    rank = int(os.environ.get("RANK", "0"))
    if ON_CARD:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    if case.engine != "single":
        store = FileStore(str(folder / "group"), case.ranks)
        backend = "cpu:gloo,cuda:nccl" if ON_CARD else "gloo"
        dist.init_process_group(backend, store=store, rank=rank, world_size=case.ranks)
    training = _engine(case)
    sent, first = [], dict[str, int]()
    busy = Busy() if case.profiled else None
    began = _now()
    for number, batches in enumerate(_steps(case, rank), 1):
        training.lr(_rate(case, number))
        loss = training.step(batches)
        if case.engine != "single":
            dist.all_reduce(loss)
        ended, value = _now(), float(loss)
        sent.append({
            "kind": "step", "step": number, "loss": value, "step_seconds": ended - began,
            "tokens": int(batches[0]["tokens"]),
        })  # fmt: skip
        if busy:
            busy.step(number)
        first = first or held.memory(reset=True)
        began = _now()
    found = {
        "events": sent, "steps": len(sent), "first": first,
        "shares": held.shares(training.wrapped, training.model, training.optimizer),
        **held.memory(), **({"busy": busy.found} if busy else {}),
    }  # fmt: skip
    (folder / f"rank-{rank}.json").write_text(json.dumps(found))
    if case.engine != "single":
        dist.barrier(device_ids=[torch.cuda.current_device()] if ON_CARD else None)
        dist.destroy_process_group()


def _now() -> float:
    if ON_CARD:
        torch.cuda.synchronize()
    return time.monotonic()


def _rate(case: Case, step: int) -> float:
    """Return the learning rate of a step: warm-up, then a cosine."""
    train = case.train
    warm = math.ceil(train.warmup_ratio * case.steps)
    made = step - 1
    if made < warm:
        return train.learning_rate * made / warm
    return train.learning_rate * (1 + math.cos(math.pi * (made - warm) / (case.steps - warm))) / 2


def _steps(case: Case, rank: int) -> Iterator[list[Batch]]:
    """Yield the batches of this rank in each step, in main memory; each has the scored tokens and
    all tokens of the complete step."""
    rows = [row[COMPLETION] for row in rows_of(case)]
    ids = [torch.tensor(row.input_ids) for row in rows]
    labels = [torch.tensor(row.labels) for row in rows]
    lengths, every = [len(row) for row in ids], order(case)(0)
    for at in range(0, len(every), case.step_rows):
        step = every[at : at + case.step_rows]
        whole = {
            "scored": sum(int((labels[row][1:] != IGNORED).sum()) for row in step),
            "tokens": sum(lengths[row] for row in step),
        }
        each = case.step_rows // case.ranks
        if case.pass_tokens:
            laid = layout.passes([lengths[row] for row in step], case.pass_tokens, case.ranks)
            mine = [[step[row] for row in one] for one in laid[rank :: case.ranks]]
            yield [_joined([ids[r] for r in one], [labels[r] for r in one], whole) for one in mine]
            continue
        mine = [step[a : a + case.micro_batch] for a in range(0, len(step), case.micro_batch)]
        yield [
            {
                "input_ids": torch.stack([ids[row] for row in one]),
                "labels": torch.stack([labels[row] for row in one]),
                **whole,
            }
            for one in mine[rank * each // case.micro_batch :][: each // case.micro_batch]
        ]  # fmt: skip


def _joined(ids: Sequence[torch.Tensor], labels: Sequence[torch.Tensor], whole: Batch) -> Batch:
    """Return a padding-free pass of rows."""
    positions = torch.cat([torch.arange(len(row)) for row in ids])
    wanted = torch.cat(list(labels))
    wanted[positions == 0] = IGNORED
    return {
        "input_ids": torch.cat(list(ids))[None], "labels": wanted[None],
        "position_ids": positions[None], **whole,
        "cu_seq_lens_q": torch.tensor([0, *accumulate(map(len, ids))], dtype=torch.int32),
        "max_length_q": max(map(len, ids)),
    }  # fmt: skip


class Plain:
    """One process, or torch's DistributedDataParallel."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.model = self.wrapped = self._made()
        self.trained = [one for one in self.model.parameters() if one.requires_grad]
        self.optimizer = _optimizer(case, self.model)
        self._finish()

    def _made(self) -> Any:
        return _model(self.case, {"": torch.cuda.current_device()} if ON_CARD else None)

    def _finish(self) -> None:
        if self.case.engine == "ddp":
            self.wrapped = torch.nn.parallel.DistributedDataParallel(
                self.model, broadcast_buffers=False, gradient_as_bucket_view=True
            )

    def lr(self, rate: float) -> None:
        """Set the learning rate."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def step(self, batches: Sequence[Batch]) -> torch.Tensor:
        """Make an optimizer step, and return this rank's part of its loss."""
        losses = [self._passed(one, last=one is batches[-1]) for one in batches]
        torch.nn.utils.clip_grad_norm_(self.trained, self.case.train.gradient_clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return torch.stack(losses).sum() / self.case.ranks

    def _passed(self, batch: Batch, *, last: bool) -> torch.Tensor:
        waits = self.case.engine == "ddp" and not last
        with self.wrapped.no_sync() if waits else nullcontext():
            loss = self._loss(batch)
            loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def _loss(self, batch: Batch) -> torch.Tensor:
        """Return the loss of a batch; engines average gradients over the ranks."""
        wide = {key: one for key, one in batch.items() if key not in ("scored", "tokens")}
        given = {
            key: one.to(DEVICE, non_blocking=True) if isinstance(one, torch.Tensor) else one
            for key, one in wide.items()
        }
        cast = ON_CARD and self.case.engine in ("single", "ddp")
        with torch.autocast(DEVICE, torch.bfloat16, enabled=cast):
            found = self.wrapped(**given, use_cache=False, fused_lm_head=True)
            loss: torch.Tensor = -found.log_probs.sum() / batch["scored"] * self.case.ranks
        return loss


class Fsdp(Plain):
    """torch's `fully_shard`, layer by layer."""

    def _made(self) -> Any:
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import (
            CPUOffloadPolicy,
            MixedPrecisionPolicy,
            OffloadPolicy,
            fully_shard,
        )

        model = _model(self.case, None)
        mesh = init_device_mesh(DEVICE, (self.case.ranks,))
        kept = CPUOffloadPolicy(ON_CARD) if self.case.offload != "none" else OffloadPolicy()
        policy = MixedPrecisionPolicy(param_dtype=getattr(torch, self.case.train.dtype))
        for one in model.parameters():
            if one.requires_grad:
                one.data = one.data.float()
        for part in (*_layers(model), model):
            fully_shard(part, mesh=mesh, mp_policy=policy, offload_policy=kept)
        for module in model.modules():
            for name, one in module.named_buffers(recurse=False):
                module._buffers[name] = one.to(DEVICE)
        return model


class DeepSpeed(Plain):
    """DeepSpeed's ZeRO."""

    def _made(self) -> Any:
        os.environ["DS_ACCELERATOR"] = "cuda" if ON_CARD else "cpu"
        import deepspeed
        from transformers.integrations.deepspeed import HfDeepSpeedConfig

        if not ON_CARD:  # it would compile its own exchange in shared memory
            deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
        deepspeed.init_distributed("nccl" if ON_CARD else "gloo", verbose=False)
        self._config = _zero(self.case)
        shares = self._config["zero_optimization"]["stage"] == 3
        kept = HfDeepSpeedConfig(self._config) if shares else None
        place = {"": torch.cuda.current_device()} if ON_CARD and not shares else None
        found = _model(self.case, place)
        del kept
        return found

    def _finish(self) -> None:
        import deepspeed

        self.wrapped, self.optimizer, *_ = deepspeed.initialize(
            model=self.model, optimizer=self.optimizer, config=self._config
        )

    def step(self, batches: Sequence[Batch]) -> torch.Tensor:
        """Make an optimizer step, and return this rank's part of its loss."""
        losses = [self._passed(one, last=one is batches[-1]) for one in batches]
        return torch.stack(losses).sum() / self.case.ranks

    def _passed(self, batch: Batch, *, last: bool) -> torch.Tensor:
        loss = self._loss(batch)
        if self.case.pass_tokens:
            self.wrapped.set_gradient_accumulation_boundary(last)
        self.wrapped.backward(loss, scale_wrt_gas=False)
        self.wrapped.step()
        return loss.detach()


def _zero(case: Case) -> dict[str, Any]:
    """Return DeepSpeed's configuration, with what a plan sizes as it is for the runner."""
    train, stage = case.train, int(case.engine.removeprefix("zero"))
    moved = {"device": "cpu", "pin_memory": ON_CARD}
    zero: dict[str, Any] = {"stage": stage, "reduce_bucket_size": case.bucket}
    zero |= {"allgather_bucket_size": case.bucket}
    if stage == 3:
        zero |= {"stage3_prefetch_bucket_size": case.prefetch}
        zero |= {"stage3_param_persistence_threshold": case.persistent}
    zero |= {"offload_optimizer": moved} if case.offload != "none" else {}
    zero |= {"offload_param": moved} if case.offload == "all" else {}
    micro, every = train.micro_batch, 1 if case.pass_tokens else train.accumulation
    return {
        "train_micro_batch_size_per_gpu": micro, "gradient_accumulation_steps": every,
        "train_batch_size": micro * every * case.ranks, "gradient_clipping": train.gradient_clip,
        "bf16": {"enabled": train.dtype == "bfloat16"}, "zero_optimization": zero,
        "zero_allow_untested_optimizer": True, "zero_force_ds_cpu_optimizer": False,
        "steps_per_print": 1 << 62,
    }  # fmt: skip


def _engine(case: Case) -> Plain:
    if case.engine == "fsdp2":
        return Fsdp(case)
    return DeepSpeed(case) if case.engine.startswith("zero") else Plain(case)


def _layers(model: Any) -> list[Any]:
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return list(inner.get_decoder().layers)


def _optimizer(case: Case, model: Any) -> Any:
    """Return AdamW, which decays matrices only."""
    trained = [one for one in model.parameters() if one.requires_grad]
    wide = [one for one in trained if len(getattr(one, "ds_shape", one.shape)) > 1]
    narrow = [one for one in trained if len(getattr(one, "ds_shape", one.shape)) < 2]
    groups = [{"params": wide, "weight_decay": case.train.weight_decay}]
    groups += [{"params": narrow, "weight_decay": 0.0}] if narrow else []
    fused = case.train.optimizer == "adamw_torch_fused"
    return torch.optim.AdamW(groups, case.train.learning_rate, fused=fused)


def _model(case: Case, place: Any) -> Any:
    """Return the model, with adapters where they are trained."""
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig, set_seed
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
    from trl.trainer.utils import add_fused_lm_head

    set_seed(case.train.seed)
    ALL_ATTENTION_FUNCTIONS.register(hand.NAME, hand.attention)
    ALL_MASK_ATTENTION_FUNCTIONS.register(hand.NAME, lambda *_, **__: None)
    dtype = getattr(torch, case.train.dtype)
    packed = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )  # fmt: skip
    model = AutoModelForCausalLM.from_pretrained(
        case.base, dtype=dtype, device_map=place,
        attn_implementation=hand.NAME if case.pass_tokens else "sdpa",
        quantization_config=packed if case.method == "qlora" else None,
    )  # fmt: skip
    add_fused_lm_head(model)
    model.train()
    if case.method != "full":
        model = _adapted(case, model)
    if case.train.checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    if case.train.kernels == "compiled":
        torch._dynamo.config.specialize_float = True
        for layer in _layers(model):
            layer.compile(dynamic=True)
    return model


def _adapted(case: Case, model: Any) -> Any:
    """Return a model with adapters, in bf16 on a quantized base as TRL has them."""
    from peft import LoraConfig, get_peft_model

    own = LoraConfig(
        task_type="CAUSAL_LM", r=case.rank, lora_alpha=2 * case.rank, lora_dropout=0.0,
        target_modules=list(case.targets),
    )  # fmt: skip
    found = get_peft_model(model, own)
    for one in found.parameters():
        if one.requires_grad and case.method == "qlora":
            one.data = one.data.to(torch.bfloat16)
    return found
