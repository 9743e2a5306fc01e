"""What a training is going to do: which options go with it, and which stages the data can feed.

All of it is said before any long work begins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from faceclust.embed.open_clip_model import import_torch
from faceclust.errors import InputError, OptionError, WeightsError
from faceclust.graph import gpu
from faceclust.train.data import sources
from faceclust.train.options import ALL, Stage, TrainOptions

NO_CAPTIONS = (
    "needs --data FOLDER, one folder with train-celeb-attributes.csv and the tars of labelled "
    "crops; see pretrained/README.md."
)
NO_CLIP = (
    "needs the faces' CLIP embeddings, and these data come without images; give crops or photos, "
    "or MS1M with lists/PART.list, train.rec and train.idx beside its features."
)


@dataclass(frozen=True, slots=True)
class Plan:
    """The stages that are trained, in order, and what those need that cannot be."""

    stages: tuple[Stage, ...]
    skipped: Mapping[Stage, str]


def plan_of(
    data: Sequence[str], options: TrainOptions, root: Path | None, part: str | None
) -> Plan:
    """Which of the stages that were asked for these data can feed.

    Raises:
        OptionError: options that do not go together.
        InputError: the data are missing, or cannot feed the one stage that was asked for.
        WeightsError: a stage needs what is not installed, or a GPU that is not there.
    """
    sources.check(data, root, part)
    lacking: dict[Stage, str] = {}
    if "face-clip" in options.stages and not _has_captions(data):
        lacking["face-clip"] = NO_CAPTIONS
    if "clip-cluster" in options.stages and not sources.has_clip(data, root, part):
        lacking["clip-cluster"] = NO_CLIP
    if options.stage != ALL and lacking:
        raise InputError(f"--stage {options.stage} {next(iter(lacking.values()))}")
    stages = tuple(stage for stage in options.stages if stage not in lacking)
    if {"face-clip", "clip-cluster"} & set(stages):
        _require_torch(options)
    return Plan(stages, lacking)


def _has_captions(data: Sequence[str]) -> bool:
    return len(data) == 1 and (Path(data[0]) / "train-celeb-attributes.csv").is_file()


def _require_torch(options: TrainOptions) -> None:
    try:
        import_torch()
    except WeightsError as error:
        raise WeightsError(
            "Training face-CLIP and CLIP-Cluster needs torch and open_clip; "
            "pip install 'faceclust[clip]', or train with --stage edges."
        ) from error
    if options.device == "cuda" and (reason := gpu.unusable()) is not None:
        raise WeightsError(f"--device cuda cannot be used for training: {reason}")


def require_use(
    options: TrainOptions, *, tuning: bool, profile: str | None, engine: str, read: bool
) -> None:
    """Refuse options that this training would not look at.

    Args:
        options: of the run.
        tuning: the data are the user's library.
        profile, engine: of the command.
        read: --root or --part was given.

    Raises:
        OptionError: there is one.
    """
    if tuning and options.stages != ("edges",):
        raise OptionError("--data library trains the edge model; use --stage edges, or none.")
    if tuning and (read or profile or options.device != "cpu"):
        raise OptionError(
            "--root, --part, --profile and --device do not go with --data library: its faces are "
            "embedded already."
        )
    if profile and options.stages == ("face-clip",):
        raise OptionError("--profile does not go with --stage face-clip, which embeds nothing.")
    if engine == "ray" and "edges" not in options.stages:
        raise OptionError("--engine ray goes with --stage edges, or all of them.")
