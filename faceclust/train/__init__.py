"""Training: libraries sampled from labelled faces, and the models learnt from them."""
