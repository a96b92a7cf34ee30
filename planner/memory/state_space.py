"""The memory of a Mamba-2 layer without the kernels of `mamba-ssm`, in bytes per token.

Read from `mamba2_chunk_scan`, `segment_sum` and the mixer's `forward` in
`transformers/models/nemotron_h/modeling_nemotron_h.py`; the other families have copies of them. The
scan is in float32, but autocast computes its products between tokens in bfloat16.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from planner.models.shapes.blocks import Block
from planner.models.shapes.mixers import StateSpace
from planner.models.shapes.shape import Architecture
from planner.setup.setup import Profile


@dataclass(frozen=True)
class _Scan:
    """One layer in one plan; sizes are elements per token."""

    mixer: StateSpace
    width: int
    """Bytes of an element of the activations."""
    operand: int
    """Bytes of an element of the operands and results of products between tokens."""
    full: bool
    """Whether the layer's own tensors are trained."""
    chunks: int
    """Chunks of a row."""
    stretched: float
    """Tokens of a row that is padded to full chunks, of its own tokens."""

    @property
    def scores(self) -> int:
        """Pairs of tokens in a chunk, for each head."""
        return self.mixer.heads * self.mixer.chunk

    @property
    def repeated(self) -> int:
        """The input or output projection of the state, repeated for each head."""
        return self.mixer.heads * self.mixer.state

    @property
    def states(self) -> float:
        """States at the end of each chunk."""
        return self.mixer.inner * self.mixer.state / self.mixer.chunk

    @property
    def around(self) -> Mapping[str, float]:
        """Bytes of what exists before the scan."""
        mixer = self.mixer
        return {
            "projection": self.width * (mixer.inner + mixer.convolved + mixer.heads),
            "convolution": self.width * mixer.convolved,
        }

    @property
    def casts(self) -> bool:
        """Whether products get copies of their operands in a narrower type."""
        return self.operand < 4

    def total(self, parts: Mapping[str, float]) -> float:
        """Return the bytes per token of tensors of full chunks, and of those before the scan."""
        return self.stretched * sum(parts.values()) + sum(self.around.values())


def _scan(profile: Profile, block: Block) -> _Scan:
    mixer = block.mixer
    assert isinstance(mixer, StateSpace)
    chunks = -(-profile.length // mixer.chunk)
    return _Scan(
        mixer=mixer,
        width=profile.width,
        operand=profile.width if profile.autocast else 4,
        full=profile.method == "full",
        chunks=chunks,
        stretched=chunks * mixer.chunk / profile.length,
    )


def saved(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return what is saved for the backward pass."""
    scan = _scan(profile, block)
    return int(scan.total(_saved_by_scan(scan) | _saved_by_norm(scan)))


def _saved_by_scan(scan: _Scan) -> dict[str, float]:
    inner, each = scan.mixer.inner, scan.operand
    return {
        "decays between tokens": 4 * scan.scores,
        "scores, and their product with the decays": 2 * each * scan.scores,
        "repeated input projection": 4 * scan.repeated,
        "operands of the scores, of the states and of their outputs": 4 * each * scan.repeated,
        "values": 4 * inner,
        "values of the skip connection": 4 * inner if scan.full else 0,
        "values as operands, and outputs of the states": 3 * each * inner,
        "states": each * scan.states * ((scan.chunks + 1) / scan.chunks + 1),
        "steps and decays of each token": 7 * 4 * scan.mixer.heads,
    }


def _saved_by_norm(scan: _Scan) -> dict[str, float]:
    inner = scan.mixer.inner
    if not scan.mixer.normed:
        return {"output": 4 * inner, "activated gate": scan.width * inner}
    return {
        "output": 4 * inner,
        "gate": 4 * inner if scan.width < 4 else 0,
        "activated gate": 4 * inner,
        "gated output": 4 * inner,
        "normalized output": 4 * inner if scan.full else 0,
    }


def forward(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the peak of temporary tensors in a pass that saves nothing.

    It is where the states are computed, or at the sum of the scan's outputs.
    """
    scan = _scan(profile, block)
    inner, each = scan.mixer.inner, scan.operand
    standing = _written(scan) | {"convolved": scan.width * scan.mixer.convolved}
    moments = (
        {
            "operand of the states": (4 + each * scan.casts) * scan.repeated,
            "values as operand": (4 + each * scan.casts) * inner,
            "states": each * scan.states,
        },
        {"outputs of the states, their sum and its copy": (12 + each) * inner},
    )
    return int(max(scan.total(standing | moment) for moment in moments))


def _written(scan: _Scan) -> dict[str, float]:
    """Return the scan's local variables, which exist until it ends."""
    inner, each = scan.mixer.inner, scan.operand
    return {
        "decays, scores and their product": (8 + each) * scan.scores,
        "repeated projections, and the decayed one": 12 * scan.repeated,
        "skip connection and values": 8 * inner,
        "outputs within chunks": each * inner,
    }


def within(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the bytes at the end of the scan in a forward pass that saves, less all that the layer
    saves."""
    scan = _scan(profile, block)
    inner, each = scan.mixer.inner, scan.operand
    more = {
        "convolved": scan.width * scan.mixer.convolved,
        "product of decays and scores": 4 * scan.scores if scan.casts else 0,
        "output projection, and the decayed input projection": 8 * scan.repeated,
        "skip connection, values and outputs within chunks": (8 + each) * inner,
        "outputs of the states, their sum and its copy": 12 * inner,
        "states": each * scan.states * (scan.chunks + 1) / scan.chunks,
    }
    later = _saved_by_norm(scan)
    return int(scan.stretched * (sum(more.values()) - sum(later.values())))


def backward(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the peak in the backward pass, besides what is saved.

    It is at the end of the recomputed scan, or at the gradients of decays and scores.
    """
    scan = _scan(profile, block)
    inner, each = scan.mixer.inner, scan.operand
    left = {
        "decays and scores": (4 + each) * scan.scores,
        "gradients of both, and of their product": (12 + each * scan.casts) * scan.scores,
        "operands of the scores": 2 * each * scan.repeated,
        "gradients of repeated projections": 8 * scan.repeated,
        "values, and gradients of values and of the output": 12 * inner,
        "values of the skip connection": 4 * inner if scan.full else 0,
        "gradient of the gate": scan.width * inner,
    }
    kept = _saved_by_scan(scan) | _saved_by_norm(scan)
    differentiated = scan.stretched * (sum(left.values()) - sum(kept.values()))
    recomputed = within(shape, profile, block) if profile.checkpointing else 0
    attends = block.mixer is not None and block.mixer.attends
    if profile.quantised_bits and not attends:  # a gradient exists before the recomputation
        recomputed += 4 * inner
    return max(int(differentiated), recomputed)
