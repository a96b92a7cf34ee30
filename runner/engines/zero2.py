"""ZeRO stage 2, by DeepSpeed: processes share gradients, too."""

from dataclasses import replace

from runner.engines import ddp

ENGINE = replace(ddp.ENGINE, name="zero2")
"""It starts and joins its processes as data parallelism does."""
