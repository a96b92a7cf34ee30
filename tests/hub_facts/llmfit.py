"""Reads the table of models in llmfit's wheel, which is compiled into its program as JSON."""

import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.hub_facts.table import OTHERS, HubFamily, HubModel

LEAST_DOWNLOADS = 20_000
"""Models with fewer are counted in their family only, but for those of the catalogue."""
LEAST_OF_FAMILY = 10_000
"""Families with fewer downloads are counted together."""
_KEY = b'"parameters_raw"'
_KINDS = frozenset(["text-generation", "image-text-to-text", "any-to-any"])
_QUANTIZED_FORMATS = frozenset(["autoround", "awq", "gptq", "mlx"])
_QUANTIZED = re.compile(
    r"gguf|gptq|awq|int[48]|fp[48]|mxfp4|mlx|bnb|[48]-?bit|exl[23]|w[48]a16|w8a8|autoround"
    r"|(?<!un)quantized|nf4",
    re.IGNORECASE,
)
"""What the names of quantized models hold."""


def read(wheel: Path, names: Iterable[str]) -> list[HubModel]:
    """Return the generation models in a wheel that are not quantized, most downloaded first.

    Two entries that differ only in case are one repository. The models in `names` are there too
    if their cards say no use, or another one, with no downloads.
    """
    wanted = {name.lower() for name in names}
    found: dict[str, HubModel] = {}
    for row in _json(wheel):
        key, counts = row["name"].lower(), _counts(row)
        if counts or key in wanted:
            found.setdefault(key, _model(row, row["hf_downloads"] if counts else 0))
    return sorted(found.values(), key=lambda one: (-one.downloads, one.name))


def by_family(models: Iterable[HubModel]) -> list[HubFamily]:
    """Return the models and downloads of each family, the small ones together at the end."""
    downloads, number = Counter[str](), Counter[str]()
    for one in models:
        downloads[one.model_type] += one.downloads
        number[one.model_type] += 1
    large = [kind for kind, sum_ in downloads.most_common() if sum_ >= LEAST_OF_FAMILY]
    rest = sum(downloads.values()) - sum(downloads[kind] for kind in large)
    others = HubFamily(OTHERS, number.total() - sum(number[kind] for kind in large), rest)
    return [*(HubFamily(kind, number[kind], downloads[kind]) for kind in large), others]


def _json(wheel: Path) -> list[dict[str, Any]]:
    with zipfile.ZipFile(wheel) as files:
        largest = max(files.infolist(), key=lambda one: one.file_size)
        program = files.read(largest)
    start = program.rfind(b"[", 0, program.index(_KEY))
    rows, _ = json.JSONDecoder().raw_decode(program[start:].decode("utf-8", "replace"))
    return list(rows)


def _counts(row: Mapping[str, Any]) -> bool:
    """Return whether a row is a generation model that is not quantized."""
    if row["pipeline_tag"] not in _KINDS or row.get("format") in _QUANTIZED_FORMATS:
        return False
    return not _QUANTIZED.search(row["name"])


def _model(row: Mapping[str, Any], downloads: int) -> HubModel:
    facts = _Facts(row)
    return HubModel(
        row["name"], row["architecture"], downloads, facts.parameters, row.get("license") or "",
        facts.vocabulary, facts.layers, facts.hidden, facts.heads,
        0 if facts.kv_heads == facts.heads else facts.kv_heads,  # else the source may repeat them
    )  # fmt: skip


class _Facts:
    """The numbers of one row, each 0 where the source has none."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self._row = row
        self.vocabulary = self._number("vocab_size")
        self.layers = self._number("num_hidden_layers")
        self.hidden = self._number("hidden_size")
        self.heads = self._number("num_attention_heads")
        self.kv_heads = self._number("num_key_value_heads")

    @property
    def parameters(self) -> int:
        """What the files hold; 0 where the source only estimates it."""
        stated = self._number("parameters_raw")
        rounded = stated % 10**8 == 0
        return 0 if rounded or stated in (self._roughly(), self._without_norms()) else stated

    def _number(self, key: str) -> int:
        return int(self._row.get(key) or 0)

    def _roughly(self) -> int:
        """Return the source's estimate from width and depth."""
        wide = self._number("moe_intermediate_size") or 4 * self.hidden
        layer = 4 * self.hidden**2 + 2 * self.hidden * wide
        return self.layers * layer + self.vocabulary * self.hidden

    def _without_norms(self) -> int:
        """Return the source's estimate from the shape: matrices, embedding and head."""
        head_dim = self._number("head_dim") or (self.hidden // self.heads if self.heads else 0)
        layer = 2 * (self.heads + self.kv_heads) * head_dim * self.hidden
        experts, wide = self._number("num_experts"), self._number("moe_intermediate_size")
        shared = self._number("shared_expert_intermediate_size")
        if experts:
            layer += 3 * self.hidden * (experts * wide + shared) + experts * self.hidden
        else:
            layer += 3 * self.hidden * wide or 4 * self.hidden**2
        return self.layers * layer + 2 * self.vocabulary * self.hidden
