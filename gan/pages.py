"""What a script measured, put between two marks of a Markdown page.

put(Path("docs/training.md"), "<!-- speed -->", "<!-- /speed -->", table)
"""

from __future__ import annotations

from pathlib import Path

from gan.errors import PosterLensError
from gan.files import write_file


def put(page: Path, begin: str, end: str, text: str) -> None:
    """Replace what stands between the marks, which stay; no other byte of the page is changed.

    Raises
    ------
    PosterLensError
        As :func:`around`, with the page as it was.
    """
    before, after = around(page, begin, end)
    write_file(page, f"{before}{begin}\n{text}\n{end}{after}".encode())


def around(page: Path, begin: str, end: str) -> tuple[str, str]:
    """What stands before and after the marks; to be asked before something long is measured.

    Raises
    ------
    PosterLensError
        If the page cannot be read, or does not hold both marks once and in this order.
    """
    try:
        text = page.read_bytes().decode()  # not read_text, which changes the ends of lines
    except (OSError, UnicodeDecodeError):
        raise PosterLensError(f"{page} is not a page that can be read.") from None
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    if text.count(begin) != 1 or rest.count(end) != 1 or text.count(end) != 1:
        raise PosterLensError(f"{page} must hold the marks {begin} and {end}, once each and in this order.")
    return before, after
