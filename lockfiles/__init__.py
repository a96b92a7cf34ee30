"""The files of a run (intent, lock, receipt): their tables, text, digests and differences."""
