"""The kinds of a model's layers, as a text with one letter for each layer."""

from collections.abc import Mapping

from lockfiles.harmless import one_line
from planner.models.shapes.config_json import ConfigJson


def letters(found: ConfigJson, field: str, kinds: Mapping[str, str]) -> str:
    """Return the letter of every layer, from a field with a list of their types; empty without it.

    `kinds` has the letter of each type; where all types are one character, the field may be a text
    of them. Raises UsageProblem for a field of the wrong type, for another type of layer, and for a
    list that differs from `num_hidden_layers`.
    """
    types = found.values.get(field)
    if types is None:
        return ""
    written = isinstance(types, str) and all(len(kind) == 1 for kind in kinds)
    if not types or not (written or isinstance(types, list)):
        raise found.contradiction(f"has no list of layers in `{field}`")
    if others := [one for one in types if not isinstance(one, str) or one not in kinds]:
        other = one_line(str(others[0]), most=40)
        raise found.unsupported(f"has layers of type `{other}`")
    layers = found.integer("num_hidden_layers", len(types))
    if layers != len(types):
        raise found.contradiction(
            f"has {layers} layers in `num_hidden_layers`, but {len(types)} in `{field}`"
        )
    return "".join(kinds[one] for one in types)


def places(letters: str) -> Mapping[str, tuple[int, ...]]:
    """Return the numbers of the layers of each letter, in the order of their first layers."""
    found: dict[str, list[int]] = {}
    for number, letter in enumerate(letters):
        found.setdefault(letter, []).append(number)
    return {letter: tuple(numbers) for letter, numbers in found.items()}
