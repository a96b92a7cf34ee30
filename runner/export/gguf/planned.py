"""The tensors of a GGUF file, rearranged from those of a model folder and read one at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice
from planner.gguf import family
from planner.gguf.check import Exportable
from runner.export.gguf.checkpoint import Stored

Kind = gguf.GGMLQuantizationType
PACKED = {
    "f32": (gguf.LlamaFileType.ALL_F32, Kind.F32),
    "f16": (gguf.LlamaFileType.MOSTLY_F16, Kind.F16),
    "q8_0": (gguf.LlamaFileType.MOSTLY_Q8_0, Kind.Q8_0),
}
"""File and tensor types that numpy can pack; f32 is not a level but a reference for comparisons."""


@dataclass(frozen=True)
class Planned:
    """One tensor of the GGUF file, read on demand."""

    name: str
    """Name in the GGUF file."""
    source: str
    """Name in the model folder."""
    kind: gguf.GGMLQuantizationType
    """Type it is stored in."""
    shape: tuple[int, ...]
    """Shape in elements, outermost dimension first."""
    read: Callable[[], NDArray[np.float32]]
    """Reads and rearranges its values."""

    def packed(self) -> NDArray[Any]:
        """Return the stored array.

        Raises UsageProblem for a value that is NaN, infinite, or outside the float16 range.
        """
        values = self.read()
        if not np.isfinite(values).all():
            raise UsageProblem(
                f"The tensor `{self.source}` has NaN or infinite numbers.",
                fix=Advice("copy or download the model again, or train it again"),
            )
        with np.errstate(over="ignore"):
            stored = gguf.quants.quantize(values, self.kind)
        if self.kind == Kind.F16 and not np.isfinite(stored).all():
            raise UsageProblem(
                f"The tensor `{self.source}` has values outside the range of float16.",
                fix=family.ELSEWHERE,
            )
        return np.ascontiguousarray(stored)


def planned(
    model: Exportable, stored: Sequence[Stored], kind: gguf.GGMLQuantizationType
) -> list[Planned]:
    """Return the tensors of the file, from those of the folder."""
    layers = int(model.config["num_hidden_layers"])
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH[model.family.name.upper()], layers)
    found = []
    if model.rope.divisors:
        factors = np.array(model.rope.divisors, np.float32)
        found.append(Planned("rope_freqs.weight", "", Kind.F32, factors.shape, lambda: factors))
    for one in stored:
        name = names.get_name(one.name, try_suffixes=(".weight", ".bias"))
        if name is None:
            raise UsageProblem(
                f"The tensor `{one.name}` has no GGUF equivalent.", fix=family.ELSEWHERE
            )
        read = _rearranged(one.name, one.read, model)
        found.append(Planned(name, one.name, _kind(one.shape, kind), one.shape, read))
    return found


def _kind(shape: tuple[int, ...], wanted: gguf.GGMLQuantizationType) -> gguf.GGMLQuantizationType:
    """Return float32 for norms and biases (llama.cpp requires it), float16 for odd row sizes."""
    if len(shape) < 2:
        return Kind.F32
    return wanted if shape[-1] % gguf.GGML_QUANT_SIZES[wanted][0] == 0 else Kind.F16


def _rearranged(
    name: str, read: Callable[[], NDArray[np.float32]], model: Exportable
) -> Callable[[], NDArray[np.float32]]:
    """Return the reader of one tensor, with the query and key permutation if the family has it."""
    part = name.split(".")[-2]
    if not model.family.permutes or part not in ("q_proj", "k_proj"):
        return read
    queries = int(model.config["num_attention_heads"])
    heads = queries if part == "q_proj" else family.kv_heads(model.config)
    return lambda: permuted(read(), heads)


def permuted(rows: NDArray[Any], heads: int) -> NDArray[Any]:
    """Return query or key rows (weight or bias) permuted from halves to interleaved pairs."""
    halves = rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
    return halves.swapaxes(1, 2).reshape(rows.shape)
