"""A catalogue of models and accelerators by name."""
