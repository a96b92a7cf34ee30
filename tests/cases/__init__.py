"""Inputs that people have, each with what is right: rows, tables, models and exports.

A case names the public report that shows its property. The rows are made here, and the models are
the demo's base with one property changed.
"""
