"""Names that other programs gave to the people in photos: read, matched to faces, settled."""
