"""What the browser is given, alike on a page of the dashboard and in a notebook.

browser_text("scrubber.js")         # with the function mount
browser_text("scrubber.css")
"""

from __future__ import annotations

from pathlib import Path


def browser_text(name: str) -> str:
    """A file of this room."""
    return (Path(__file__).parent / name).read_text(encoding="utf-8")
