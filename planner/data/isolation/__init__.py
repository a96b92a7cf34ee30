"""Chat templates and tokenizers of strangers, run in a process of their own.

A template is a program and a tokenizer is a table for one: both can compute without end, take all
memory, panic or abort. The child process has limits that hold inside a single call, no secrets in
its environment, no open files but its two pipes, and cannot write files. The parent waits with a
deadline, checks every byte that comes back, and turns each ending into one sentence.
"""
