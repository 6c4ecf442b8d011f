"""Suites: declarations of test collections (*.toml), their files found and read, and what was published about them."""
