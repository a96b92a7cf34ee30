"""ZeRO stage 3: the cards share weights, too."""

from lockfiles.engines.engine import Engine

ENGINE = Engine(
    on_cpu=True, offloads=("optimizer", "all"), packages=frozenset(["deepspeed"]),
    compiles=False,
)  # fmt: skip
