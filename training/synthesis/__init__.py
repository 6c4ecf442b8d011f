"""Synthesis of training data with a teacher: sources, candidate pools, pointwise mining, listwise ranking."""
