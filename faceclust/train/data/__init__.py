"""Readers of labelled faces, one file a format; `sources` says which one a `--data` means."""
