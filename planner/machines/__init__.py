"""The hardware of a machine, and the processes that use its cards."""
