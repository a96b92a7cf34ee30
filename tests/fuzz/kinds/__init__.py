"""What is spoiled, one module a kind: its `COUNT`, and `Kind`, whose `case` tries one."""
