"""The splits of a run: read, mended, split off, tokenized and held apart."""
