"""An archive of findings, read back: its record and its page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import gan
import xai
from xai.report import archive as report
from xai.report.findings import Finding


class Page(HTMLParser):
    """Raises where a tag is closed that was not opened last; remembers all tags and addresses."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action")]
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)


def archive(
    folder: Path, checkpoint: gan.Checkpoint, methods: Sequence[xai.Attribution], findings: Sequence[Finding]
) -> tuple[dict[str, Any], Page]:
    """What stands in the JSON and on the page of an archive of one chunk."""
    report.write_chunk(folder / "chunk", 0, findings, methods)
    report.assemble(folder / "out", [folder / "chunk"], report.settings(checkpoint, methods), methods)
    record = json.loads((folder / "out/explanations.json").read_text())
    return record, Page((folder / "out/index.html").read_text(encoding="utf-8"))
