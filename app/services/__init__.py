"""Use-cases, one file each: plain values and an Actor in, JSON-ready values out. No web framework, no model library at import."""
