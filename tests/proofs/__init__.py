"""Long proofs: `make proof NAME`, finished cells are lines of docs/results/NAME.jsonl."""
