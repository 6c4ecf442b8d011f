"""Streams of values to files, one file per format; each yields pieces of bytes, so that nothing has to fit into memory."""
