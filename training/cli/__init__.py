"""Verbs of `python -m training` that are more than a few lines."""
