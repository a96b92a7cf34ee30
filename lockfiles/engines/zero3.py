"""ZeRO stage 3: the cards share weights, too."""

from lockfiles.engines.engine import Engine

ENGINE = Engine(offloads=("optimizer", "all"), packages=frozenset(["deepspeed"]), compiles=False)
