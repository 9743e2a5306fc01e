"""faceclust: finds every person in a photo library, on the user's own machine."""

import os

__all__ = ["__version__"]

__version__ = "0.4.0.dev0"

# Nothing leaves the machine. These libraries report on their use unless told not to before they
# are imported; onnxruntime with an id of the machine that it keeps in the user's folder. And the
# hub that models are fetched from need not know whose account of it this is.
os.environ |= {
    "ORT_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}
