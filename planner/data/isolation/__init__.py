"""Runs untrusted chat templates and tokenizers in a restricted child process.

A template is a program, and a tokenizer the table of one: both can loop forever, exhaust memory,
panic or abort. The child process has limits on every call, no secrets in its environment and no
open files but its two pipes, and cannot write files. The parent waits with a deadline, checks all
output, and turns every failure into one sentence.
"""
