from __future__ import annotations

from pathlib import Path

import pytest

from gan import PosterLensError
from gan.cli import replace_section

BEGIN, END = "<!-- a -->", "<!-- /a -->"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "page.md"


def test_only_what_stands_between_the_marks_changes(page: Path) -> None:
    page.write_bytes(f"# Größe\r\n\n{BEGIN}\nold\nlines\n{END}\nafter\n<!-- b -->".encode())
    replace_section(page, BEGIN, END, "new")
    assert page.read_bytes().decode() == f"# Größe\r\n\n{BEGIN}\nnew\n{END}\nafter\n<!-- b -->"
    replace_section(page, BEGIN, END, "newer")
    assert page.read_bytes().decode() == f"# Größe\r\n\n{BEGIN}\nnewer\n{END}\nafter\n<!-- b -->"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no marks",
        BEGIN,
        END,
        f"{END} {BEGIN}",
        f"{BEGIN} {BEGIN} {END}",
        f"{BEGIN} {END} {END}",
        f"{END}{BEGIN}{END}",
    ],
)
def test_a_page_without_both_marks_in_order_is_refused_and_left_alone(page: Path, text: str) -> None:
    page.write_text(text)
    with pytest.raises(PosterLensError, match=r"page\.md must hold the marks <!-- a --> and <!-- /a -->, once each"):
        replace_section(page, BEGIN, END, "new")
    assert page.read_text() == text


def test_a_page_that_is_no_text_or_not_there_is_refused(page: Path) -> None:
    with pytest.raises(PosterLensError, match=r"page\.md is not a page that can be read\.$"):
        replace_section(page, BEGIN, END, "new")
    assert not page.exists()
    page.write_bytes(b"\xff" + BEGIN.encode() + END.encode())
    with pytest.raises(PosterLensError, match=r"page\.md is not a page that can be read\.$"):
        replace_section(page, BEGIN, END, "new")
