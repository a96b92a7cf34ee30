"""Makes the splits of a run: rows are read, cleaned, split and tokenized."""
