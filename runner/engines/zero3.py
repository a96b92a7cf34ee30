"""ZeRO stage 3, by DeepSpeed: processes share weights, too."""

from dataclasses import replace

from runner.engines import ddp

ENGINE = replace(ddp.ENGINE, name="zero3")
"""It starts and joins its processes as data parallelism does."""
