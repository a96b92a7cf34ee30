"""Compares the tensors in a model's files with those that its configuration describes."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from math import prod
from typing import Any

from planner.models.architecture import Architecture
from planner.models.extra_tensors import ahead_layers, is_ahead, is_derived, marked_layers
from planner.models.spelling import Spelling, is_wrapper
from planner.models.tensors import (
    HEAD,
    Sizes,
    Tensor,
    embedding_of,
    layers_of,
    names_of,
    table,
    unread,
)

FLOATS = frozenset(["F64", "F32", "F16", "BF16"])
"""The stored types of weights that are not quantized."""
INTEGERS = frozenset(["I64", "I32"])
"""The stored types of tables of integers."""
MOST_NAMED = 100_000
"""Limit for the missing tensors that are counted."""
_EXPERT = re.compile(r"\.experts\.(0|[1-9]\d{0,5})\.")


@dataclass(frozen=True)
class Held:
    """One stored tensor."""

    dtype: str
    """Its safetensors type, such as `BF16`."""
    shape: Sizes


@dataclass
class Findings:
    """How the files of a model differ from its configuration; names are those of the files."""

    missing: list[str] = field(default_factory=list)
    """In the order of the model."""
    unexpected: list[str] = field(default_factory=list)
    reshaped: list[tuple[str, Sizes, Sizes]] = field(default_factory=list)
    """Name, stored shape and described shape."""
    retyped: list[tuple[str, str]] = field(default_factory=list)
    """Name and stored type of tensors that are not floating-point numbers of 16 bits or more."""
    layers: int = 0
    """Layers that the files hold: one more than the last one's number."""
    rows: int = 0
    """Rows of the stored embedding; 0 without one."""
    both: tuple[str, str] | None = None
    """Embedding and head, where the files hold both and the configuration ties them."""
    ahead: list[str] = field(default_factory=list)
    """Names of tensors that predict further tokens at once, which transformers does not load."""
    unread: list[str] = field(default_factory=list)
    """Names of tensors of layers that read the keys and values of an earlier one: transformers
    does not load them."""
    alone: bool = False
    """Whether the files of a wrapper hold nothing but its decoder."""
    aside: int = 0
    """Elements of a wrapper's tensors outside of its decoder, such as those of a vision tower."""

    @property
    def wrong(self) -> bool:
        """Whether there is any difference."""
        differs = self.missing or self.unexpected or self.reshaped or self.retyped
        return bool(differs or self.alone)


def compare(shape: Architecture, config: Mapping[str, Any], held: Mapping[str, Held]) -> Findings:
    """Compare stored tensors with the model of a `config.json`.

    `held` are all tensors of its files. A mixture may hold its experts fused or one by one, and a
    tied head may be stored besides the embedding or in its place.
    """
    return _Comparison(shape, config, held).found


