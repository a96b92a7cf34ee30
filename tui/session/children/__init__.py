"""Processes of their own that read the data beside the screen, so that keys never wait."""
