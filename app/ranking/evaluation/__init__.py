"""Measuring rankings: metrics in trec_eval's conventions, intervals, agreement. Pure functions of plain mappings."""
