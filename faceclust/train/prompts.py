"""Write what the default attributes' prompts mean to face-CLIP: no torch is needed to use them.

`python -m faceclust.train.prompts` reads `pretrained/face-clip.*` and writes
`pretrained/face-clip-attributes.npz`; to be run again when face-CLIP or a default prompt changes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from faceclust.embed import prompts
from faceclust.embed.attributes import DEFAULTS
from faceclust.embed.clip import FACE_CLIP, Clip, model_id


def main() -> None:
    """Write the file beside the weights."""
    parser = argparse.ArgumentParser(description="Embed the default attributes' prompts.")
    parser.add_argument("--out", type=Path, default=Path("pretrained") / prompts.SHIPPED)
    given = parser.parse_args()
    prompts.save(given.out, model_id(FACE_CLIP), DEFAULTS, Clip())


if __name__ == "__main__":
    main()
