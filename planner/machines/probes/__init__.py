"""Readers of a machine's cards, memory and processor, each a function of a `host.Host`."""
