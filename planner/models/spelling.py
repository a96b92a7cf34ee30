"""How the files of one model spell the names of its tensors.

transformers renames tensors while it loads them (`core_model_loading.rename_source_key`): layouts
of before its fifth version, models saved without their head, and decoders within a wrapper.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from planner.models.families.wrappers import WRAPPERS
from planner.models.shapes.naming import Naming

Known = Callable[[str], bool]
"""Whether the model has a tensor of a name in transformers 5."""

_WRAPPED = re.compile(r"(?:model\.)?(?:language_model|text_model)\.(?:model\.)?(?!lm_head\.)")
"""The prefix of the names of a wrapped decoder."""
_MODULES_ASIDE = (
    "audio_tower",
    "connector",
    "embed_audio",
    "embed_vision",
    "mm_projector",
    "multi_modal_projector",
    "patch_merger",
    "vision_embedder",
    "vision_encoder",
    "vision_model",
    "vision_tower",
    "visual",
)
_ASIDE = re.compile(rf"(?:model\.)?(?:(?:{'|'.join(_MODULES_ASIDE)})\.|image_newline$)")
"""The parts of a wrapper around its decoder."""
DECODERS = frozenset(name for name, wrapper in WRAPPERS.items() if wrapper.alone)
"""Decoders of wrappers, which transformers has no language model for outside of them."""


def is_wrapper(kind: object) -> bool:
    """Return whether a `model_type` is that of a multimodal wrapper that can be trained."""
    wrapper = WRAPPERS.get(kind) if isinstance(kind, str) else None
    return wrapper is not None and not wrapper.alone and not wrapper.needs


@dataclass
class Spelling:
    """Translates names between the files of one model and transformers 5.

    It learns the files' own spelling from the names that it reads, and writes others alike.
    """

    names: Naming
    known: Known
    wrapper: str = ""
    """The `model_type` of a wrapper; empty for a plain decoder."""
    _used: dict[tuple[str, str], None] = field(default_factory=dict)
    """The renamed parts that occurred."""
    _before: str | None = None
    """What the files have in place of the body's name; None where they have that."""

    def aside(self, name: str) -> bool:
        """Return whether a tensor belongs to a wrapper, but not to its decoder."""
        return bool(self.wrapper) and _ASIDE.match(name) is not None

    def read(self, name: str) -> str:
        """Return what a name in the files is called in transformers 5; itself if unknown."""
        found = self._unwrapped(name) if self.wrapper else name
        renamed = found
        for old, new in self.names.renamed:
            changed = _replaced(renamed, old, new)
            if changed != renamed:
                self._used[old, new] = None
            renamed = changed
        body = f"{self.names.body}."
        for one in (renamed, found):
            for candidate in (one.removeprefix(body), one, body + one):
                if self.known(candidate):
                    if candidate == body + one:
                        self._before = ""
                    return candidate
        return renamed

    def write(self, name: str) -> str:
        """Return how the files would spell a name of transformers 5."""
        for old, new in reversed(self.names.renamed):
            if (old, new) in self._used:
                name = _replaced(name, new, old)
        body = f"{self.names.body}."
        if self._before is None or not name.startswith(body):
            return name
        return self._before + name.removeprefix(body)

    def _unwrapped(self, name: str) -> str:
        """Return the name without its wrapper; one that the wrapper lacks becomes unknown."""
        if name.startswith("language_model.lm_head."):
            return name.removeprefix("language_model.")
        if match := _WRAPPED.match(name):
            self._before = match[0]
            return f"{self.names.body}.{name[match.end() :]}"
        head = name.startswith("lm_head.")
        return name if head or WRAPPERS[self.wrapper].bare else f"?{name}"


def _replaced(name: str, old: str, new: str) -> str:
    """Return a name with a part replaced; a part without a leading dot begins the name."""
    if old.startswith(".") or not name.startswith(old):
        return name.replace(old, new, 1) if old.startswith(".") else name
    return new + name.removeprefix(old)
