"""Training of what `pretrained/` holds: one linear script a model."""
