"""One process."""

from lockfiles.engines.engine import Engine

ENGINE = Engine(most_processes=1, graphs=True)
