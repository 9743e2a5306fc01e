"""Train face-CLIP: `python -m faceclust.train.face_clip --data ../shared/data --run RUN`.

First the text tower learns words from imaginary faces, then the projection of the image tower
is fitted to it, then everything is trained together, see `losses`. A second run goes on from the
weights of the first (`--start`) with the image tower alone, and with what `genders` finds out.

Everything random is a function of the seed and the step, so a run that was killed resumes from
its last checkpoint and ends with the same weights, bit for bit.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from faceclust import weights
from faceclust.embed.arcface import Embedder, Network
from faceclust.embed.open_clip_model import MEAN, STD, architecture, prepare
from faceclust.errors import InputError
from faceclust.faces.detector import Detector, DetectorOptions
from faceclust.photos import content_hash
from faceclust.train import genders, labelled
from faceclust.train.batches import Batch, Batches, Words, words_of
from faceclust.train.captions import OFFSETS, VALUES
from faceclust.train.checkpoint import (
    UNSEEN,
    Options,
    State,
    export,
    load_start,
    load_trunk,
    make_relus,
    optimiser_of,
    update,
)
from faceclust.train.genders import Teaching
from faceclust.train.imitate import Teacher, imitation_loss
from faceclust.train.labelled import Faces
from faceclust.train.losses import Imagined, Weighting, caption_loss, prompt_loss
from faceclust.train.pools import SETS, log_priors, pools_of
from faceclust.weights import own

LOG_EVERY = 20


def start(config: Path, trunk: Path | None, options: Options) -> tuple[State, Any]:
    """A fresh state and the tokenizer."""
    torch.manual_seed(options.seed)
    model, tokenize = architecture(config)
    if options.start:
        load_start(model, Path(options.start))
        model.text.requires_grad_(False)
        model.logit_scale.requires_grad_(False)
    else:
        if trunk is not None:
            load_trunk(model.visual.trunk, trunk)
        with torch.no_grad():
            # Words that no caption holds get no gradient: they must not add noise either.
            model.text.token_embedding.weight[UNSEEN] = 0
            model.logit_scale.fill_(math.log(20.0))
    model = model.to(options.device, memory_format=torch.channels_last)
    average = {k: v.detach().clone() for k, v in model.state_dict().items()}
    return State(model, average, optimiser_of(model, options)), tokenize


def losses(
    state: State, embed: Callable[[], Tensor], labels: Tensor, words: Words, prior: Tensor,
    options: Options, taught: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """The losses of one batch: of prompts, of captions, of imitation.

    Args:
        state: whose text tower reads.
        embed: gives the (B, E) image embeddings, normalised.
        labels: (B, G) value, -1 unknown.
        words: the texts.
        prior: (V,) log frequencies.
        options: of the run.
        taught: (B, E) what a teacher's embeddings are, if there is one.
    """
    # What follows the longest text is padding, which a causal tower never looks at.
    length, v = words.tokens.shape[1], OFFSETS[-1]
    mask = state.model.text.build_causal_mask()[:length, :length]
    state.model.text.attn_mask = mask.to(options.device)
    with torch.autocast(options.device, torch.bfloat16, enabled=options.precision == "bf16"):
        t = state.model.encode_text(words.tokens, normalize=True)
        i = embed()
    i, t, scale = i.float(), t.float(), state.model.logit_scale.exp()
    weighting = Weighting(options.smoothing, options.gender, options.doubt)
    by_prompt = prompt_loss(i, t[:v], labels, scale, prior, weighting)
    by_caption = caption_loss(i, t[v:], words.true, words.known, scale)
    if taught is None:
        return by_prompt, by_caption, torch.zeros((), device=options.device)
    return by_prompt, by_caption, imitation_loss(i, taught, t[:v], scale, weighting)


def train_step(
    state: State, batch: Batch, prior: Tensor, options: Options, teacher: Teacher | None = None
) -> dict[str, float]:
    """One step on one batch; returns what to log, which is nothing in most steps."""
    batch = batch.on(options.device)
    trunk = state.model.visual.trunk
    trunk.requires_grad_(state.step >= options.head)
    trunk.blocks[: options.frozen].requires_grad_(False)
    if 0 < options.rectify <= state.step:
        make_relus(trunk)
    x = prepare(batch.images.permute(0, 3, 1, 2).float(), batch.images.shape[1], MEAN, STD)
    by_prompt, by_caption, by_teacher = losses(
        state, lambda: state.model.encode_image(x, normalize=True), batch.labels, batch.words,
        prior, options, teacher(x) if teacher else None,
    )  # fmt: skip
    labelled_loss = by_prompt + options.captions * by_caption
    loss = torch.lerp(labelled_loss, by_teacher, options.imitate)
    state.optimiser.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(state.model.parameters(), 5.0)
    update(state, options)
    if state.step % LOG_EVERY:
        return {}  # to read a number is to wait for the GPU
    return {"prompts": by_prompt.item(), "captions": by_caption.item(),
            "imitation": by_teacher.item(), "norm": norm.item(),
            "scale": state.model.logit_scale.exp().item()}  # fmt: skip


def learn_words(state: State, tokenize: Any, options: Options) -> Iterator[float]:
    """Train the text tower alone on imaginary faces; yields the prompt loss of each step."""
    imagined = Imagined(int(state.model.text.text_projection.shape[1])).to(options.device)
    learned = [*state.model.text.parameters(), *imagined.parameters()]
    optimiser = torch.optim.AdamW(learned, lr=options.lr_words, betas=(0.9, 0.98))
    prior = torch.zeros(OFFSETS[-1], device=options.device)
    for step in range(options.words):
        rng = np.random.default_rng((options.seed, 4, step))
        labels = np.stack([[rng.integers(len(v)) for v in VALUES] for _ in range(64)])
        labels = labels.astype(np.int8)
        facts = torch.from_numpy(labels).to(options.device)
        words = words_of(labels, rng, tokenize, options.unseen).on(options.device)
        by_prompt, by_caption, _ = losses(
            state, partial(imagined.forward, facts), facts, words, prior, options
        )
        optimiser.zero_grad()
        (by_prompt + options.captions * by_caption).backward()
        nn.utils.clip_grad_norm_(learned, 5.0)
        for group in optimiser.param_groups:
            group["lr"] = options.lr_words * min(1.0, (step + 1) / options.warmup)
        optimiser.step()
        yield by_prompt.item()


def detector() -> Detector:
    """The detector whose landmarks say how far a face is turned."""
    options = DetectorOptions(min_score=0.3, min_face=10, small_side=192, large_side=192)
    return Detector(weights.path_of("scrfd-2.5g"), options)


def embedder() -> Embedder:
    """The identity networks that `genders` learns from."""
    names = ("arcface-mobilefacenet-512", "mobilefacenet-192")
    return Embedder([Network(weights.path_of(name), 128.0) for name in names])


def data_of(
    options: Options, reading: Callable[[str], None] = lambda name: None
) -> dict[str, Faces]:
    """The labelled sets; in a second run with better genders.

    `reading` is told the name of each set before it is read.

    Raises:
        InputError: data are missing or malformed.
    """
    folder, cache = Path(options.data), Path(options.cache or f"{options.run}/cache")
    sets = labelled.load(folder, cache, detector, reading)
    if options.start:
        _, names = labelled.read_crops(folder / "train-family.tar", cache)
        people = [Path(name).parent.name for name in names]
        genders.improve(sets, people, cache, embedder, Teaching(seed=options.seed))
    return sets


def digest_of(sets: Mapping[str, Faces], options: Options) -> str:
    """What tells the faces of a run, and the weights that it begins with, from another's."""
    digest = hashlib.sha256()
    for name, faces in sets.items():
        digest.update(f"{name} ".encode() + faces.split.tobytes())  # made of the faces' names
    for weights_file in filter(None, (options.start, options.teacher)):
        digest.update(content_hash(Path(weights_file)).encode())
    return digest.hexdigest()


