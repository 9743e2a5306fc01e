"""Detection and alignment: a photo in, aligned faces out."""
