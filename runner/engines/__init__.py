"""Engines: how the processes of a stage are started and communicate, one module each."""
