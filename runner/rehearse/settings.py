"""A plan's profile as the tables of a lock that the training stage reads."""

from lockfiles.lock import Method, Train
from planner.memory.family_quirks import attention
from planner.setup.setup import Profile


def method_of(profile: Profile) -> Method:
    """Return the method table. Values that do not affect memory are typical ones."""
    return Method.model_construct(
        kind=profile.method,
        rank=profile.rank,
        alpha=2 * profile.rank,
        dropout=profile.dropout,
        targets=list(profile.targets),
        bias=profile.bias,
    )


def train_of(profile: Profile, accumulation: int, family: str) -> Train:
    """Return the trainer's settings for one epoch without checkpoints."""
    optimizer = profile.optimizer
    if profile.fused and optimizer == "adamw_torch":
        optimizer = "adamw_torch_fused"
    return Train.model_construct(
        micro_batch=profile.micro_batch,
        accumulation=accumulation,
        epochs=1,
        learning_rate=1e-5,
        schedule="cosine",
        warmup_ratio=0.0,
        weight_decay=0.0,
        gradient_clip=1.0,
        optimizer=optimizer,
        dtype=profile.dtype,
        attention="varlen" if profile.attention == "varlen" else attention(family),
        pass_tokens=profile.pass_tokens,
        kernels=profile.kernels,
        base_products=profile.base_products,
        graph_sizes=[profile.in_passes().length] if profile.graph_sizes else [],
        checkpointing=profile.checkpointing,
        keep="last",
        evaluate_steps=1_000_000,
        seed=42,
    )
