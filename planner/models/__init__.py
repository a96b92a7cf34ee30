"""A model's shape and files: what its configuration and its tensors' headers say."""
