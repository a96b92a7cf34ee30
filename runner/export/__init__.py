"""Exports of a trained model: merge, convert, describe, push."""
