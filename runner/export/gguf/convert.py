"""Converts a merged Hugging Face folder to one GGUF file.

Tensors are read, rearranged and written one at a time, so memory use is that of the largest one.
"""

import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Command
from planner.models import config_json
from runner.export.gguf import families
from runner.export.gguf.checkpoint import stored_tensors
from runner.export.gguf.facts import GgufFacts, facts_of
from runner.export.gguf.families import Config, Family
from runner.export.gguf.levels import check_level
from runner.export.gguf.native import quantize_file, require_llama_cpp
from runner.export.gguf.vocabulary import vocabulary_of

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
    kind: gguf.GGMLQuantizationType
    """Type it is stored in."""
    shape: tuple[int, ...]
    """Shape in elements, outermost dimension first."""
    read: Callable[[], NDArray[np.float32]]
    """Reads and rearranges its values."""

    def packed(self) -> NDArray[Any]:
        """Return the stored array. Raises UsageProblem for a value outside the float16 range."""
        values = self.read()
        with np.errstate(over="ignore"):
            stored = gguf.quants.quantize(values, self.kind)
        if self.kind == Kind.F16 and not np.isfinite(stored).all():
            raise UsageProblem(
                f"The tensor `{self.name}` has values outside the range of float16.",
                fix=families.ELSEWHERE,
            )
        return np.ascontiguousarray(stored)


def convert(model_dir: Path, out: Path, level: str) -> GgufFacts:
    """Write `out` at level `f16`, `q8_0` or `q4_k_m`, and return the facts of the finished file.

    The file is renamed into place when it is complete. Raises UsageProblem for an unsupported
    architecture, tokenizer or level.
    """
    check_level(level)
    if level == "q4_k_m":
        require_llama_cpp()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
        done = Path(scratch) / "model.gguf"
        if level == "q4_k_m":
            whole = Path(scratch) / "f16.gguf"
            write_packed(model_dir, whole, "f16")
            quantize_file(whole, done, "q4_k_m")
        else:
            write_packed(model_dir, done, level)
        done.replace(out)
    return facts_of(out, level)


def write_packed(model_dir: Path, out: Path, level: str) -> None:
    """Write one file at a level of PACKED, in place. Raises UsageProblem as `convert`."""
    config = _config(model_dir)
    family = families.family_of(config)
    vocabulary = vocabulary_of(model_dir, int(config["vocab_size"]))
    file_type, kind = PACKED[level]
    try:
        planned = _planned(model_dir, config, family, kind)
    except (ArithmeticError, LookupError, TypeError, ValueError) as problem:
        raise _unwritable(problem) from problem
    writer = gguf.GGUFWriter(out, family.name)
    try:
        _add_hyperparameters(writer, config, family)
        writer.add_file_type(file_type)
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
        vocabulary.write(writer)
        _write_tensors(writer, planned)
    except (ArithmeticError, LookupError, TypeError, ValueError, struct.error) as problem:
        raise _unwritable(problem) from problem
    finally:
        writer.close()


def check_convertible(model_dir: Path, *, trained: bool = True) -> None:
    """Raise UsageProblem if a model cannot be converted; `trained`: after training, else unchanged.

    Reads its configuration and tokenizer, not its weights. Training saves it as the causal language
    model of its family, whatever architecture its configuration names before.
    """
    config = _config(model_dir)
    saved = families.saved_as(config) if trained else config
    families.family_of(saved)
    families.rope_factors(saved)
    vocabulary_of(model_dir, int(saved["vocab_size"]))


def _unwritable(problem: Exception) -> UsageProblem:
    return UsageProblem(
        "The model cannot be written as a GGUF file: its configuration, tokenizer or tensors have "
        f"an unexpected form (`{type(problem).__name__}`).",
        fix=families.ELSEWHERE,
    )


