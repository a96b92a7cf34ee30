"""Code of the restricted child process: templates, tokenizers, Parquet, dataset cards."""
