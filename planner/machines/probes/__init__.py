"""Probes of a machine's cards, memory and processor; each is a function of a `host.Host`."""
