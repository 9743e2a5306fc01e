import os
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceclust import evaluate
from faceclust.errors import InputError
from faceclust.evaluate import PRF, bcubed, pairwise, read_labels, scores
from faceclust.records import IntArray

Case = tuple[IntArray, IntArray]


@st.composite
def cases(draw: st.DrawFn, smallest: int = 1) -> Case:
    size = draw(st.integers(smallest, 25))
    truth, labels = (
        np.array(draw(st.lists(st.integers(0, 6), min_size=size, max_size=size)), np.int64)
        for _ in range(2)
    )
    return truth, labels


def naive_pairwise(truth: IntArray, labels: IntArray) -> tuple[float, float]:
    i, j = np.triu_indices(len(truth), 1)
    true, predicted = truth[i] == truth[j], labels[i] == labels[j]
    both = (true & predicted).sum()
    return (
        both / predicted.sum() if predicted.any() else 1.0,
        both / true.sum() if true.any() else 1.0,
    )


def naive_bcubed(truth: IntArray, labels: IntArray) -> tuple[float, float]:
    true, predicted = truth[:, None] == truth, labels[:, None] == labels
    both = (true & predicted).sum(1)
    return (both / predicted.sum(1)).mean(), (both / true.sum(1)).mean()


def test_a_contingency_table_by_hand() -> None:
    # Ann 3 faces, Bob 2, Cyd 1; clusters {Ann Ann Bob}, {Ann}, {Bob Cyd}.
    truth = np.array(["Ann", "Ann", "Ann", "Bob", "Bob", "Cyd"])
    labels = np.array([10, 10, -4, 10, 7, 7])
    # Pairs: 1 of 4 predicted is true (Ann-Ann); 1 of 4 true (three of Ann, one of Bob) is found.
    assert pairwise(truth, labels) == PRF(0.25, 0.25, 0.25)
    # BCubed P = (4/3 + 1/3 + 1 + 1/2 + 1/2) / 6, R = (4/3 + 1/3 + 1/2 + 1/2 + 1) / 6.
    result = bcubed(truth, labels)
    assert astuple(result) == pytest.approx((11 / 18, 11 / 18, 11 / 18))
    assert scores(truth, labels) == evaluate.Scores(pairwise(truth, labels), result, 6, 3, 3)


def test_unequal_precision_and_recall_by_hand() -> None:
    truth, labels = np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0])
    assert astuple(pairwise(truth, labels)) == pytest.approx((3 / 6, 1, 2 / 3))
    assert astuple(bcubed(truth, labels)) == pytest.approx((10 / 16, 1, 10 / 13))


def test_nothing_but_singletons() -> None:
    apart, together = np.arange(4), np.zeros(4, np.int64)
    assert pairwise(apart, apart) == bcubed(apart, apart) == PRF(1, 1, 1)
    assert pairwise(together, apart) == PRF(1, 0, 0)
    assert pairwise(apart, together) == PRF(0, 1, 0)
    assert bcubed(together, apart) == PRF(1, 0.25, 0.4)


def test_no_face_scores_nothing() -> None:
    nobody = np.empty(0, np.int64)
    assert pairwise(nobody, nobody) == bcubed(nobody, nobody) == PRF(0, 0, 0)
    assert scores(nobody, nobody).num_faces == 0


def test_counts_beyond_32_bits() -> None:
    faces = np.zeros(200_000, np.int32)
    assert pairwise(faces, faces) == bcubed(faces, faces) == PRF(1, 1, 1)


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match=r"must both be \(N,\)"):
        pairwise(np.zeros(3), np.zeros(2))


@given(cases())
def test_equals_the_quadratic_definition(case: Case) -> None:
    assert astuple(pairwise(*case))[:2] == pytest.approx(naive_pairwise(*case))
    assert astuple(bcubed(*case))[:2] == pytest.approx(naive_bcubed(*case))


