"""The facts in `tests/data/hub`: models by downloads, and downloads by `model_type`."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "data" / "hub"
MODELS, FAMILIES = FOLDER / "models.tsv", FOLDER / "families.tsv"
OTHERS = "(others)"
"""The `model_type` of all small families together."""


@dataclass(frozen=True)
class HubModel:
    """One model on the Hub whose weights are not quantized."""

    name: str
    """Its Hub id."""
    model_type: str
    """Of its `config.json`."""
    downloads: int
    """In the 30 days before the facts were collected; 0 for a model that is not counted."""
    parameters: int
    """Elements of all tensors in its safetensors files; 0 where they are not known."""
    license: str
    """License, or its name where the card says `other`; empty where the card says none."""
    vocabulary: int = 0
    """Rows of the embedding; 0, like all that follow, where it was not readable."""
    layers: int = 0
    """Decoder layers."""
    hidden: int = 0
    """Width of the residual stream."""
    heads: int = 0
    """Attention heads."""
    kv_heads: int = 0
    """Key and value heads."""

    @property
    def readable(self) -> bool:
        """Whether `config.json` was readable without a login, so that the model is not gated."""
        return bool(self.vocabulary)


@dataclass(frozen=True)
class HubFamily:
    """All models of one `model_type`."""

    model_type: str
    models: int
    downloads: int
    """Of all of its models together, in 30 days."""


_SHAPE = ("vocabulary", "layers", "hidden", "heads", "kv_heads")


def seen() -> str:
    """Return the month in which the facts were collected, such as `2026-10`."""
    first = MODELS.read_text("utf-8").partition("\n")[0]
    return first.removeprefix("# seen ").strip()


def models() -> tuple[HubModel, ...]:
    """Return the models, the most downloaded first."""
    return tuple(
        HubModel(
            row["name"], row["model_type"], int(row["downloads"] or 0), int(row["parameters"] or 0),
            row["license"], *(int(row[key] or 0) for key in _SHAPE),
        )
        for row in _rows(MODELS)
    )  # fmt: skip


def families() -> tuple[HubFamily, ...]:
    """Return the families, the most downloaded first."""
    return tuple(
        HubFamily(row["model_type"], int(row["models"]), int(row["downloads"]))
        for row in _rows(FAMILIES)
    )


def write(month: str, found: Iterable[HubModel], types: Iterable[HubFamily]) -> None:
    """Write both files anew."""
    _write(MODELS, month, HubModel, found)
    _write(FAMILIES, month, HubFamily, types)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    lines = path.read_text("utf-8").splitlines()[1:]
    return csv.DictReader(lines, delimiter="\t")


def _write(
    path: Path, month: str, kind: type[HubModel | HubFamily], rows: Iterable[HubModel | HubFamily]
) -> None:
    lines = [f"# seen {month}", "\t".join(field.name for field in fields(kind))]
    lines += ["\t".join(str(one or "") for one in astuple(row)) for row in rows]
    path.write_text("\n".join(lines) + "\n", "utf-8")
