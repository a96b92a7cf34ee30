"""ZeRO stage 2: the cards share gradients, too."""

from lockfiles.engines.engine import Engine

ENGINE = Engine(offloads=("optimizer",), packages=frozenset(["deepspeed"]))
