"""The products of a frozen base in FP8: how fast they train, in what memory, and how well."""
