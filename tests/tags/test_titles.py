"""Which of Takeout's JSON files is about which photo: by name, else by title, else nobody's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceclust.tags.titles import by_title, json_names

LONG = "Backyard_ceremony_wedding_photography_xxxxxxx_"  # 46 characters
EMOJI = "😀😃😄😁😆😅😂🤣🥲😊😇🙂🙃😉😌😍🥰😘😗😙😚😋😛😝😜🤪"


def names(photo: str) -> set[str]:
    return {
        name for readings in json_names(photo) for _, candidates in readings for name in candidates
    }


@pytest.mark.parametrize(
    ("photo", "beside"),
    [
        ("a.jpg", "a.jpg.json"),
        ("a.jpg", "a.jpg.supplemental-metadata.json"),
        ("a.jpg", "a.jpg.supplemental-me.json"),
        ("a.jpg", "a.jpg.suppl.json"),
        ("a.jpg", "a.jpg.s.json"),
        ("a(1).jpg", "a.jpg(1).json"),
        ("a(1).jpg", "a.jpg.supplemental-metadata(1).json"),
        ("a(1).jpg", "a.jpg.supplement(1).json"),
        ("a(1)(2).jpg", "a(1).jpg.supplemental-metadata(2).json"),
        ("a-edited.jpg", "a.jpg.json"),
        ("a-edited(1).jpg", "a.jpg.supplemental-metadata(1).json"),
        ("a(1)-edited.jpg", "a.jpg(1).json"),
        ("a-bearbeitet.jpg", "a.jpg.json"),
        ("a-modifie\u0301(1).jpg", "a.jpg(1).json"),
        ("x" * 41 + ".jpg", "x" * 41 + ".jpg..json"),
        ("x" * 36 + ".jpg", "x" * 36 + ".jpg.suppl.json"),
        ("sky (2).jpg", "sky (2).jpg.json"),
        ("sky (2).jpg", "sky (2).jpg.suppl.json"),
        ("sky (2).jpg", "sky (2).jpg.supplemental-metadata.json"),
    ],
)
def test_names_of_the_json_of_a_photo(photo: str, beside: str) -> None:
    assert beside in names(photo)


def test_the_json_of_another_photo_is_not_taken() -> None:
    assert not names("a(1).jpg") & {"a.jpg.json", "a.jpg.supplemental-metadata.json"}
    assert not names("a.jpg") & {"a.jpg(1).json", "a.png.json", "a.json", "a.jp.json"}


def test_a_cut_name_is_found_by_its_title() -> None:
    photo, title = f"{LONG}m.jpg", f"{LONG}maria_and_tom.jpg"
    for json in (f"{LONG}.json", f"{LONG[:43]}.json", f"{LONG}mar.json"):
        assert by_title([photo], {json: title}) == {photo: json}
    # An emoji counts as two characters.
    photo, json = f"{EMOJI[:23]}.jpg", f"{EMOJI[:24]}.json"
    assert by_title([photo], {json: f"{EMOJI}.jpg"}) == {photo: json}


def test_a_whole_name_with_a_cut_extension() -> None:
    name = f"{LONG[:44]}.jpg"
    for json in (f"{name[:46]}.json", f"{name[:-1]}.supplemental-met.json"):
        assert by_title([name], {json: name}) == {name: json}
    assert by_title([f"{LONG[:39]} (38).JPG"], {f"{LONG[:39]} (38).json": f"{LONG[:39]} (38).JPG"})


def test_two_long_titles_of_one_beginning_keep_their_own_json() -> None:
    first, second = f"{LONG}a.jpg", f"{LONG}b.jpg"
    titles = {f"{LONG}.json": f"{LONG}bob.jpg", f"{LONG}(1).json": f"{LONG}ann.jpg"}
    assert by_title([first, second], titles) == {
        first: f"{LONG}(1).json",
        second: f"{LONG}.json",
    }
    # Without the title nobody knows; nor where the other one is a video.
    assert by_title([first, second], {f"{LONG}.json": "other.jpg"}) == {}
    assert by_title([first], {f"{LONG}.json": f"{LONG}ann.mp4"}) == {}


def test_duplicates_of_a_long_title_go_by_their_numbers() -> None:
    photos = [f"{LONG}a{number}.jpg" for number in ("", "(1)", "(494)")]
    jsons = [f"{LONG}{number}.json" for number in ("", "(1)", "(494)")]
    titles = dict.fromkeys(jsons, f"{LONG}ann.jpg")
    assert by_title(photos, titles) == dict(zip(photos, jsons, strict=True))
    # One that is missing is not replaced by another's.
    assert by_title(photos[:1], {jsons[1]: f"{LONG}ann.jpg"}) == {}
    assert by_title(photos[1:2], {jsons[0]: f"{LONG}ann.jpg"}) == {}


def test_numbers_that_two_titles_share_are_not_trusted() -> None:
    photos = [f"{LONG}a.jpg", f"{LONG}a(1).jpg", f"{LONG}b.jpg"]
    ann, bob = f"{LONG}ann.jpg", f"{LONG}bob.jpg"
    titles = {f"{LONG}.json": ann, f"{LONG}(1).json": bob, f"{LONG}(2).json": ann}
    assert by_title(photos, titles) == {f"{LONG}b.jpg": f"{LONG}(1).json"}
    assert by_title(photos[:2], {f"{LONG}(1).json": bob, f"{LONG}(2).json": ann}) == {}


def test_a_title_without_an_ending() -> None:
    for json in ("IMG_1.json", "IMG_1.supplemental-metadata.json"):
        assert by_title(["IMG_1.jpg"], {json: "IMG_1"}) == {"IMG_1.jpg": json}
        assert by_title(["IMG_1.jpg"], {json: "IMG_1.jpg"}) == {"IMG_1.jpg": json}
        assert by_title(["IMG_1.jpg", "IMG_1.mp4"], {json: "IMG_1"}) == {}
        assert by_title(["IMG_1.jpg", "IMG_1.mp4"], {json: "IMG_1.jpg"}) == {"IMG_1.jpg": json}
        assert by_title(["IMG_1.jpg"], {json: "IMG_10.jpg"}) == {}
        assert by_title(["IMG_1.jpg"], {json: "IMG_1.mp4"}) == {}
        assert by_title(["IMG_1(1).jpg"], {json: "IMG_1"}) == {}
    json = "IMG_1.supplemental-metadata(1).json"
    assert by_title(["IMG_1(1).jpg"], {json: "IMG_1"}) == {"IMG_1(1).jpg": json}
    assert by_title(["v1.2.jpg"], {"v1.2.json": "v1.2"}) == {"v1.2.jpg": "v1.2.json"}


def test_characters_that_file_names_lack() -> None:
    title = f"Ann & Bob: \u201cI do\u201d? {LONG}ann.jpg"
    photo, json = f"{title[:47]}.jpg".replace("&", "_"), f"{title[:46]}.json".replace("&", "_")
    photo, json = (name.replace(":", "_").replace("?", "_") for name in (photo, json))
    assert by_title([photo], {json: title}) == {photo: json}
    assert by_title([photo], {json: title.replace("&", "&amp;")}) == {photo: json}


def test_edited_copies_whose_word_was_cut() -> None:
    name = f"{LONG[:43]}.jpg"
    json = f"{name[:46]}.json"
    copies = [f"{LONG[:43]}-edi.jpg", f"{LONG[:43]}-ha edit.jpg"]
    assert by_title([name, *copies], {json: name}) == dict.fromkeys([name, *copies], json)
    # What a title goes on with is not taken for a cut word.
    assert by_title([f"{LONG[:43]}-edi.jpg"], {json: f"{LONG[:43]}-bob.jpg"}) == {}


def test_a_long_title_without_an_ending() -> None:
    assert by_title([f"{LONG}a.jpg"], {f"{LONG}.json": f"{LONG}ann"}) == {
        f"{LONG}a.jpg": f"{LONG}.json"
    }


def test_short_names_are_never_taken_for_cut_ones() -> None:
    assert by_title(["IMG.jpg"], {"IMG.json": "IMG_2.jpg"}) == {}
    assert by_title(["IMG_1.jpg"], {"IMG.json": "IMG_1.jpg"}) == {}


@given(st.lists(st.text("ab_.()12-edi", max_size=60)), st.dictionaries(st.text(), st.text()))
def test_any_names_have_at_most_one_json_each(files: list[str], titles: dict[str, str]) -> None:
    found = by_title(files, titles)
    assert set(found) <= set(files)
    assert set(found.values()) <= set(titles)