def _config(model_dir: Path) -> Config:
    path = model_dir / "config.json"
    if not path.is_file():
        raise UsageProblem(f"`{model_dir}` has no `config.json`.", fix=Command("ls {}", model_dir))
    return config_json.read(path)


def _write_tensors(writer: gguf.GGUFWriter, planned: list[Planned]) -> None:
    """Write the header of every tensor, then stream their bytes in the same order."""
    for tensor in planned:
        count = int(np.prod(tensor.shape))
        block, width = gguf.GGML_QUANT_SIZES[tensor.kind]
        size_bytes = count // block * width
        writer.add_tensor_info(tensor.name, tensor.shape, np.float32, size_bytes, tensor.kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for tensor in planned:
        writer.write_tensor_data(tensor.packed())


def _planned(
    model_dir: Path, config: Config, family: Family, kind: gguf.GGMLQuantizationType
) -> list[Planned]:
    """Return the tensors of the file, without a tied `lm_head`."""
    layers = int(config["num_hidden_layers"])
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH[family.name.upper()], layers)
    factors = families.rope_factors(config)
    planned = []
    if factors is not None:
        planned.append(Planned("rope_freqs.weight", Kind.F32, factors.shape, lambda: factors))
    for stored in stored_tensors(model_dir):
        if stored.name == "lm_head.weight" and config.get("tie_word_embeddings"):
            continue
        if stored.name.endswith("rotary_emb.inv_freq"):
            continue
        name = names.get_name(stored.name, try_suffixes=(".weight", ".bias"))
        if name is None:
            raise UsageProblem(
                f"The tensor `{stored.name}` has no GGUF equivalent.", fix=families.ELSEWHERE
            )
        read = _rearranged(stored.name, stored.read, config, family)
        planned.append(Planned(name, _kind(stored.shape, kind), stored.shape, read))
    return planned


def _kind(shape: tuple[int, ...], wanted: gguf.GGMLQuantizationType) -> gguf.GGMLQuantizationType:
    """Return float32 for norms and biases (llama.cpp requires it), float16 for odd row sizes."""
    if len(shape) < 2:
        return Kind.F32
    return wanted if shape[-1] % gguf.GGML_QUANT_SIZES[wanted][0] == 0 else Kind.F16


def _rearranged(
    name: str, read: Callable[[], NDArray[np.float32]], config: Config, family: Family
) -> Callable[[], NDArray[np.float32]]:
    """Return the reader of one tensor, with the query and key permutation if the family has it."""
    part = name.split(".")[-2]
    if not family.permutes or part not in ("q_proj", "k_proj"):
        return read
    heads = config["num_attention_heads"] if part == "q_proj" else families.kv_heads(config)
    return lambda: families.permuted(read(), int(heads))


def _add_hyperparameters(writer: gguf.GGUFWriter, config: Config, family: Family) -> None:
    rope = families.rope_of(config)
    width = families.head_dim(config)
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_vocab_size(int(config["vocab_size"]))
    writer.add_context_length(int(config["max_position_embeddings"]))
    writer.add_embedding_length(int(config["hidden_size"]))
    writer.add_block_count(int(config["num_hidden_layers"]))
    writer.add_feed_forward_length(int(config["intermediate_size"]))
    writer.add_head_count(int(config["num_attention_heads"]))
    writer.add_head_count_kv(families.kv_heads(config))
    writer.add_key_length(width)
    writer.add_value_length(width)
    writer.add_layer_norm_rms_eps(float(config["rms_norm_eps"]))
    writer.add_rope_dimension_count(width)
    writer.add_rope_freq_base(float(rope["rope_theta"]))
    if rope["rope_type"] in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(rope["rope_type"]))
        writer.add_rope_scaling_factor(float(rope["factor"]))
    if rope["rope_type"] == "yarn":
        original = rope.get("original_max_position_embeddings")
        writer.add_rope_scaling_orig_ctx_len(int(original or config["max_position_embeddings"]))
