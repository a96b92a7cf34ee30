"""How the memory of some families' layers differs from Llama's.

Read from `transformers/models/<family>/modeling_<family>.py`, and compared with the tensors that
autograd saves in those classes (`tests/planner/memory/test_families.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from planner.models.families import FAMILIES


@dataclass(frozen=True)
class Habits:
    """The differences of a family's layers in saved tensors."""

    norm_bytes: int = 4
    """Bytes per element that a norm saves; for RMSNorm, its input in float32."""
    scale_bytes: int = 0
    """Further bytes per element if the norm's scale is trained; 0 for the activations' width."""
    post_norm: bool = False
    """Whether there is a norm after the MLP, whose scale has a float32 gradient."""
    weighs_in_float: bool = False
    """Whether a mixture's router weights the experts' outputs in float32."""
    fused_rotary: bool = False
    """Whether rotated queries and keys exist besides the fused tensor of all three."""
    copied_output: bool = False
    """Whether attention's output is copied for the next layer (partial rotary embedding)."""
    score_bytes: int = 0
    """Saved bytes per attention score with eager attention; 0 with SDPA's fused kernels."""
    passing_bytes: int = 10
    """Temporary bytes per score in the backward pass: its float32 gradient, the product with it in
    CUDA's softmax, and the gradient of the softmax's input (PyTorch's `softmax_backward_cuda_out`
    in `aten/src/ATen/native/cuda/SoftMax.cu`)."""
    written_bytes: int = 14
    """Bytes per score that exist at once in a forward pass."""
    product_tensors: int = 0
    """Saved tensors of the MLP's width; 0 for the default: 3 with a gate, 1 without."""
    autocast_bytes: int = 0
    """Bytes of those under a GPU's autocast, which computes `pow` in float32; 0 for no change."""
    keeps_product: bool = False
    """Whether the activation function saves its output (ReLU), which the next layer reads."""
    norm_floats: bool = False
    """Whether the norms are torch's LayerNorm, which autocast computes in float32."""
    norm_casts: bool = False
    """Whether a LayerNorm casts its input to float32 by itself."""
    side_by_side: bool = False
    """Whether attention and MLP read the same sum, each through its own norm."""
    own_linears: bool = False
    """Whether its linear layers have their own class, which bitsandbytes does not replace
    (`transformers/integrations/bitsandbytes.py`)."""
    dropouts: int = 0
    """Dropouts of width `hidden` per layer that are on by default."""
    packs: bool = True
    """Whether it separates packed rows by their positions
    (`tests/runner/training/test_packing.py` checks every family)."""


_GEMMA = Habits(scale_bytes=4)
_POST_NORM = Habits(scale_bytes=4, post_norm=True)
_COHERE = Habits(norm_bytes=8, scale_bytes=4)
_PARTIAL = Habits(copied_output=True)
_GELU = Habits(product_tensors=4, autocast_bytes=14, dropouts=2)
_HABITS: Mapping[str, Habits] = {
    "bloom": Habits(score_bytes=6, packs=False),
    "cohere": _COHERE,
    "cohere2": _COHERE,
    "falcon": Habits(own_linears=True, packs=False),
    "gemma": _GEMMA,
    "gemma2": Habits(scale_bytes=4, post_norm=True, score_bytes=8, written_bytes=12),
    "gemma3_text": _POST_NORM,
    "glm": _PARTIAL,
    "glm4": Habits(post_norm=True, copied_output=True),
    "glm4_moe": Habits(weighs_in_float=True, copied_output=True),
    "gpt2": _GELU,
    "gpt_bigcode": Habits(dropouts=2),
    "gpt_neox": Habits(fused_rotary=True, copied_output=True, side_by_side=True),
    "gpt_oss": Habits(
        scale_bytes=4,
        score_bytes=2,
        passing_bytes=10,
        written_bytes=12,
        product_tensors=6,
        packs=False,
    ),
    "gptj": Habits(product_tensors=4, autocast_bytes=14, copied_output=True, score_bytes=6),
    "mixtral": Habits(weighs_in_float=True),
    "nemotron": _PARTIAL,
    "olmo": Habits(norm_casts=True),
    "olmo2": _POST_NORM,
    "olmo3": _POST_NORM,
    "opt": Habits(keeps_product=True, dropouts=2, packs=False),
    "phi": Habits(product_tensors=4, autocast_bytes=14, copied_output=True),
    "phi3": Habits(fused_rotary=True, copied_output=True),
    "stablelm": _PARTIAL,
}
_LLAMA = Habits()
_OWN_LAYER_NORM = ("nemotron", "olmo")
"""Families with their own LayerNorm, which casts and returns the activations' type."""


@cache
def habits(family: str) -> Habits:
    """Return the differences of a family; none for most."""
    found = _HABITS.get(family, _LLAMA)
    torchs = has_layer_norm(family) and family not in _OWN_LAYER_NORM
    return replace(found, norm_floats=torchs)


def writes_scores(family: str) -> bool:
    """Return whether attention is eager, since transformers has no SDPA for the family."""
    return habits(family).score_bytes > 0


@cache
def has_layer_norm(family: str) -> bool:
    """Return whether the norms are LayerNorms, which save their input in its own type."""
    return family in FAMILIES and FAMILIES[family].norm_vectors != 1
