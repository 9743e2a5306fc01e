"""How well clusters agree with the truth: pairwise and BCubed precision, recall and F."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from faceclust.errors import InputError
from faceclust.records import IntArray

Labels: TypeAlias = NDArray[Any]

LARGEST_LABELS_FILE = 256 * 1024**2


@dataclass(frozen=True, slots=True)
class PRF:
    """Precision, recall and their harmonic mean f (0 where both are 0), each in [0, 1]."""

    precision: float
    recall: float
    f: float


@dataclass(frozen=True, slots=True)
class Scores:
    """Both measures of one clustering, and the sizes that they stand for."""

    pairwise: PRF
    bcubed: PRF
    num_faces: int
    num_people: int
    num_clusters: int


def pairwise(truth: Labels, labels: Labels) -> PRF:
    """Precision and recall over pairs of faces.

    P = (sum n² - N) / (sum b² - N) and R = (sum n² - N) / (sum a² - N), for contingency counts n
    with row sums a (truth) and column sums b (clusters). Where there is no pair to be wrong about
    (nothing but singletons), the value is 1.

    Args:
        truth: (N,) the person of each face, integers or strings.
        labels: (N,) the cluster of each face; N = 0 scores 0.
    """
    n, _, _, a, b = _contingency(truth, labels)
    N = n.sum()
    if not N:
        return _prf(0, 0)
    shared, predicted, true = ((c**2).sum() - N for c in (n, b, a))
    return _prf(shared / predicted if predicted else 1, shared / true if true else 1)


def bcubed(truth: Labels, labels: Labels) -> PRF:
    """Precision and recall averaged over faces (Bagga and Baldwin, 1998).

    P = sum(n² / b) / N and R = sum(n² / a) / N, with the symbols and arguments of `pairwise`.
    """
    n, row, col, a, b = _contingency(truth, labels)
    N = n.sum()
    if not N:
        return _prf(0, 0)
    return _prf((n**2 / b[col]).sum() / N, (n**2 / a[row]).sum() / N)


def scores(truth: Labels, labels: Labels) -> Scores:
    """Both measures; arguments as in `pairwise`."""
    return Scores(
        pairwise(truth, labels),
        bcubed(truth, labels),
        num_faces=len(truth),
        num_people=len(np.unique(truth)),
        num_clusters=len(np.unique(labels)),
    )


def read_labels(path: Path) -> dict[str, str]:
    """Read who is in which photo from a CSV file with the columns `file` and `person`.

    Returns:
        Person by file, in the order of the table; files without a person are left out.

    Raises:
        InputError: the file is missing, too large, not UTF-8 or no CSV, lacks a column, or gives
            two people for one file.
    """
    try:
        if not path.is_file():
            raise InputError(f"{path} is not a file; give a CSV with the columns file, person.")
        if path.stat().st_size > LARGEST_LABELS_FILE:
            raise InputError(f"{path} is larger than 256 MiB; split the table of labels.")
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return _people(csv.DictReader(stream), path)
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text; save the table as UTF-8 CSV.") from error
    except csv.Error as error:
        raise InputError(f"{path} is not a CSV file ({error}); save the table as CSV.") from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); check its permissions."
        ) from error


def _prf(precision: float, recall: float) -> PRF:
    total = precision + recall
    return PRF(
        float(precision), float(recall), float(2 * precision * recall / total) if total else 0.0
    )


def _people(table: csv.DictReader[str], path: Path) -> dict[str, str]:
    missing = {"file", "person"} - set(table.fieldnames or ())
    if missing:
        raise InputError(
            f"{path} has no column {' and no column '.join(sorted(missing))}; the first line must"
            " name the columns file and person."
        )
    people: dict[str, str] = {}
    for row in table:
        file, person = ((row[column] or "").strip() for column in ("file", "person"))
        if not file and person:
            raise InputError(f"{path}, line {table.line_num}: {person} has no file; name one.")
        if person and people.setdefault(file, person) != person:
            raise InputError(
                f"{path}, line {table.line_num}: {file} is both {people[file]} and {person};"
                " keep one of them."
            )
    return people


def _contingency(
    truth: Labels, labels: Labels
) -> tuple[IntArray, IntArray, IntArray, IntArray, IntArray]:
    """Non-zero counts n (E,) with their rows and columns; row sums a, column sums b; int64."""
    truth, labels = np.asarray(truth), np.asarray(labels)
    if truth.ndim != 1 or truth.shape != labels.shape:
        raise ValueError(f"truth {truth.shape} and labels {labels.shape} must both be (N,)")
    _, i, a = np.unique(truth, return_inverse=True, return_counts=True)
    _, j, b = np.unique(labels, return_inverse=True, return_counts=True)
    cell, n = np.unique(i * max(len(b), 1) + j, return_counts=True)
    row, col = np.divmod(cell, max(len(b), 1))
    return n, row, col, a, b
