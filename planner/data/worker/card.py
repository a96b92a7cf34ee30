"""The card of a dataset on the Hub, read in the child process.

YAML can name one value many times in another, and patterns of file names can be many: a small card
can mean more than memory holds.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import yaml

from planner.hub.datasets.configs import configs as stated
from planner.hub.datasets.kinds import Unreadable

__all__ = ["Unreadable", "configs", "offered"]

_FRONT = re.compile(r"^(\s*---(?:\r\n|\r|\n))([\S\s]*?)((?:\r\n|\r|\n)---[ \t]*(\r\n|\n|$))")
"""As in `huggingface_hub.repocard`, which takes what is between for YAML."""
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def configs(content: bytes) -> bytes:
    """Return what stands under `configs` in a card, as JSON; a card may be no YAML."""
    try:
        front = _FRONT.search(content.decode("utf-8-sig"))
        found = yaml.load(front[2], Loader=_LOADER) if front else None
        if found is not None and not isinstance(found, dict):
            raise ValueError("its front matter is no mapping")
        return json.dumps((found or {}).get("configs"), default=str).encode()
    except (ValueError, TypeError, yaml.YAMLError, RecursionError) as problem:
        return json.dumps(f"no YAML: {str(problem).partition(chr(10))[0]}").encode()


def offered(card: object, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the configs that a card states, as `planner.hub.datasets.configs` finds them."""
    return [asdict(one) for one in stated(card, names)]
