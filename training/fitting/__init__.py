"""Fitting: what turns weights and a dataset version into other weights, one family of models at a time."""
