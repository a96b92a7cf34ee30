"""How the processes of a training are started, and what they have in common: one module each."""
