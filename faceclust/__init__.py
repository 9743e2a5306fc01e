"""faceclust: finds every person in a photo library, on the user's own machine."""

__all__ = ["__version__"]

__version__ = "0.4.0.dev0"
