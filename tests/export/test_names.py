import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceclust.export.names import MAX_BYTES, Namer, cut, fold, safe_name

OUT = Path("out")
any_text = st.text(st.characters(exclude_categories=[]), max_size=300)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Ann", "Ann"),
        ("Ann/Bob", "Ann_Bob"),
        ("A\\B:C", "A_B_C"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..", "_"),
        ("", "_"),
        (" . ", "_"),
        (".hidden. ", "hidden"),
        ("J. R. Smith Jr.", "J. R. Smith Jr"),
        ('<>:"|?*', "_______"),
        ("a\x00b\nc\x7f\u2028d", "a_b_c__d"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("Lpt1 .x", "_Lpt1 .x"),
        ("com¹", "_com¹"),
        ("Conrad", "Conrad"),
        ("Zoe\u0308", "Zoë"),
        ("bad\udce9byte", "bad_byte"),
        ("李小龍", "李小龍"),
    ],
)
def test_safe_name(name: str, expected: str) -> None:
    assert safe_name(name) == expected


@given(any_text)
def test_safe_name_is_safe_everywhere(name: str) -> None:
    safe = safe_name(name)
    assert 0 < len(safe.encode()) <= MAX_BYTES
    assert unicodedata.is_normalized("NFC", safe)
    assert safe_name(safe) == safe
    assert not set(safe) & set('/\\\0<>:"|?*\n\r\t')
    assert safe[0] not in ". "
    assert safe[-1] not in ". "


def test_a_device_name_that_only_cutting_uncovers() -> None:
    assert safe_name("NUL" + " " * 300 + "x") == "_NUL"


def test_cut_keeps_accents_and_joined_emoji_whole() -> None:
    family = "👩\u200d👩\u200d👧"
    assert cut("ab" + family, 2 + len(family.encode()) - 1) == "ab"
    assert cut("abe\u0301", 4) == "ab"
    assert cut("ab👋🏽", 6 + 2) == "ab"
    assert cut("é" * 200, 255) == "é" * 127


def test_cut_gives_up_on_a_cluster_longer_than_the_limit() -> None:
    assert cut("a" + "\u0301" * 300, 255) == "a" + "\u0301" * 127


@given(any_text.map(safe_name))
def test_fold_does_not_tell_nfc_from_nfd(name: str) -> None:
    assert fold(name) == fold(unicodedata.normalize("NFD", name))
    assert fold(fold(name)) == fold(name)


def test_fold_does_not_tell_cases_but_tells_letters() -> None:
    assert fold("ZOË STRASSE Ǆ") == fold("zoë straße ǆ")
    assert fold("Zoe") != fold("Zoë")


def test_names_that_some_file_system_takes_for_one_are_kept_apart() -> None:
    namer = Namer()
    wanted = ["Zoë", "zoë", "Zoe\u0308", "ZOË", "A/B", "A:B"]
    given_names = [namer.name(OUT, name, f"k{i}") for i, name in enumerate(wanted)]
    assert len({fold(name) for name in given_names}) == len(wanted)
    assert given_names[0] == "Zoë"
    assert given_names[4] == "A_B"


def test_the_tag_comes_from_the_key_alone() -> None:
    few, many = Namer(), Namer()
    few.name(OUT, "IMG_1", "a/IMG_1.JPG", ".JPG")
    for folder in "abcdef":
        many.name(OUT, "IMG_1", f"{folder}/IMG_1.JPG", ".JPG")
    tagged = few.name(OUT, "IMG_1", "z/IMG_1.JPG", ".JPG")
    assert tagged == many.name(OUT, "IMG_1", "z/IMG_1.JPG", ".JPG")
    assert tagged.startswith("IMG_1 (")
    assert tagged.endswith(").JPG")


def test_a_number_is_its_own_tag_and_a_taken_tag_is_lengthened() -> None:
    namer = Namer()
    assert namer.name(OUT, "Ann", "3") == "Ann"
    assert namer.name(OUT, "Ann", "12") == "Ann (12)"
    assert namer.name(OUT, "Bob (7)", "4") == "Bob (7)"
    assert namer.name(OUT, "Bob", "5") == "Bob"
    assert namer.name(OUT, "Bob", "7").startswith("Bob (79")  # from the hash of "7"


def test_the_same_key_and_another_folder() -> None:
    namer = Namer()
    assert namer.name(OUT, "a", "k", ".jpg") == namer.name(OUT, "a", "k", ".jpg") == "a.jpg"
    assert namer.name(Path("other"), "a", "k2", ".jpg") == "a.jpg"


@given(st.lists(st.tuples(any_text, st.sampled_from(["", ".jpg", ".JPG", ".é" * 40])), max_size=8))
def test_names_are_unique_safe_and_keep_their_extension(wanted: list[tuple[str, str]]) -> None:
    namer = Namer()
    names = [namer.name(OUT, stem, f"key {i}", ext) for i, (stem, ext) in enumerate(wanted)]
    assert len({fold(name) for name in names}) == len(names)
    for name, (_, extension) in zip(names, wanted, strict=True):
        assert safe_name(name) == name
        if len(extension) < 5:
            assert name.endswith(extension)


def test_a_long_name_keeps_its_tag_and_extension() -> None:
    namer = Namer()
    first = namer.name(OUT, "é" * 200, "1", ".jpeg")
    second = namer.name(OUT, "é" * 200, "2", ".jpeg")
    assert first == "é" * 125 + ".jpeg"
    assert second.endswith(" (2).jpeg")
    assert len(second.encode()) <= MAX_BYTES
