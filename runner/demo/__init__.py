"""The built-in demo: a small pretrained base model, real rows, and the script that made them."""
