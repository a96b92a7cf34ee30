"""Finds the model that a quantized one was made from, by its name."""

import re

from planner.catalogue.lookup import find_model

_ENDING = re.compile(
    r"[-_.](?:gptq|awq|fp8|nvfp4|mxfp4|hqq|eetq|exl[23]|aqlm|quanto|torchao|gguf|mlx|bnb|nf4|marlin"
    r"|autoround|auto-round|unsloth|quantized|dynamic|static|w\d{1,2}a\d{1,2}|g\d{2,3}|sym|asym"
    r"|(?:int|uint|q)[2348]|[2348][-_]?bits?|fp4)$",
    re.IGNORECASE,
)
"""What the names of quantized models end in; several such parts may follow each other."""
_MOST_CHARS = 200


def unquantized_name(name: str) -> str:
    """Return the name in the catalogue of the model that `name` was quantized from.

    `name` is a Hub id or the name of a folder. Empty if the catalogue has no such model.
    """
    rest = given = name[:_MOST_CHARS].rstrip("/").rpartition("/")[2]
    while True:
        originals = () if rest == given else (rest, rest.removeprefix("Meta-"))
        for one in (f"{rest}-BF16", *originals):  # a copy in 16 bits of what has fewer
            if found := find_model(one):
                return found.name
        if (shorter := _ENDING.sub("", rest)) == rest:
            return ""
        rest = shorter
