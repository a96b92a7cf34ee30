"""What a run is, in words: intent, lock, receipt, their text, digests and differences."""
