"""Nearest neighbours and graphs over faces."""
