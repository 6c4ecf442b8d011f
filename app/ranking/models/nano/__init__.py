"""The embedded model: a small causal language model that reasons over evidence cards and never sees the text itself."""
