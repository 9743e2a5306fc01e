"""Embeddings of aligned faces."""
