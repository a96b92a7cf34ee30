"""One training step of a real model class, with nothing in its tensors."""

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from planner.memory.habits import writes_scores
from planner.profile import Profile
from runner.trace.as_gpu import as_gpu, as_resident, recomputing, whole_rows
from runner.trace.live import Live


def peaks(config: Mapping[str, Any], profile: Profile, depth: int) -> dict[str, int]:
    """Return the most bytes that live in each moment of a step at `depth` layers.

    The step is the second one, when AdamW's states exist; gradients stand in its forward pass
    where it sums several micro-batches, and an evaluation follows it.
    """
    gpu = profile.device == "cuda"
    live = Live(as_gpu=gpu)
    model = built(config, profile, depth)
    vocabulary = model.get_output_embeddings().weight.shape[0]
    with FakeTensorMode(), whole_rows(), as_gpu() if gpu else as_resident(vocabulary):
        on_cpu(model)
        live.see((*model.parameters(), *model.buffers()))
        with live:
            steps(model, profile, live)
    return {name: size for name, size in live.peaks.items() if not name.startswith("first")}


def built(config: Mapping[str, Any], profile: Profile, depth: int) -> Any:
    """Return the model of a plan with `depth` layers, on torch's meta device."""
    with torch.device("meta"):
        return _adapted(_base(config, profile, depth), profile)


def steps(model: Any, profile: Profile, live: Live) -> None:
    """Run two steps and an evaluation, and tell `live` each moment."""
    trained = [p for p in model.parameters() if p.requires_grad]
    fused = profile.fused or profile.optimizer == "adamw_torch_fused"
    way = {"fused": True} if fused else {"foreach": profile.device == "cuda"}
    optimizer = torch.optim.AdamW(trained, lr=1e-4, **way)  # type: ignore[arg-type]
    with _hooked(model, live) as before:
        for before[0] in ("first ", ""):
            for _ in range(2 if profile.accumulates else 1):
                _micro_step(model, profile, live, before[0])
            live.enter(before[0] + "optimizer")
            torch.nn.utils.clip_grad_norm_(trained, 1.0, foreach=profile.device == "cuda")
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
    live.enter("evaluation")
    model.eval()
    with torch.no_grad():
        _loss(model, profile)


def _micro_step(model: Any, profile: Profile, live: Live, before: str) -> None:
    model.train()
    live.enter(before + "forward")
    loss = _loss(model, profile)
    live.enter(before + "backward: loss head")
    loss.backward()


def _loss(model: Any, profile: Profile) -> Any:
    """Return the loss as TRL 1.16's SFTTrainer computes it (`SFTTrainer.compute_loss`)."""
    shape = (profile.micro_batch, profile.length)
    rows = {name: torch.ones(shape, dtype=torch.int64) for name in ("input_ids", "labels")}
    if profile.masked:
        rows["attention_mask"] = torch.ones(shape, dtype=torch.int64)
    with torch.autocast("cpu", torch.bfloat16, enabled=profile.autocast):
        outputs = model(**rows, use_cache=False, fused_lm_head=True)
    return -outputs.log_probs.sum() / outputs.label_mask.sum().clamp(min=1)


@contextlib.contextmanager
def _hooked(model: Any, live: Live) -> Iterator[list[str]]:
    """Begin a moment of `live` where the gradient reaches the last layer, and the first."""
    before = [""]
    stack = max(
        (m for m in model.modules() if isinstance(m, torch.nn.ModuleList)),
        key=lambda found: sum(p.numel() for p in found.parameters()),
    )

    def follow(layer: torch.nn.Module, moment: str) -> Any:
        def reached(module: object, args: object, output: Any) -> None:
            out = output[0] if isinstance(output, tuple) else output
            if out.requires_grad:
                out.register_hook(lambda gradient: live.enter(before[0] + moment))

        return layer.register_forward_hook(reached)

    handles = [follow(stack[-1], "backward: last layer"), follow(stack[0], "backward: first layer")]
    try:
        yield before
    finally:
        for handle in handles:
            handle.remove()


def _base(config: Mapping[str, Any], profile: Profile, depth: int) -> Any:
    from transformers import AutoModelForCausalLM
    from trl.trainer.utils import add_fused_lm_head

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = AutoModelForCausalLM.from_config(
            configuration(config, depth),
            dtype=getattr(torch, profile.dtype),
            attn_implementation="eager" if writes_scores(config["model_type"]) else None,
            trust_remote_code=False,
        )
    add_fused_lm_head(model, outputs=("log_probs", "entropy", "is_top1"))
    if profile.checkpointing:
        again = {"context_fn": recomputing} if profile.device == "cuda" else {}
        model.activation_checkpointing_enable({"use_reentrant": False, **again})
    return model


def configuration(config: Mapping[str, Any], depth: int) -> Any:
    """Return the real class's configuration of a model with `depth` layers."""
    from transformers import CONFIG_MAPPING

    fields = dict(config)
    built = CONFIG_MAPPING[fields.pop("model_type")](**fields).get_text_config()
    changed = built.to_dict() | {built.attribute_map.get(_DEPTH, _DEPTH): depth}
    if isinstance(types := changed.get("layer_types"), list):
        changed["layer_types"] = types[:depth]
    return type(built)(**changed)


_DEPTH = "num_hidden_layers"


def _adapted(model: Any, profile: Profile) -> Any:
    """Wrap the model in LoRA, as PEFT does under TRL's trainer."""
    if profile.method == "full":
        return model
    from peft import LoraConfig, get_peft_model

    adapter = LoraConfig(
        r=profile.rank,
        lora_alpha=2 * profile.rank,
        lora_dropout=profile.dropped,
        target_modules=list(profile.targets),
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(model, adapter, low_cpu_mem_usage=True)
    if profile.checkpointing:
        model.enable_input_require_grads()
    return model


def on_cpu(model: torch.nn.Module) -> None:
    """Turn tensors of the meta device into fake ones on CPU; what is shared stays shared."""
    made: dict[torch.Tensor, Any] = {}
    for module in model.modules():
        for held in (module._parameters, module._buffers):
            for name, tensor in held.items():
                if tensor is not None and tensor not in made:
                    fake = torch.empty(tensor.shape, dtype=tensor.dtype)
                    trained = isinstance(tensor, torch.nn.Parameter)
                    needs = tensor.requires_grad
                    made[tensor] = torch.nn.Parameter(fake, needs) if trained else fake
                if tensor is not None:
                    held[name] = made[tensor]
