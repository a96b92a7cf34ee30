"""What the stages of a run call: training, scoring, merging, GGUF, pushing."""
