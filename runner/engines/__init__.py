"""Engines: how the processes of a training are started and communicate, one module each."""
