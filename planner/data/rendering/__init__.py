"""Renders chat templates in a sandbox, and finds the scored characters."""
