"""Kernels that replace a model's own operations, as the lock's `train` names them."""
