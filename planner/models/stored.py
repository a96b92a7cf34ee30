"""Checks the stored weights of a model: their headers, index and quantization."""

import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lockfiles import bounded_json, digest, files
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command
from lockfiles.harmless import one_line
from planner.models.architecture import Architecture, architecture, drops_scores, rescales
from planner.models.families.wrappers import WRAPPERS
from planner.models.folder import CONFIG, INDEX, SINGLE, shards
from planner.models.held import Held
from planner.models.parameters import parameter_count
from planner.models.quantized import check_unquantized
from planner.models.shapes import config_json
from planner.models.spelling import DECODERS, is_wrapper
from planner.models.tensor_faults import check_tensors

HEADERS_LIMIT_BYTES = 64 * files.MIB
"""Limit for the headers of all files of a model together."""
INDEX_LIMIT_BYTES = 32 * files.MIB
MOST_ELEMENTS = 10**13
_ANOTHER = Advice("use the folder of a single model, with its own `config.json`")


@dataclass(frozen=True)
class Shape:
    """The shape of a model, from its configuration and the headers of its weights."""

    architecture: Architecture
    parameters: int
    """Total elements of the stored tensors that are loaded."""
    dtype: str
    """The most common stored type; for ties, the first by name."""
    both: tuple[str, str] | None = None
    """The names of embedding and head, if both are stored and the configuration ties them."""
    held: Mapping[str, Held] = field(default_factory=dict, repr=False)
    """All stored tensors by name."""
    ahead: tuple[str, ...] = ()
    """The names of those that predict further tokens at once, which are not loaded."""
    stored: int = 0
    """Total elements of all stored tensors, `ahead` among them."""
    aside: int = 0
    """Elements outside of a wrapper's decoder, such as those of a vision tower."""
    drops_scores: bool = False
    """Whether attention drops scores at random in training."""
    rescales: bool = False
    """Whether rotary embeddings are scaled by the longest position of each pass."""


def read_shape(folder: Path, weights: Mapping[str, Path], name: str, original: str = "") -> Shape:
    """Read the shape of the model in a folder; errors call its `config.json` `name`.

    `weights` are the real paths of its weight files, by name. `original` is as `shape_of` takes it.

    Raises UsageProblem for files that are not safetensors, a tensor in two files, files that do not
    match their index, and as `shape_of` does. A head that differs from the embedding is not tied,
    whatever the configuration says: transformers then trains both
    (`PreTrainedModel.tie_weights`).
    """
    held, tensors, ranges = dict[str, Held](), dict[str, set[str]](), dict[str, _Range]()
    bytes_left = HEADERS_LIMIT_BYTES
    for file, place in weights.items():
        start, header = digest.safetensors_header(place)
        bytes_left -= start
        if bytes_left < 0:
            raise UsageProblem(
                f"The headers of the weights in `{folder}` are too large.",
                fix=Advice("use the folder of a single model"),
            )
        header.pop("__metadata__", None)
        tensors[file] = set(header)
        held |= {key: Held(one["dtype"], tuple(one["shape"])) for key, one in header.items()}
        for key, one in header.items():
            begin, end = one["data_offsets"]
            ranges[key] = (place, start + begin, start + end)
    check_spread(folder, tensors)
    found = shape_of(config_json.read(folder / CONFIG), held, name, original)
    if found.both is None or _same(*(ranges[one] for one in found.both)):
        return found
    return replace(found, architecture=replace(found.architecture, tied=False))


_Range = tuple[Path, int, int]
"""A file, where a tensor begins in it, and where it ends."""


def _same(first: _Range, second: _Range) -> bool:
    """Return whether two tensors have the same bytes."""
    if first[2] - first[1] != second[2] - second[1]:
        return False
    pairs = zip(_blocks(*first), _blocks(*second), strict=True)
    return all(one == other for one, other in pairs)


def _blocks(path: Path, begin: int, end: int) -> Iterator[bytes]:
    with os.fdopen(files.open_regular(path), "rb") as file:
        file.seek(begin)
        for at in range(begin, end, files.MIB):
            yield file.read(min(files.MIB, end - at))


