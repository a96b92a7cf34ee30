"""What the layers of some families keep otherwise than Llama's do.

Read from `transformers/models/<family>/modeling_<family>.py`, and compared with the tensors that
autograd saves in those classes (`tests/planner/test_memory_families.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from planner.families import FAMILIES


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
    passing_bytes: int = 4
    """What such a score takes in passing, in the backward pass."""
    product_tensors: int = 0
    """Tensors of the MLP's width that its product keeps; 0 for 3 with a gate and 1 without."""
    autocast_bytes: int = 0
    """Bytes in their place under a GPU's autocast, which takes `pow` to float32; 0 alike."""


_GEMMA = Habits(scale_bytes=4)
_POST_NORM = Habits(scale_bytes=4, post_norm=True)
_COHERE = Habits(norm_bytes=8, scale_bytes=4)
_PARTIAL = Habits(copied_output=True)
_GELU = Habits(product_tensors=4, autocast_bytes=14)
_HABITS: Mapping[str, Habits] = {
    "bloom": Habits(product_tensors=4, autocast_bytes=14, score_bytes=3, passing_bytes=10),
    "cohere": _COHERE,
    "cohere2": _COHERE,
    "gemma": _GEMMA,
    "gemma2": Habits(scale_bytes=4, post_norm=True, score_bytes=8),
    "gemma3_text": _POST_NORM,
    "glm": _PARTIAL,
    "glm4": Habits(post_norm=True, copied_output=True),
    "glm4_moe": Habits(weighs_in_float=True, copied_output=True),
    "gpt2": _GELU,
    "gpt_neox": Habits(fused_rotary=True, copied_output=True),
    "gpt_oss": Habits(scale_bytes=4, score_bytes=2, passing_bytes=3, product_tensors=6),
    "gptj": Habits(product_tensors=4, autocast_bytes=14, copied_output=True, score_bytes=6),
    "mixtral": Habits(weighs_in_float=True),
    "nemotron": _PARTIAL,
    "olmo2": _POST_NORM,
    "olmo3": _POST_NORM,
    "phi": Habits(product_tensors=4, autocast_bytes=14, copied_output=True),
    "phi3": Habits(fused_rotary=True, copied_output=True),
    "stablelm": _PARTIAL,
}
_LLAMA = Habits()


def habits(family: str) -> Habits:
    """Return a family's habits; Llama's for most."""
    return _HABITS.get(family, _LLAMA)


def writes_scores(family: str) -> bool:
    """Return whether attention writes its scores out: transformers refuses SDPA for the family."""
    return habits(family).score_bytes > 0


@cache
def has_layer_norm(family: str) -> bool:
    """Return whether the norms are torch's LayerNorm, which keeps its input as it is given."""
    return family in FAMILIES and FAMILIES[family].norm_vectors != 1
