"""ZeRO stage 1, by DeepSpeed: processes share the states of the optimizer."""

from dataclasses import replace

from runner.engines import ddp

ENGINE = replace(ddp.ENGINE, name="zero1")
"""It starts and joins its processes as data parallelism does."""
