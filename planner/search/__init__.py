"""The search over training setups: the candidates, the choice, and its reasons."""
