"""Bundles: one folder that holds all that explains a number, and the comparison that names why two numbers differ."""
