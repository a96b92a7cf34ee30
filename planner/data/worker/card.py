"""Reads the card of a dataset on the Hub, in the child process.

With YAML aliases and file patterns, a small card can expand to more than memory holds.
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
"""YAML front matter, as in `huggingface_hub.repocard`."""
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def configs(content: bytes) -> bytes:
    """Return the value of `configs` in a card, as JSON; an error text if it is not YAML."""
    try:
        front = _FRONT.search(content.decode("utf-8-sig"))
        found = yaml.load(front[2], Loader=_LOADER) if front else None
        if found is not None and not isinstance(found, dict):
            return json.dumps("invalid YAML: its front matter is not a mapping").encode()
        return json.dumps((found or {}).get("configs"), default=str).encode()
    except (ValueError, TypeError, yaml.YAMLError, RecursionError) as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f" in line {mark.line + 2} of its `README.md`" if mark else ""
        return json.dumps(f"invalid YAML{where}").encode()


def offered(card: object, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the configs of a card, from `planner.hub.datasets.configs`."""
    return [asdict(one) for one in stated(card, names)]
