"""A model's shape and files, from its configuration and the headers of its weights."""
