"""Converts a merged Hugging Face folder to one GGUF file.

Tensors are read, rearranged and written one at a time, so memory use is that of the largest one.
"""

import struct
import tempfile
from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np

from lockfiles.errors import RunFailed, UsageProblem
from lockfiles.fixes import Advice
from lockfiles.harmless import one_line
from planner.gguf import family, tensors
from planner.gguf.check import Exportable, check
from planner.gguf.rope import Rope
from planner.models.held import Held
from runner.export.gguf import vocabulary
from runner.export.gguf.checkpoint import Stored, stored_tensors
from runner.export.gguf.facts import GgufFacts, facts_of
from runner.export.gguf.levels import check_level
from runner.export.gguf.native import quantize_file, require_llama_cpp
from runner.export.gguf.planned import PACKED, Planned, planned


def convert(model_dir: Path, out: Path, level: str) -> GgufFacts:
    """Write `out` at level `f16`, `q8_0` or `q4_k_m`, and return the facts of the finished file.

    The file is renamed into place when it is complete: every tensor that the model's `config.json`
    describes is in it. Raises UsageProblem, before anything is written, for a model that is not
    supported, and for a folder that lacks tensors.
    """
    check_level(level)
    if level == "q4_k_m":
        require_llama_cpp()
    model, stored = checked(model_dir)
    try:
        wanted = planned(model, stored, PACKED["f16" if level == "q4_k_m" else level][1])
    except (ArithmeticError, LookupError, TypeError, ValueError) as problem:
        raise _unwritable(problem) from problem
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
        done = Path(scratch) / "model.gguf"
        if level == "q4_k_m":
            whole = Path(scratch) / "f16.gguf"
            _write(model_dir, model, wanted, whole, "f16")
            quantize_file(whole, done, "q4_k_m")
        else:
            _write(model_dir, model, wanted, done, level)
        _check_whole(done, wanted)
        done.replace(out)
    return facts_of(out, level)


def write_packed(model_dir: Path, out: Path, level: str) -> None:
    """Write one file at a level of PACKED, in place. Raises UsageProblem as `convert`."""
    model, stored = checked(model_dir)
    wanted = planned(model, stored, PACKED[level][1])
    _write(model_dir, model, wanted, out, level)
    _check_whole(out, wanted)


def checked(model_dir: Path) -> tuple[Exportable, list[Stored]]:
    """Return a model folder in GGUF's terms, and its tensors under the names of transformers.

    A head that repeats the embedding is left out. Raises UsageProblem if it cannot be exported.
    """
    family.family_of(family.read(model_dir))  # the most telling sentence comes first
    stored = stored_tensors(model_dir)
    model = check(model_dir, held={one.name: Held(one.dtype, one.shape) for one in stored})
    names = tensors.saved_names({one.name: one.shape for one in stored}, model.config, model.family)
    renamed = (replace(one, name=names[one.name]) for one in stored)
    kept = sorted(renamed, key=lambda one: one.name)
    return model, [one for one in kept if not _is_tied(one, model, kept)]


def _is_tied(tensor: Stored, model: Exportable, stored: list[Stored]) -> bool:
    """Return whether a tensor is a head that only repeats the embedding."""
    if tensor.name != tensors.HEAD or not model.config.get("tie_word_embeddings"):
        return False
    embedding = next(one for one in stored if one.name == tensors.EMBEDDING)
    return tensor.equals(embedding)


def _write(
    model_dir: Path, model: Exportable, wanted: list[Planned], out: Path, level: str
) -> None:
    writer = gguf.GGUFWriter(out, model.family.name)
    try:
        _add_hyperparameters(writer, model)
        writer.add_file_type(PACKED[level][0])
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
        vocabulary.write(writer, model, model_dir)
        _write_tensors(writer, wanted)
    except (ArithmeticError, LookupError, TypeError, ValueError, struct.error) as problem:
        raise _unwritable(problem) from problem
    finally:
        writer.close()


def _check_whole(path: Path, planned: list[Planned]) -> None:
    """Raise RunFailed unless a finished file has exactly the planned tensors."""
    wanted = {one.name: one.shape for one in planned}
    found = {
        str(one.name): tuple(int(width) for width in reversed(one.shape))
        for one in gguf.GGUFReader(path).tensors
    }
    differing = sorted(
        name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)
    )
    if differing:
        raise RunFailed(
            f"The GGUF file is not complete: `{one_line(differing[0], most=100)}` is missing in "
            "it, or differs from the model.",
            fix=Advice("free disk space and run the same command again"),
        )


def _unwritable(problem: Exception) -> UsageProblem:
    return UsageProblem(
        "The model cannot be written as a GGUF file: its configuration, tokenizer or tensors have "
        f"an unexpected form (`{type(problem).__name__}`).",
        fix=family.ELSEWHERE,
    )


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


def _add_hyperparameters(writer: gguf.GGUFWriter, model: Exportable) -> None:
    config, width = model.config, family.head_dim(model.config)
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_vocab_size(int(config["vocab_size"]))
    writer.add_context_length(family.context(config, model.family))
    writer.add_embedding_length(int(config["hidden_size"]))
    writer.add_block_count(int(config["num_hidden_layers"]))
    writer.add_feed_forward_length(int(config["intermediate_size"]))
    writer.add_head_count(int(config["num_attention_heads"]))
    writer.add_head_count_kv(family.kv_heads(config))
    writer.add_key_length(width)
    writer.add_value_length(width)
    writer.add_layer_norm_rms_eps(float(config["rms_norm_eps"]))
    writer.add_rope_dimension_count(width)
    _add_rope(writer, model.rope)


def _add_rope(writer: gguf.GGUFWriter, rope: Rope) -> None:
    writer.add_rope_freq_base(rope.theta)
    if rope.scaling:
        writer.add_rope_scaling_type(gguf.RopeScalingType(rope.scaling))
        writer.add_rope_scaling_factor(rope.factor)
    if rope.original_context:
        writer.add_rope_scaling_orig_ctx_len(rope.original_context)
    if rope.attention != 1.0:
        writer.add_rope_scaling_attn_factors(rope.attention)
