"""The optimizer of a plan, as transformers' trainer creates it."""

from typing import Any

import torch

from planner.setup.setup import Profile


def optimizer(model: torch.nn.Module, profile: Profile) -> Any:
    """Return torch's AdamW, or bitsandbytes' if the plan keeps its states in 8 bits."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if profile.optimizer.endswith("8bit"):
        return _in_eight_bits(model, trained, profile)
    fused = profile.fused or profile.optimizer == "adamw_torch_fused"
    way = {"fused": True} if fused else {"foreach": profile.device == "cuda"}
    return torch.optim.AdamW(trained, lr=1e-4, **way)  # type: ignore[arg-type]


def _in_eight_bits(model: torch.nn.Module, trained: list[Any], profile: Profile) -> Any:
    """Return bitsandbytes' AdamW; the trainer keeps states of embeddings in 32 bits."""
    from bitsandbytes import optim

    eight_bit: Any = optim
    manager = eight_bit.GlobalOptimManager.get_instance()
    manager.initialize()
    for module in model.modules():
        if isinstance(module, torch.nn.Embedding):
            manager.register_module_override(module, "weight", {"optim_bits": 32})
    paged = profile.optimizer.startswith("paged")
    return eight_bit.AdamW(trained, lr=1e-4, optim_bits=8, is_paged=paged)
