"""How the memory of a family's layers may differ from Llama's."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Habits:
    """The differences of a family's layers in saved tensors."""

    norm_bytes: int = 4
    """Bytes per element that a norm saves; for RMSNorm, its input in float32."""
    scale_bytes: int = 0
    """Further bytes per element if the norm's scale is trained; 0 for the activations' width."""
    post_norm: bool = False
    """Whether there is a norm after the MLP, whose scale has a float32 gradient."""
    value_norm: bool = False
    """Whether values are normalized too, without a scale."""
    weighs_in_float: bool = False
    """Whether a mixture's router weights the experts' outputs in float32."""
    fused_rotary: bool = False
    """Whether rotated queries and keys exist besides the fused tensor of all three."""
    copied_output: bool = False
    """Whether attention's output is copied for the next layer (partial rotary embedding)."""
    gates_output: bool = False
    """Whether a sigmoid, given by the layer of the queries too, gates attention's output."""
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
    power_bytes: int = 12
    """Bytes of gradients that exist at once in the backward pass of that `pow`."""
    trained_bytes: int = 0
    """Further bytes per element where the parameters of the activation function are trained."""
    quantized_bytes: int = 0
    """Instead of `autocast_bytes`, where quantized layers return float32; 0 for no difference."""
    float_product: bool = False
    """Whether autocast leaves the product in float32: then quantized layers return float32, and so
    does the residual stream from the first MLP on."""
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
    masks_positions: bool = False
    """Whether a model holds a mask of all pairs of positions of its context, a byte each."""
    dropouts: int = 0
    """Dropouts of width `hidden` per layer that are on by default."""
    packs: bool = True
    """Whether it separates packed rows by their positions
    (`tests/runner/training/test_packing.py` checks every family)."""
    bounded: bool = True
    """Whether its attention gets the bounds of concatenated rows, and drops no scores by default
    (`tests/runner/training/test_padding_free.py` checks every family)."""
    windowed: bool = True
    """Whether its attention gets the window that its mask has, and no other."""
