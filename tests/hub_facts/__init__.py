"""Public facts of models on the Hub, and how the program's own tables compare with them."""
