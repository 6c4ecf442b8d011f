"""Finding candidates: words (BM25), meaning (embeddings) and their fusion, over immutable collections with cached indexes."""
