"""What the stored weights of a model are: their headers, their index and their form."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockfiles import bounded_json, digest, files
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command
from lockfiles.harmless import one_line
from planner.models import config_json
from planner.models.architecture import Architecture, architecture
from planner.models.folder import CONFIG, INDEX, SINGLE, shards
from planner.models.parameters import parameter_count

HEADERS_LIMIT_BYTES = 64 * files.MIB
"""Of all files of one model together."""
INDEX_LIMIT_BYTES = 32 * files.MIB
LOADABLE = ("mxfp4",)
"""Forms of quantized weights that transformers loads by itself."""
MOST_ELEMENTS = 10**13
LEAST_SHARE = 0.99
"""Of the parameters that must be stored; small tensors may follow from others."""
_ANOTHER = Advice("give the folder of one model, with its own `config.json`")


@dataclass(frozen=True)
class Shape:
    """What a model's configuration and the headers of its weights say."""

    architecture: Architecture
    parameters: int
    """Elements of all stored tensors."""
    dtype: str
    """The commonest stored type; of equally common ones the first by name."""


def read_shape(folder: Path, weights: Mapping[str, Path], name: str) -> Shape:
    """Read the shape of the model in a folder; `name` is what errors call its `config.json`.

    `weights` are the places of its weights by their names in the folder.

    Raises UsageProblem for what is no safetensors, a tensor that two files hold, files that do
    not hold what their index says, and quantized weights that training cannot load.
    """
    sizes, tensors = Counter[str](), dict[str, set[str]]()
    bytes_left = HEADERS_LIMIT_BYTES
    for file, place in weights.items():
        start, header = digest.safetensors_header(place)
        bytes_left -= start
        if bytes_left < 0:
            raise UsageProblem(
                f"The headers of the weights in `{folder}` are larger than any model's.",
                fix=Advice("give the folder of one model"),
            )
        header.pop("__metadata__", None)
        tensors[file] = set(header)
        for tensor in header.values():
            sizes[tensor["dtype"]] += math.prod(tensor["shape"])
    _check_spread(folder, tensors)
    config = config_json.read(folder / CONFIG)
    check_unquantized(config, name)
    common = min(sizes, key=lambda kind: (-sizes[kind], kind), default="")
    found = architecture(config, name)
    check_complete(config, found, sizes.total(), name)
    return Shape(found, sizes.total(), common)


def check_complete(
    config: Mapping[str, Any], shape: Architecture, elements: int, name: str
) -> None:
    """Raise UsageProblem where the weights have fewer elements than the model of a configuration.

    What is missing a loader would fill with random numbers. `elements` are those of all stored
    tensors, packed ones of quantized weights apart.
    """
    wanted = parameter_count(shape)
    if elements > MOST_ELEMENTS or wanted > MOST_ELEMENTS:
        raise UsageProblem(f"The model of `{name}` is larger than any.", fix=_ANOTHER)
    if elements < LEAST_SHARE * wanted and config.get("quantization_config") is None:
        raise UsageProblem(
            f"`{name}` describes a model of {wanted:,} parameters, and its weights hold "
            f"{elements:,}.",
            fix=Advice(
                "copy or download the model again: tensors are missing, or it is another's "
                "configuration"
            ),
        )


def check_unquantized(config: Mapping[str, Any], name: str) -> None:
    """Raise UsageProblem for weights that are stored in a quantized form, whose loaders are not
    part of the training stack."""
    stored = config.get("quantization_config")
    method = stored.get("quant_method") if isinstance(stored, Mapping) else stored
    if stored is not None and method not in LOADABLE:
        raise UsageProblem(
            f"The weights of `{name}` are stored quantized (`{one_line(method, most=40)}`), and "
            "training cannot load them.",
            fix=Advice("choose the same model in 16 bits; `qlora` quantizes it when it is loaded"),
        )


def _check_spread(folder: Path, tensors: Mapping[str, set[str]]) -> None:
    """Raise UsageProblem where two files hold a tensor, or not those that the index says."""
    seen = set[str]()
    for file, held in tensors.items():
        if twice := seen & held:
            raise UsageProblem(
                f"`{folder / file}` holds `{one_line(min(twice), most=100)}`, and so does another "
                "file of the weights.",
                fix=Advice("copy or download the model again"),
            )
        seen |= held
    if not seen:
        raise UsageProblem(
            f"The weights in `{folder}` hold no tensor.", fix=Command("ls -l {}", folder)
        )
    if set(tensors) == {SINGLE}:
        return
    spread = shards(index_of(folder), str(folder / INDEX), frozenset(tensors))
    if unnamed := tensors.keys() - spread:
        raise UsageProblem(
            f"`{folder / INDEX}` does not name `{min(unnamed)}`, which is listed as weights.",
            fix=Advice("copy or download the model again"),
        )
    for file, named in spread.items():
        if named - tensors[file]:
            raise UsageProblem(
                f"`{folder / INDEX}` says that `{file}` holds "
                f"`{one_line(min(named - tensors[file]), most=100)}`, and it does not.",
                fix=Advice("copy or download the model again"),
            )


def index_of(folder: Path) -> dict[str, Any]:
    """Return the index of a model's weights; raises UsageProblem where it is no JSON object."""
    return bounded_json.read_object(
        folder / INDEX, limit_bytes=INDEX_LIMIT_BYTES, most_values=bounded_json.MOST_VALUES
    )
