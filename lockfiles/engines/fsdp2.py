"""FSDP2: the cards share weights, gradients and the states of the optimizer."""

from lockfiles.engines.engine import Engine

ENGINE = Engine(offloads=("optimizer", "all"))
