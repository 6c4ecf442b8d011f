"""Reading and writing what other tools speak: collections (JSONL, CSV, TSV, BEIR, plain text) and TREC runs and qrels."""
