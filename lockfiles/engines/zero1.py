"""ZeRO stage 1: the cards share the states of the optimizer."""

from lockfiles.engines.engine import Engine

ENGINE = Engine(offloads=("optimizer",), packages=frozenset(["deepspeed"]))