@given(cases(), st.permutations(range(7)))
def test_names_of_clusters_do_not_matter(case: Case, names: list[int]) -> None:
    truth, labels = case
    renamed = np.array(names)[labels]
    assert pairwise(truth, renamed) == pairwise(truth, labels)
    assert astuple(bcubed(truth, renamed)) == pytest.approx(astuple(bcubed(truth, labels)))
    assert pairwise(truth, truth) == PRF(1, 1, 1)
    assert astuple(bcubed(truth, truth)) == pytest.approx((1, 1, 1))


@given(cases())
def test_swapping_truth_and_clusters_swaps_precision_and_recall(case: Case) -> None:
    truth, labels = case
    for measure in (pairwise, bcubed):
        there, back = measure(truth, labels), measure(labels, truth)
        assert (there.precision, there.recall) == pytest.approx((back.recall, back.precision))


@given(cases(), st.data())
def test_splitting_a_cluster(case: Case, data: st.DataObject) -> None:
    truth, labels = case
    halves = data.draw(st.lists(st.booleans(), min_size=len(truth), max_size=len(truth)))
    split = labels * 2 + np.array(halves)
    assert bcubed(truth, split).precision >= bcubed(truth, labels).precision - 1e-12
    for measure in (pairwise, bcubed):
        assert measure(truth, split).recall <= measure(truth, labels).recall + 1e-12
    by_person = labels * 7 + truth
    assert pairwise(truth, by_person).precision == pytest.approx(1)


@given(cases())
def test_merging_never_lowers_recall(case: Case) -> None:
    truth, labels = case
    for measure in (pairwise, bcubed):
        assert measure(truth, labels // 2).recall >= measure(truth, labels).recall - 1e-12


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "labels.csv"


def test_read_labels_takes_what_spreadsheets_write(table: Path) -> None:
    write(
        table,
        'note,person,file\r\n,Zoë,"a, b.jpg"\r\nx, Bob ,c/d.jpg\r\n,,e.jpg\r\n\r\n'
        ",Bob,c/d.jpg\r\n,Al,e.jpg",
        "utf-8-sig",
    )
    assert read_labels(table) == {"a, b.jpg": "Zoë", "c/d.jpg": "Bob", "e.jpg": "Al"}


def test_read_labels_treats_short_lines_as_unlabelled(table: Path) -> None:
    assert read_labels(write(table, "file,person\na.jpg\nb.jpg,Ann,extra\n")) == {"b.jpg": "Ann"}


def test_read_labels_of_the_album(photos: Path) -> None:
    people = read_labels(photos / "album" / "labels.csv")
    assert len(people) == 514
    assert len(set(people.values())) == 210
    assert all((photos / "album" / file).is_file() for file in people)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no column file and no column person"),
        ("name,person\na.jpg,Ann\n", "no column file;"),
        ("file;person\na.jpg;Ann\n", "the first line must name the columns file and person"),
        ("file,person\na.jpg,Ann\na.jpg,Bob\n", r"line 3: a.jpg is both Ann and Bob"),
        ("file,person\n,Ann\n", "line 2: Ann has no file"),
        (f'file,person\n"{"x" * 200_000}",Ann\n', "not a CSV file"),
    ],
)
def test_read_labels_says_what_is_wrong(table: Path, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as error:
        read_labels(write(table, text))
    assert str(table) in str(error.value)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_read_labels_refuses_other_encodings(table: Path, encoding: str) -> None:
    with pytest.raises(InputError, match="save the table as UTF-8"):
        read_labels(write(table, "file,person\na.jpg,Zoë\n", encoding))


def test_read_labels_needs_a_file_of_sensible_size(
    tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (table, tmp_path):
        with pytest.raises(InputError, match="is not a file"):
            read_labels(path)
    write(table, "file,person\na.jpg,Ann\n")
    monkeypatch.setattr(evaluate, "LARGEST_LABELS_FILE", 10)
    with pytest.raises(InputError, match="is larger than"):
        read_labels(table)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_read_labels_never_waits_for_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="is not a file"):
        read_labels(tmp_path / "pipe")
