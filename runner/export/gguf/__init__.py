"""GGUF export: a merged Hugging Face folder becomes one file for llama.cpp.

Conversion uses only numpy. Everything that calls llama.cpp runs in a child process, because an
invalid file aborts the process that loads it.
"""
