"""ZeRO stage 2: the cards share gradients, too."""

from lockfiles.engines.engine import Engine

ENGINE = Engine(on_cpu=True, offloads=("optimizer",), packages=frozenset(["deepspeed"]))
