"""One process."""

from lockfiles.engines.engine import Engine

ENGINE = Engine(most_processes=1, on_cpu=True, graphs=True)
