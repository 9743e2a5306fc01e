"""Exporters: people and their photos in, planned writes out."""
