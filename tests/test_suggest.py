import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from faceclust.suggest import LEAST, MOST, Likeness, likeness, rank


def likely(*pairs: tuple[int, int, float]) -> Likeness:
    ends = np.array([pair[:2] for pair in pairs], np.int64).reshape(-1, 2).T
    return Likeness(ends, np.array([pair[2] for pair in pairs]))


def test_more_evidence_is_more_probable_and_a_common_photo_less() -> None:
    size = np.array([3, 2, 2, 2])
    faces = np.array([[0, 0, 0, 0, 2], [1, 1, 2, 3, 2]])
    log_odds = np.array([2, 2, 2, 2, 9], np.float32)
    found = likeness(size, faces, log_odds, np.array([[3], [0]]))
    assert found.pairs.T.tolist() == [[0, 1], [0, 2], [0, 3]]
    two, one, met = found.probability.tolist()
    assert two > one > met


def test_the_named_person_is_asked_about_and_large_candidates_come_first() -> None:
    size, named = np.array([2, 9, 5, 1]), np.array([True, False, False, False])
    first, second = rank(size, named, likely((0, 1, 0.6), (2, 3, 0.9)))
    assert (first.person, [box.person for box in first.candidates]) == (0, [1])
    assert first.candidates[0].faces == 9
    assert first.candidates[0].ticked
    assert (second.person, [box.person for box in second.candidates]) == (2, [3])


def test_two_named_people_and_hopeless_pairs_are_no_question() -> None:
    named = np.array([True, True, False])
    assert rank(np.array([2, 2, 2]), named, likely((0, 1, 0.9), (0, 2, LEAST / 2))) == []


people = st.integers(2, 12)


@given(st.data(), people)
def test_nobody_is_asked_about_twice(data: st.DataObject, count: int) -> None:
    ends = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(
        lambda pair: pair[0] < pair[1]
    )
    pairs = sorted(data.draw(st.sets(ends)))
    shares = [data.draw(st.floats(0, 1)) for _ in pairs]
    size = np.array(data.draw(st.lists(st.integers(1, 9), min_size=count, max_size=count)))
    named = np.array(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    found = likely(*((*pair, p) for pair, p in zip(pairs, shares, strict=True)))
    asked = rank(size, named, found)
    boxes = [box.person for question in asked for box in question.candidates]
    assert len(boxes) == len(set(boxes))
    assert not {question.person for question in asked} & set(boxes)
    assert not named[boxes].any()
    assert [q.value for q in asked] == sorted((q.value for q in asked), reverse=True)
    assert all(0 < len(question.candidates) <= MOST for question in asked)
