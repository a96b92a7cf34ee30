"""Data parallelism: each process has a copy of the model and a share of a step."""

from lockfiles.engines.engine import Engine

ENGINE = Engine(least_processes=2, copies=True, graphs=True)