def train(
    options: Options,
    config: Path,
    trunk: Path | None,
    tell: Callable[[dict[str, Any]], None] = lambda row: None,
) -> Path:
    """Run to the last step, from the last checkpoint if there is one; returns the weights' file.

    `tell` is given the losses that go to `losses.jsonl`, with the step and how many there are, and
    which data are read.

    Raises:
        OptionError: the folder holds a run with other options or data.
        InputError: data are missing or malformed, or what the folder holds is damaged.
    """
    torch.set_num_threads(options.threads)
    torch.backends.cudnn.benchmark = options.device == "cuda"  # all batches are of one size
    run = Path(options.run)
    run.mkdir(parents=True, exist_ok=True)
    sets = data_of(options, lambda name: tell({"told": f"reads {name}"}))
    pools, digest = pools_of(sets), digest_of(sets, options)
    prior = torch.from_numpy(log_priors(pools, options.batch)).to(options.device)
    state, tokenize = start(config, trunk, options)
    size = int(state.model.visual.image_size[0])
    teacher = None
    if options.imitate:
        teacher = Teacher(config, Path(options.teacher or options.start)).to(options.device)
    checkpoint = run / "state.safetensors"
    began = time.monotonic()
    with (run / "losses.jsonl").open("a", encoding="utf-8") as log:
        if checkpoint.is_file():
            state.load(checkpoint, options, digest)
        elif not options.start:
            for number, loss in enumerate(learn_words(state, tokenize, options), 1):
                if number % LOG_EVERY == 0:
                    log.write(json.dumps({"words": loss, "step": number}) + "\n")
                    log.flush()
                    tell({"words": loss, "step": number, "of": options.words})
            state.average = {k: v.detach().clone() for k, v in state.model.state_dict().items()}
        first, path = state.step, run / "face-clip.safetensors"
        for batch in Batches(pools, tokenize, size, options).following(first):
            row = train_step(state, batch, prior, options, teacher)
            if state.step % LOG_EVERY == 0:
                row |= {"step": state.step, "seconds": round(time.monotonic() - began, 1)}
                log.write(json.dumps(row) + "\n")
                log.flush()
                tell({**row, "of": options.steps})
            if state.step % options.save_every == 0 or state.step == options.steps:
                state.save(checkpoint, options, digest)
                export(state, tokenize, path, options)
        if state.step == first:  # the last step was saved, and killed before its result was
            export(state, tokenize, path, options)
    return path


def main() -> None:
    """Parse the options and train."""
    parser = argparse.ArgumentParser(description="Train face-CLIP.")
    parser.add_argument("--trunk", type=Path, help="the identity network to start from")
    parser.add_argument("--config", type=Path, default=own("face-clip.json"))
    kinds = {"str": str, "int": int, "float": float}
    for field in fields(Options):
        if (kind := kinds.get(str(field.type))) is not None:
            required = field.default is MISSING
            flag = f"--{field.name.replace('_', '-')}"
            default = None if required else field.default
            parser.add_argument(flag, type=kind, required=required, default=default)
    parser.add_argument("--batch", type=int, nargs=len(SETS), help=" ".join(SETS))
    given = vars(parser.parse_args())
    if (batch := given.pop("batch")) is not None:
        given["batch"] = tuple(batch)
    trunk, config = given.pop("trunk"), given.pop("config")
    if trunk is None:
        trunk = weights.path_of("arcface-mobilefacenet-512")
    if not Path(given["data"]).is_dir():
        raise InputError(f"{given['data']} is not a folder; give the labelled tar files' folder.")
    train(Options(**given), config, trunk)


if __name__ == "__main__":
    main()
