"""Reads a dataset's card in the child process and validates the answers."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from planner.data.isolation import client
from planner.data.isolation.client import Fault
from planner.hub.datasets.configs import Config
from planner.hub.datasets.kinds import Unreadable

_SECONDS = 30.0
"""Time limit for one card; a thousand configs take one or two seconds."""


def card_configs(content: bytes) -> Any:
    """Return the value of `configs` in a card; an error text if it is not YAML."""
    try:
        raw = client.ask([], {"do": "card"}, content, (_SECONDS,))[1]
        return json.loads(bytes(raw))
    except Fault as fault:
        return f"invalid YAML: {_why(fault)}"
    except (ValueError, RecursionError):
        return "invalid YAML: it is nested too deeply"


def configs(card: object, names: Sequence[str]) -> tuple[Config, ...]:
    """Return the configs of a repository. Raises as `planner.hub.datasets.configs.configs`."""
    try:
        asked = {"do": "configs", "names": list(names)}
        head, _ = client.ask([], asked, json.dumps(card).encode(), (_SECONDS,))
    except Fault as fault:
        if fault.kind == "unreadable":
            raise Unreadable(fault.said) from None
        said = f"the `configs` in its `README.md` are invalid: {_why(fault)}"
        raise Unreadable(said) from None
    found = head.get("configs")
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Unreadable("the `configs` in its `README.md` are invalid")
    return tuple(_config(one, frozenset(names)) for one in found)


def _config(found: Mapping[str, Any], names: frozenset[str]) -> Config:
    """Return a config from the child's answer; only files of the repository are kept."""
    splits = found.get("splits")
    listed = splits if isinstance(splits, dict) else {}
    return Config(
        str(found.get("name")),
        found.get("is_default") is True,
        {
            split: tuple(file for file in files if isinstance(file, str) and file in names)
            for split, files in listed.items()
            if isinstance(files, list)
        },
        str(found.get("trouble") or ""),
    )


def _why(fault: Fault) -> str:
    why = {
        "late": f"it takes longer than {_SECONDS:g} seconds",
        "memory": "it takes too much memory",
        "ended": f"its process crashed with {fault.said}",
    }
    return why.get(fault.kind, fault.said)
