"""The built-in demo: a small pretrained base, real rows, and the script that made them."""
