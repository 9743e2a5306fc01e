"""Clustering of faces: embeddings and graphs in, labels out."""
