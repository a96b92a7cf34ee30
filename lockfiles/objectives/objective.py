"""What the settings of every objective have."""

from lockfiles.fields import Table


class ObjectiveTable(Table):
    """What the loss teaches."""

    name: str
    """Names the objective; what else the table holds depends on it."""
