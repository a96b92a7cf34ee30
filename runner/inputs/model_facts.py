"""Compares a lock's facts about its model with the model's files."""

from dataclasses import asdict, fields, replace
from pathlib import Path

from lockfiles.compare import Difference
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice
from lockfiles.lock import Model
from planner.models import quantized, stored
from planner.models.architecture import Architecture, architecture
from planner.models.folder import CONFIG, is_weights
from planner.models.shapes import config_json
from runner.inputs.differing import differing


def differing_facts(model: Model, folder: Path, *, weights: bool) -> list[Difference]:
    """Return the fields of `[model]` that the files of a model contradict."""
    name = str(folder / CONFIG)
    pairs: list[tuple[str, object, object]] = []
    if weights:
        names = [file.name for file in model.files if is_weights(file.name)]
        listed = {name: folder / name for name in names}
        shape = stored.read_shape(folder, listed, name)
        found = shape.architecture
        _check_head(model, found, folder)
        pairs += [
            ("model.parameters", model.parameters, _counted(model, shape)),
            ("model.dtype", model.dtype, shape.dtype),
        ]
    else:
        config = config_json.read(folder / CONFIG)
        quantized.check_unquantized(config, name)
        found = architecture(config, name)
        if dict(model.architecture).get("tied") is False:
            found = replace(found, tied=False)  # the weights may have a head of their own
    facts = asdict(found) | {"own": dict(found.own)}
    pairs += [
        ("model.family", model.family, facts.pop("family")),
        ("model.context_tokens", model.context_tokens, facts.pop("context")),
    ]
    usual = {one.name: one.default for one in fields(found)} | {"own": {}}
    locked = dict(model.architecture)
    for key in dict.fromkeys((*facts, *locked)):
        stated = locked.get(key, usual.get(key))  # older locks lack newer fields
        pairs.append((f"model.architecture.{key}", stated, facts.get(key)))
    return differing(*pairs)


def _counted(model: Model, shape: stored.Shape) -> int:
    """Return the parameters of a model; before revision 5, layers that predict further tokens
    counted, too."""
    return shape.stored if model.parameters == shape.stored else shape.parameters


def _check_head(model: Model, found: Architecture, folder: Path) -> None:
    """Refuse a head that differs from the embedding where the plan compared samples only."""
    if dict(model.architecture).get("tied") and not found.tied and model.commit:
        raise UsageProblem(
            f"The weights in `{folder}` have a head that differs from the embedding, which "
            f"`{CONFIG}` ties.",
            fix=Advice(
                "copy the model to a folder, set `tie_word_embeddings` to false in its "
                f"`{CONFIG}`, and name that folder"
            ),
        )