class _Comparison:
    def __init__(
        self, shape: Architecture, config: Mapping[str, Any], held: Mapping[str, Held]
    ) -> None:
        self.shape, self.held, self.found = shape, held, Findings()
        self.config = _decoder(config)
        kind = config.get("model_type")
        self.tensors = {one.name: one for one in table(shape, self.config)}
        if kind == "qwen3_vl_moe":
            self.tensors = {name: _turning(one) for name, one in self.tensors.items()}
        self.unread = frozenset(unread(shape))
        self.parts = {part: one for one in self.tensors.values() for part in one.parts or ()}
        wrapper = str(kind) if is_wrapper(kind) else ""
        self.spelling = Spelling(names_of(shape), self._known, wrapper)
        self.present = dict[str, str]()
        self.single = dict[str, set[tuple[str, int]]]()
        self._read()
        self.found.missing = list(islice(self._missing(), MOST_NAMED))

    def _known(self, name: str) -> bool:
        if name in self.tensors or name in self.unread or (name == HEAD and self.shape.tied):
            return True
        return self._part(name) is not None

    def _part(self, name: str) -> tuple[Tensor, str, int] | None:
        """Return the fused tensor that the tensor of one expert belongs to, and its number; that
        of a part of another tensor is 0."""
        number = _EXPERT.search(name)
        if number is None:
            fused = self.parts.get(name)
            return (fused, name, 0) if fused and not fused.experts else None
        part = name[: number.start()] + ".experts.*." + name[number.end() :]
        fused = self.parts.get(part)
        if fused is None or int(number[1]) >= fused.experts:
            return None
        return fused, part, int(number[1])

    def _read(self) -> None:
        list_name, layers = layers_of(self.shape), self.shape.layers
        read = {name: self.spelling.read(name) for name in self.held}
        ahead = {*ahead_layers(self.config, layers), *marked_layers(read.values(), list_name)}
        number = re.compile(re.escape(list_name) + r"\.(\d{1,6})\.")
        for name, called in read.items():
            stored, match = self.held[name], number.match(called)
            layer = int(match[1]) if match else -1
            if is_ahead(name) or (layer >= layers and layer in ahead):
                self.found.ahead.append(name)
                continue
            self.found.layers = max(self.found.layers, layer + 1)
            if called in self.unread:
                self.found.unread.append(name)
                continue
            if not self._placed(name, called, stored) and not self._left_out(name, stored):
                self.found.unexpected.append(name)
        wrapped = bool(self.spelling.wrapper)
        around = [one for name, one in self.held.items() if self.spelling.aside(name)]
        self.found.alone = wrapped and not around
        self.found.aside = sum(prod(one.shape) for one in around)
        self._heads()

    def _left_out(self, name: str, stored: Held) -> bool:
        return self.spelling.aside(name) or is_derived(name, stored.shape)

    def _placed(self, name: str, called: str, stored: Held) -> bool:
        """Note a tensor that the model has a place for; False if it has none, or no longer."""
        if part := self._part(called):
            fused, template, number = part
            seen = self.single.setdefault(fused.name, set())
            if (template, number) in seen or fused.name in self.present:
                return False
            seen.add((template, number))
            wanted = (fused.parts or {})[template]
        elif called in self.tensors or (called == HEAD and self.shape.tied):
            if called in self.present or called in self.single:
                return False
            self.present[called] = name
            wanted = self._wanted(called, stored.shape)
        else:
            return False
        if stored.shape != wanted:
            self.found.reshaped.append((name, stored.shape, wanted))
        if stored.dtype not in self._types(called):
            self.found.retyped.append((name, stored.dtype))
        return True

    def _types(self, called: str) -> frozenset[str]:
        one = self.tensors.get(called)
        return INTEGERS if one and one.integers else FLOATS

    def _wanted(self, called: str, stored: Sizes) -> Sizes:
        if called not in self.tensors:
            return self.shape.vocabulary, self.shape.hidden
        one = self.tensors[called]
        turned = (*one.shape[:1], *one.shape[:0:-1])
        return turned if one.turned and stored == turned else one.shape

    def _heads(self) -> None:
        embedding = self.present.get(embedding_of(self.shape))
        if embedding is not None and len(self.held[embedding].shape) == 2:
            self.found.rows = self.held[embedding].shape[0]
        head = self.present.get(HEAD) if self.shape.tied else None
        self.found.both = (embedding, head) if embedding and head else None

    def _missing(self) -> Iterator[str]:
        one_by_one = bool(self.single)
        instead = self.shape.tied and HEAD in self.present
        for name, one in self.tensors.items():
            if name in self.present or (instead and name == embedding_of(self.shape)):
                continue
            seen = self.single.get(name)
            if one.parts and (seen or one_by_one):
                yield from self._missing_parts(one, seen or set())
            else:
                yield self.spelling.write(name)

    def _missing_parts(self, one: Tensor, seen: set[tuple[str, int]]) -> Iterator[str]:
        for number in range(one.experts or 1):
            for part in one.parts or ():
                if (part, number) not in seen:
                    yield self.spelling.write(part.replace("*", str(number)))


def _decoder(config: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = config.get("text_config")
    return inner if isinstance(inner, Mapping) else config


def _turning(one: Tensor) -> Tensor:
    """Return a tensor of a wrapped mixture, whose fused experts older files hold turned."""
    if not one.experts:
        return one
    return Tensor(one.name, one.shape, turned=True)
