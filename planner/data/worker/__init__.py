"""What runs inside the limited process: templates, tokenizers, Parquet files, dataset cards."""
