"""Datasets for the stand-in of the Hub, and what the real client makes of them."""

import io
import json
from pathlib import Path
from typing import Any

from tests.hub_server import HubServer


def local(
    hub: HubServer, home: Path, *names: str | tuple[str, str], **switches: Any
) -> list[dict[str, Any]]:
    """Return what each name leads to, in a process of its own; used as `train` if not said."""
    cases = [(name, "train") if isinstance(name, str) else name for name in names]
    cache = {"XDG_CACHE_HOME": str(home / "cache")}
    heavy, *found = hub.run("fetch_datasets", [], *cases, home=home / "hub", **(cache | switches))
    assert heavy == []
    return list(found)


def jsonl(*texts: str) -> bytes:
    """Return rows of plain text."""
    return "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()


def parquet(*texts: str) -> bytes:
    """Return the same as Parquet."""
    import pyarrow
    import pyarrow.parquet

    made = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"text": list(texts)}), made)
    return made.getvalue()


def card(configs: str) -> bytes:
    """Return a card with this YAML under `configs`."""
    return f"---\nlicense: mit\nconfigs:\n{configs}\n---\n# Rows\n".encode()