def shape_of(
    config: Mapping[str, Any], held: Mapping[str, Held], name: str, original: str = ""
) -> Shape:
    """Return the shape of a model from its configuration and all stored tensors.

    Errors call its `config.json` `name`, and name `original` as the model before it was quantized;
    empty if that is unknown. Raises UsageProblem for quantized weights that training
    cannot load, and for tensors that differ from those that the configuration describes: a loader
    would fill missing ones with random numbers, and drop others.
    """
    check_unquantized(config, name, original)
    found = architecture(config, name)
    _check_wrapper(config, name)
    sizes = Counter[str]()
    for tensor in held.values():
        sizes[tensor.dtype] += math.prod(tensor.shape)
    if max(sizes.total(), parameter_count(found)) > MOST_ELEMENTS:
        raise UsageProblem(f"The model of `{name}` is too large.", fix=_ANOTHER)
    compared = check_tensors(found, config, held, name, original)
    common = min(sizes, key=lambda kind: (-sizes[kind], kind), default="")
    ahead = tuple(sorted(compared.ahead))
    unread = sum(math.prod(held[one].shape) for one in {*ahead, *compared.unread})
    return Shape(
        found,
        sizes.total() - unread,
        common,
        compared.both,
        held,
        ahead,
        sizes.total(),
        compared.aside,
        drops_scores(config, name),
        rescales(config, name),
    )


def _check_wrapper(config: Mapping[str, Any], name: str) -> None:
    """Refuse a decoder without its wrapper, and a wrapper whose files are not known."""
    kind = config.get("model_type")
    if isinstance(kind, str) and kind in DECODERS:
        raise UsageProblem(
            f"The model of `{name}` is the decoder of a vision-language model (`{kind}`), which "
            "transformers loads as a part of that model only.",
            fix=Advice("name the complete vision-language model"),
        )
    wrapper = WRAPPERS.get(kind) if isinstance(kind, str) else None
    if wrapper and wrapper.needs:
        raise UsageProblem(
            f"The model of `{name}` is a multimodal model of the kind `{kind}`, which transformers "
            f"loads with the package `{wrapper.needs}` only.",
            fix=Advice(f"name a model with its decoder alone (`{wrapper.decoder}`)"),
        )
    if isinstance(config.get("text_config"), Mapping) and not is_wrapper(kind):
        raise UsageProblem(
            f"The model of `{name}` is a multimodal model of the kind "
            f"`{one_line(kind, most=40)}`, which Tunelock does not support yet.",
            fix=Advice(
                "name a language model, or one of the kinds "
                + ", ".join(f"`{name}`" for name, one in WRAPPERS.items() if not one.alone)
            ),
        )


def check_spread(folder: Path, tensors: Mapping[str, Set[str]]) -> None:
    """Raise UsageProblem if a tensor is in two files, or if files do not match the index."""
    seen = set[str]()
    for file, held in tensors.items():
        if twice := seen & held:
            raise UsageProblem(
                f"`{folder / file}` and another file of the weights both contain "
                f"`{one_line(min(twice), most=100)}`.",
                fix=Advice("copy or download the model again"),
            )
        seen |= held
    if not seen:
        raise UsageProblem(
            f"The weights in `{folder}` contain no tensors.", fix=Command("ls -l {}", folder)
        )
    if set(tensors) == {SINGLE}:
        return
    spread = shards(index_of(folder), str(folder / INDEX), frozenset(tensors))
    if unnamed := tensors.keys() - spread:
        raise UsageProblem(
            f"`{folder / INDEX}` does not name the weight file `{min(unnamed)}`.",
            fix=Advice("copy or download the model again"),
        )
    for file, named in spread.items():
        if named - tensors[file]:
            raise UsageProblem(
                f"According to `{folder / INDEX}`, `{file}` contains "
                f"`{one_line(min(named - tensors[file]), most=100)}`, but it does not.",
                fix=Advice("copy or download the model again"),
            )


def index_of(folder: Path) -> dict[str, Any]:
    """Return the index of a model's weights. Raises UsageProblem if it is not a JSON object."""
    return bounded_json.read_object(
        folder / INDEX, limit_bytes=INDEX_LIMIT_BYTES, most_values=bounded_json.MOST_VALUES
    )
