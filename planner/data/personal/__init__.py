"""Finds and redacts personal data and secrets in text, by their published forms."""
