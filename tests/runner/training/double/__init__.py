"""A toy objective: supervised fine-tuning with its loss doubled."""
