"""What a model must be for its GGUF export, from its configuration, tokenizer and tensor headers.

A plan asks these conditions before training, a run before its first step, and the export before it
writes. The rules are llama.cpp's: its loader, its tokenizers and its own converter.
"""
