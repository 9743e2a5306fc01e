"""The weights that open_clip's models were released with: in the hub's cache, or fetched once.

Only files of safetensors are opened: a pickle may run what its maker likes. The hub is asked where
the cache has no such file, and is not told who asks: `faceclust` turns the user's token off.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path, PurePosixPath

from faceclust.errors import WeightsError

SAFE = "open_clip_model.safetensors"
MOST_NAMED = 3


def weights(model: str, tag: str) -> Path:
    """The weights of a model of open_clip, as a file of safetensors.

    Raises:
        WeightsError: there is no such file, or it can neither be found nor fetched.
    """
    import huggingface_hub as hub
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    place = _place(model, tag)
    if place is None:
        raise _unsafe(model, tag)
    if (cached := _cached(place)) is not None:
        return cached
    try:
        return Path(hub.hf_hub_download(*place))
    except LocalEntryNotFoundError as error:  # no answer, though it is one of those below
        raise unreachable(model, tag) from error
    except EntryNotFoundError as error:
        raise _unsafe(model, tag) from error
    except (OSError, ValueError, RuntimeError) as error:
        raise unreachable(model, tag) from error


def unreachable(model: str, tag: str) -> WeightsError:
    """What to say where the hub does not give something of a model's."""
    return WeightsError(
        f"the weights {model}/{tag} cannot be fetched: their hub cannot be reached, or does not "
        "give them to everybody; check the connection, or use --clip face-clip, which comes with "
        "faceclust."
    )


def _place(model: str, tag: str) -> tuple[str, str] | None:
    """Repository and name of a file on the hub; None where the weights are somewhere else."""
    import open_clip

    repository, _, file = open_clip.get_pretrained_cfg(model, tag).get("hf_hub", "").rpartition("/")
    if not repository:
        return None
    return repository, str(PurePosixPath(file).with_suffix(".safetensors")) if file else SAFE


def _cached(place: tuple[str, str]) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(*place)
    return Path(found) if isinstance(found, str) else None


def _unsafe(model: str, tag: str) -> WeightsError:
    instead = [f"{model}/{other}" for other in _safe_tags(model, tag)]
    return WeightsError(
        f"the weights {model}/{tag} were not released as safetensors, and files of other kinds can "
        f"run programs when they are opened; use --clip {' or '.join([*instead, 'face-clip'])}."
    )


def _safe_tags(model: str, but: str) -> list[str]:
    """A few other weights of a model that can be opened, as far as the hub tells."""
    import open_clip

    tags = (tag for tag in open_clip.list_pretrained_tags_by_model(model) if tag != but)
    return list(islice((tag for tag in tags if _is_safe(model, tag)), MOST_NAMED))


def _is_safe(model: str, tag: str) -> bool:
    import huggingface_hub as hub

    place = _place(model, tag)
    try:
        return place is not None and (_cached(place) is not None or hub.file_exists(*place))
    except Exception:  # noqa: BLE001 - whatever the hub's client raises: less can be told then
        return False
