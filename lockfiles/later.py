"""Names of methods, formats and commands that are planned for a later version.

Errors say so: such a name is neither unknown nor a misspelling of another.
"""

from collections.abc import Iterable, Mapping, Sequence

from lockfiles.nearest import nearest

PLANNED: Mapping[str, tuple[str, ...]] = {
    "objective": ("dpo", "kto", "reward", "rlhf", "rloo", "grpo", "ppo", "orpo"),
    "method": ("dora", "qdora", "rslora", "lora+", "loraplus", "pissa", "loftq", "galore"),
    "level": (
        "bf16", "q2_k", "q3_k_s", "q3_k_m", "q3_k_l", "q4_0", "q4_1", "q4_k_s", "q5_0", "q5_1",
        "q5_k_s", "q5_k_m", "q6_k", "iq1_s", "iq1_m", "iq2_xxs", "iq2_xs", "iq2_s", "iq2_m",
        "iq3_xxs", "iq3_xs", "iq3_s", "iq3_m", "iq4_xs", "iq4_nl",
    ),
    "export": (
        "gptq", "awq", "compressed-tensors", "mergekit", "vllm", "tgi", "serve", "lm-eval",
        "forgetting",
    ),
    "engine": ("deepspeed", "torchrun"),
}  # fmt: skip
"""What a value of `run.toml`, of a lock or of an option may ask for, by its kind."""
COMMANDS: tuple[str, ...] = (
    "merge", "push", "serve", "chat", "evaluate", "compare", "tune",
)  # fmt: skip
"""Commands."""
SENTENCE = "is planned for a later version"
REFUSED: Mapping[str, str] = {
    "nvme": "`tunelock fit --offload nvme` only counts: a step would read and write all states of "
    "the optimizer",
}
"""Values that no plan takes, and why, as the rest of a sentence after `which`."""


def planned(name: str) -> str:
    """Return the planned name that `name` is, in any case and with any hyphens, or nothing."""
    return _BY_PLAIN.get(_plain(name), "")


def planned_key(table: str, name: str) -> str:
    """Return the planned name that a key of `run.toml` asks for, or nothing.

    Levels, some of which are also number formats, are asked for in `results` only.
    """
    found = planned(name)
    if found in PLANNED["level"] and table != "results":
        found = ""
    return found or planned(table)


def same(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that differs in case and hyphens only, or None."""
    return next((one for one in known if _plain(one) == _plain(name)), None)


def remark(name: str, known: Sequence[str]) -> str:
    """Return what to add to `name` in a sentence where only `known` names are accepted.

    It begins with a comma or a semicolon; empty if `name` is like none.
    """
    if name in REFUSED and name not in known:
        return f", which {REFUSED[name]}"
    if (written := same(name, known)) and written != name:
        return f"; write it as `{written}`"
    if planned(name):
        return f", which {SENTENCE}"
    like = nearest(name, (*known, *_BY_PLAIN.values()))
    if like is None:
        return ""
    return f"; the nearest is `{like}`" if like in known else f"; `{like}` {SENTENCE}"


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "").replace(" ", "").replace(".", "")


_BY_PLAIN: Mapping[str, str] = {_plain(one): one for names in PLANNED.values() for one in names}
