"""Finds near-duplicate rows in linear time, by the Jaccard index of their word shingles."""
