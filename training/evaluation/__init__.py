"""Evaluation of a candidate beside the active model: lists with grades, both models' orders of them, evidence for the gate, the table."""
