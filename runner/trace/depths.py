"""Which layers of a model a trace keeps, and how its result follows for all of them.

Live bytes at each moment of a step are linear in the number of layers of each kind. So a few layers
give a base, and a few more of one kind give what a layer of that kind adds.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import torch

_ENDS = 2
"""Layers of each kind that every trace keeps, if there are so many: its first and its last."""
_MORE = 6
"""Layers of one kind that are added: what torch's allocator cannot use of its blocks is linear only
on average, which so many are enough to show."""
_NUMBERED = ("idx", "index", "layer_id", "layer_number", "layer_num")
"""Parts of names of attributes that number a layer, which equal layers do not share."""
_SHORTENED = "shortened"
"""The attribute of a list from which `keep` removed layers."""


def stack(model: torch.nn.Module) -> torch.nn.ModuleList:
    """Return the layers of a model's decoder: its list with the most parameters.

    Once `keep` has removed some of them, another list may have more.
    """
    decoder = decoder_of(model)
    return max(
        (module for module in decoder.modules() if isinstance(module, torch.nn.ModuleList)),
        key=lambda found: (hasattr(found, _SHORTENED), sum(p.numel() for p in found.parameters())),
    )


def decoder_of(model: Any) -> Any:
    """Return the decoder of a multimodal model; of another, the model itself."""
    config = model.config
    return model if config.get_text_config() is config else model.get_decoder()


def kinds(layers: Iterable[torch.nn.Module]) -> list[Hashable]:
    """Return for each layer its classes, shapes and settings, which equal layers share."""
    return [_kind(layer) for layer in layers]


def _kind(layer: torch.nn.Module) -> Hashable:
    return tuple(
        (name, type(module), _shapes(module), _settings(module))
        for name, module in layer.named_modules()
    )


def _shapes(module: torch.nn.Module) -> Hashable:
    held = (*module._parameters.items(), *module._buffers.items())
    return tuple((name, each is not None and tuple(each.shape)) for name, each in held)


def _settings(module: torch.nn.Module) -> Hashable:
    return tuple(
        (name, value)
        for name, value in sorted(vars(module).items())
        if isinstance(value, (bool, int, float, str, type(None)))
        and not any(part in name for part in _NUMBERED)
    )


def samples(found: Sequence[Hashable]) -> list[tuple[int, ...]]:
    """Return the layers of each trace, as positions in order: the base, then one per other kind.

    The first and the last layer of each kind are in all of them, so that the first and the last of
    the model are, and the layers whose keys and values others share.
    """
    base, rest = _base(found)
    more = (rest[kind][:_MORE] for kind in rest)
    return [tuple(base), *(tuple(sorted({*base, *added})) for added in more)]


def _base(found: Sequence[Hashable]) -> tuple[list[int], dict[Hashable, list[int]]]:
    places: dict[Hashable, list[int]] = {}
    for at, kind in enumerate(found):
        places.setdefault(kind, []).append(at)
    base = sorted(at for each in places.values() for at in {each[0], each[-1]})
    rest = {kind: each[1:-1] for kind, each in places.items() if len(each) > _ENDS}
    return base, rest


def of_all_layers(found: Sequence[Hashable], traces: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """Return the bytes of each moment with all layers, from those of `samples`."""
    base, *others = traces
    _, rest = _base(found)
    whole = dict(base)
    for left, more in zip(rest.values(), others, strict=True):
        added = min(_MORE, len(left))
        for moment, size in base.items():
            whole[moment] += round((more[moment] - size) / added * len(left))
    return whole


def keep(model: Any, kept: Sequence[int]) -> None:
    """Remove all other layers, also from the lists that its configuration has for each layer.

    The depth in the configuration stays, since tables of all layers, such as inputs of each, do.
    """
    layers, config = stack(model), model.config.get_text_config()
    many = len(layers)
    for name, value in vars(config).items():
        if isinstance(value, (list, tuple)) and len(value) == many:
            setattr(config, name, type(value)(value[at] for at in kept))
    chosen = [layers[at] for at in kept]
    del layers[:]
    layers.extend(chosen)
    setattr(layers, _SHORTENED, True)
