"""GGUF export: a merged Hugging Face folder becomes one file for llama.cpp.

Conversion is numpy only; everything that calls llama.cpp runs in a child process, because a
file that llama.cpp dislikes aborts the process that loads it.
"""
