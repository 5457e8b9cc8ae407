from __future__ import annotations

import io
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gan import PosterSet, load_posters
from gan.data.hold_out import is_held_out, is_key_held_out, split_keys, split_warning

FILMS = [f"Film {number} (19{number % 100:02d})" for number in range(1000)]


def posters_of(names: list[str]) -> PosterSet:
    return PosterSet(np.zeros((len(names), 2, 2, 3), np.uint8), tuple(names), ((),) * len(names))


def test_about_one_poster_in_twenty_is_held_out() -> None:
    share = sum(is_held_out(f"{number}.jpg") for number in range(20_000)) / 20_000
    assert 0.045 < share < 0.055


def test_which_posters_are_held_out_never_changes() -> None:
    """The first of these were kept out of the training of the first shipped checkpoint."""
    assert is_held_out("tt0005557.webp")
    assert is_held_out("tt0010247.webp")
    assert not is_held_out("tt0002461.webp")
    assert not is_held_out("tt0002544.webp")
    assert is_held_out("poster-000012.jpg")
    assert not is_held_out("poster-000003.jpg")


def test_a_poster_is_held_out_by_its_file_name_alone() -> None:
    for number in range(200):
        name = f"{number}.jpg"
        assert is_held_out(name) == is_held_out(f"some/other/folder/{name}")


def test_a_poster_stays_on_its_side_in_another_format() -> None:
    for number in range(200):
        sides = {is_held_out(f"{number}{suffix}") for suffix in (".jpg", ".png", ".webp", ".JPEG")}
        assert len(sides) == 1


SHIPPED = ["tt0005557", "tt0010247", "tt0002461", "tt0002544", "tt0013442", "tt0017136", "tt0019254", "tt0021749"]


@pytest.mark.parametrize("layout", ["{}.webp", "posters/{}.webp", "a/b/c/{}.JPG", "{0}/{0}.webp"])
def test_posters_with_names_of_their_own_are_split_by_their_file_names_as_ever(layout: str) -> None:
    """So it was for all shipped checkpoints; each name is hashed alone, whatever stands before or behind it."""
    stems = SHIPPED + [f"tt{number:07d}" for number in range(500)]
    assert split_keys([layout.format(stem) for stem in stems]) == tuple(stems)
    held_out = posters_of([layout.format(stem) for stem in stems]).held_out
    assert held_out.tolist() == [is_held_out(stem + ".webp") for stem in stems]
    assert held_out[:4].tolist() == [True, True, False, False]


LAYOUTS = {
    "one picture a film": [f"{film}/poster.jpg" for film in FILMS],
    "front and back": [f"{film}/{side}.jpg" for film in FILMS for side in ("front", "back")],
    "in a folder deeper": [f"{film}/images/folder.jpg" for film in FILMS],
    "by decade and number": [f"{decade}s/{number:03d}.png" for decade in range(1900, 2020, 10) for number in range(80)],
    "numbered by film": [f"{film}/{number}.jpg" for film in FILMS for number in range(3)],
    "half of them by name": [*(f"{film}/poster.jpg" for film in FILMS), *(f"{number}.jpg" for number in range(1000))],
    "thumbnails beside": [f"{film}/{name}" for film in FILMS for name in ("poster.jpg", f"{film}-thumb.jpg")],
    "by country": [f"{country}/{film}/cover.webp" for country in "abcde" for film in FILMS[:300]],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_about_one_in_twenty_is_held_out_in_every_layout(layout: str) -> None:
    names = LAYOUTS[layout]
    posters = posters_of(names)
    training, held_out = posters.split()
    assert 0.03 < len(held_out) / len(posters) < 0.07
    assert sorted(training.names + held_out.names) == sorted(names)
    assert split_warning(len(posters), len(held_out)) is None
    for kind in {name.rpartition("/")[2] for name in names if layout != "thumbnails beside"}:
        of_kind = [key for key, name in zip(posters.split_keys, names, strict=True) if name.endswith("/" + kind)]
        if len(of_kind) > 500:
            assert 0.02 < np.mean([is_key_held_out(key) for key in of_kind]) < 0.08


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("around", ["library/", "home/me/posters/"])
def test_a_zip_with_its_folder_around_it_splits_as_the_folder(layout: str, around: str) -> None:
    names = LAYOUTS[layout]
    inside = posters_of([around + name for name in names])
    assert inside.split_keys == split_keys(names)


def test_one_film_in_two_folders_of_genres_stays_on_one_side() -> None:
    names = [f"{genre}/tt{number}.jpg" for number in range(300) for genre in ("Horror", "Comedy")]
    held_out = posters_of(names).held_out
    assert np.array_equal(held_out[::2], held_out[1::2])


def test_a_selection_is_split_as_the_whole() -> None:
    posters = posters_of(LAYOUTS["one picture a film"])
    assert posters.split()[1].names == tuple(np.array(posters.names)[posters.held_out])
    few = posters.select(range(0, 1000, 97))
    assert few.held_out.tolist() == posters.held_out[::97].tolist()
    assert few.split()[1].split()[1].names == few.split()[1].names


@given(st.permutations(LAYOUTS["half of them by name"][900:1100]))
def test_the_order_of_the_names_does_not_matter(names: list[str]) -> None:
    ordered = sorted(names)
    assert dict(zip(names, split_keys(names), strict=True)) == dict(zip(ordered, split_keys(ordered), strict=True))


def test_an_accent_may_be_stored_in_either_way() -> None:
    for number in range(100):
        name = f"Amélie {number}.jpg"
        assert is_held_out(unicodedata.normalize("NFD", name)) == is_held_out(unicodedata.normalize("NFC", name))


def test_a_film_library_splits_alike_as_a_folder_and_as_a_zip(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(file, "PNG")
    with zipfile.ZipFile(tmp_path / "films.zip", "w") as archive:
        for film in FILMS[:120]:
            (tmp_path / "films" / film).mkdir(parents=True)
            (tmp_path / "films" / film / "poster.png").write_bytes(file.getvalue())
            archive.writestr(f"films/{film}/poster.png", file.getvalue())
    folder, packed = (load_posters(tmp_path / name, 4, progress=False) for name in ("films", "films.zip"))
    assert len(set(folder.names)) == 120
    assert 0 < len(folder.split()[1]) < 20
    assert [f"films/{name}" for name in folder.split()[1].names] == list(packed.split()[1].names)


@pytest.mark.parametrize(("count", "held_out", "warned"), [
    (1000, 50, False), (1000, 0, True), (1000, 9, True), (1000, 10, False), (1000, 200, False), (1000, 201, True),
    (8, 8, True), (8, 3, False), (40, 0, False), (0, 0, False),
])  # fmt: skip
def test_a_split_far_from_one_in_twenty_is_told(count: int, held_out: int, warned: bool) -> None:
    sentence = split_warning(count, held_out)
    assert (sentence is not None) == warned
    if sentence:
        assert sentence.startswith(f"{held_out} of {count:,} posters are held out by their names")
