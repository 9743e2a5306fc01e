"""What `faceclust train` can be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from faceclust.errors import OptionError
from faceclust.graph.architecture import VARIANTS
from faceclust.weights import Device

Stage = Literal["edges", "face-clip", "clip-cluster"]
Precision = Literal["float32", "bf16"]
# In the order in which they are trained. CLIP-Cluster adds to the run's own edge model, if there is
# one; its faces and words are described by the face-CLIP that is shipped, never by the run's own.
STAGES: tuple[Stage, ...] = ("face-clip", "edges", "clip-cluster")
ALL = "all"


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """How a training runs.

    Attributes:
        stage: which model; "all" for each in turn.
        seed: of everything random.
        device: where networks run, for embedding and for the stages that have any.
        precision: of those stages.
        epochs: of the stage edges, in place of its own number.
        steps: of each stage that is trained, in place of its own number.
        resume: True goes on from a checkpoint, False begins anew, None goes on where there is one.
        variant: of the stage clip-cluster, for ablations.

    Raises:
        OptionError: a value that no training can run with.
    """

    stage: str = ALL
    seed: int = 0
    device: Device = "cpu"
    precision: Precision = "float32"
    epochs: int | None = None
    steps: int | None = None
    resume: bool | None = None
    variant: str = "clip-cluster"

    def __post_init__(self) -> None:
        if self.stage not in (*STAGES, ALL):
            raise OptionError(f"--stage must be one of {', '.join((*STAGES, ALL))}.")
        if self.device not in get_args(Device):
            raise OptionError(f"--device must be one of {', '.join(get_args(Device))}.")
        if self.precision not in get_args(Precision):
            raise OptionError(f"--precision must be one of {', '.join(get_args(Precision))}.")
        if self.precision == "bf16" and self.stage == "edges":
            raise OptionError("--stage edges is trained in float32 only; leave bf16 out.")
        if self.variant not in VARIANTS:
            raise OptionError(f"--variant must be one of {', '.join(VARIANTS)}.")
        if self.variant != "clip-cluster" and "clip-cluster" not in self.stages:
            raise OptionError(f"--variant does not go with --stage {self.stage}; leave it out.")
        if self.epochs is not None and "edges" not in self.stages:
            raise OptionError(f"--epochs does not go with --stage {self.stage}; give --steps.")
        for name in ("epochs", "steps"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise OptionError(f"--{name} must be at least 1, not {value}.")
        if self.seed < 0:
            raise OptionError(f"--seed must be 0 or more, not {self.seed}.")

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages to be trained, in order."""
        chosen = STAGES if self.stage == ALL else (self.stage,)
        return tuple(stage for stage in STAGES if stage in chosen)
