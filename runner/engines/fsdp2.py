"""FSDP2, by torch: processes share weights, gradients and the states of the optimizer."""

from dataclasses import replace

from runner.engines import ddp

ENGINE = replace(ddp.ENGINE, name="fsdp2")
"""It starts and joins its processes as data parallelism does."""
