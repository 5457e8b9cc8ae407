from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from streamlit.testing.v1 import AppTest


def test_the_sidebar_says_how_the_posters_were_read(
    open_app: Callable[..., AppTest], poster_folder: Path, tmp_path: Path
) -> None:
    """What is not used is named as it is spelled, not as Markdown would show it."""
    folder = tmp_path / "posters"
    shutil.copytree(poster_folder, folder)
    (folder / "![x](http.evil).heic").write_bytes(b"")
    (folder / "broken.jpg").write_bytes(b"broken")
    app = open_app("discriminator", {"source": "Poster", "poster": "0"}, "--posters", str(folder))
    [box] = [box for box in app.sidebar.expander if box.label == "How the posters were read"]
    notes = [caption.value for caption in box.caption]
    assert [note.replace("\\", "") for note in notes] == [
        'metadata.csv: 40 rows; pictures in "file_name", genres in "genres", separator comma, UTF-8.',
        "1 file left out, in a format that cannot be read (HEIC): ![x](http.evil).heic.",
        "1 picture could not be read; the first: broken.jpg cannot be read as a picture.",
    ]
    assert "![" not in notes[1]
