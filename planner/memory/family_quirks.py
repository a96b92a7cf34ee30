"""What the layers of some families keep otherwise than Llama's do.

Read from `transformers/models/<family>/modeling_<family>.py`, and compared with the tensors that
autograd saves in those classes (`tests/planner/memory/test_families.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from planner.models.families import FAMILIES


@dataclass(frozen=True)
class Habits:
    """How a family's layers differ in what they keep."""

    norm_bytes: int = 4
    """Bytes of an element that another norm keeps: RMSNorm its input in float32."""
    scale_bytes: int = 0
    """The same beside, where the norm's scale is trained; 0 for the activations' width."""
    post_norm: bool = False
    """Whether a norm stands behind the MLP, whose scale's gradient is made in float32."""
    weighs_in_float: bool = False
    """Whether a mixture's router weighs experts' outputs in float32."""
    fused_rotary: bool = False
    """Whether rotated queries and keys stand beside the one tensor that holds all three."""
    copied_output: bool = False
    """Whether attention's output is copied for the layer behind it (partial rotary embedding)."""
    score_bytes: int = 0
    """Bytes of an attention score that is written out; 0 under SDPA's fused kernels."""
    passing_bytes: int = 10
    """What such a score takes in passing, in the backward pass: its gradient in float32, the
    product with it that CUDA's softmax makes, and the gradient of what entered
    (`softmax_backward_cuda_out` in PyTorch's `aten/src/ATen/native/cuda/SoftMax.cu`)."""
    written_bytes: int = 14
    """What it takes at once in a forward pass."""
    product_tensors: int = 0
    """Tensors of the MLP's width that its product keeps; 0 for 3 with a gate and 1 without."""
    autocast_bytes: int = 0
    """Bytes in their place under a GPU's autocast, which takes `pow` to float32; 0 alike."""
    keeps_product: bool = False
    """Whether the activation function keeps what it gives (ReLU), which the next layer reads."""
    norm_floats: bool = False
    """Whether the norms are torch's LayerNorm as it is, which autocast computes in float32."""
    norm_casts: bool = False
    """Whether a LayerNorm casts what it reads to float32 by itself."""
    side_by_side: bool = False
    """Whether attention and MLP read one sum through a norm each."""
    own_linears: bool = False
    """Whether its linear layers are a class of its own, which bitsandbytes is not put in place of
    (`transformers/integrations/bitsandbytes.py`)."""
    dropouts: int = 0
    """Dropouts of width `hidden` in one layer that are on where nobody says otherwise."""
    packs: bool = True
    """Whether it tells rows apart that stand in one, by their positions
    (`tests/runner/training/test_packing.py` holds every family to it)."""


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
"""Families whose LayerNorm casts by itself and returns the activations' type."""


@cache
def habits(family: str) -> Habits:
    """Return a family's habits; Llama's for most."""
    found = _HABITS.get(family, _LLAMA)
    torchs = has_layer_norm(family) and family not in _OWN_LAYER_NORM
    return replace(found, norm_floats=torchs)


def writes_scores(family: str) -> bool:
    """Return whether attention writes its scores out: transformers refuses SDPA for the family."""
    return habits(family).score_bytes > 0


@cache
def has_layer_norm(family: str) -> bool:
    """Return whether the norms are torch's LayerNorm, which keeps its input as it is given."""
    return family in FAMILIES and FAMILIES[family].norm_vectors != 1
