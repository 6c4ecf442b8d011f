"""Queries, one file per aggregate. Functions take an open session, plain values in and out; nothing here formats for people."""
