from __future__ import annotations

import re
from collections import Counter
from datetime import date
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
import torch

import gan
import xai
from xai.figures.bars import Bars, bars_panel
from xai.figures.figure import Figure, Frames, Panel, Source
from xai.generator.filter_study import filters_table
from xai.report.findings import explain
from xai.report.sections import Measured, measured
from xai.report.study_report import ROWS, Entry, Section, StudyReport, html

HOSTILE = '"><script src=http://evil.test/x.js></script><img src=http://evil.test/p.png onerror=alert(1)>'
PIXELS = np.zeros((4, 4, 3), np.uint8)


class Parsed(HTMLParser):
    """Tags, the addresses that a browser would fetch, links, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        for name, value in attrs:
            if name in ("src", "srcset", "data", "poster", "action") or (name == "href" and tag != "a"):
                self.fetched.append(value or "")
            elif name == "href":
                self.links.append(value or "")
            elif name.startswith("on"):
                self.handlers.append(name)

    def handle_data(self, data: str) -> None:
        self.text += data


def report(checkpoint: gan.Checkpoint, **more: Any) -> StudyReport:
    return StudyReport("A study", "A. Student", date(2026, 3, 1), checkpoint, **more)


@pytest.fixture(scope="module")
def page(checkpoint: gan.Checkpoint, methods: list[xai.Attribution], images: torch.Tensor) -> Parsed:
    """Everything in it is called by a hostile name."""
    figure = Figure(
        HOSTILE, Source(HOSTILE, "0" * 64, HOSTILE, {"a": HOSTILE}, f"compare?poster={HOSTILE}"),
        (Panel(PIXELS, HOSTILE),), HOSTILE, columns={HOSTILE: [HOSTILE]},
    )  # fmt: skip
    made = report(
        checkpoint, notes=HOSTILE, found=[Section(HOSTILE, HOSTILE, (Entry.of(figure, HOSTILE),))],
        findings=explain(methods, [HOSTILE, "b"], images[:2], trust=True), methods=methods, app="https://lens.test/",
    )  # fmt: skip
    text = html(made)
    assert "url(" not in text
    assert "@import" not in text
    return Parsed(text)


def test_the_report_fetches_nothing_and_runs_nothing_whatever_things_are_called(page: Parsed) -> None:
    assert page.fetched
    assert all(address.startswith("data:image/png;base64,") for address in page.fetched)
    assert not page.handlers
    assert page.tags["script"] == page.tags["link"] == page.tags["iframe"] == page.tags["object"] == 0
    assert page.text.count(HOSTILE) >= 8


def test_links_lead_to_the_app_and_nowhere_else(page: Parsed) -> None:
    assert page.links
    assert all(link.startswith("https://lens.test/compare?") for link in page.links)


@pytest.mark.parametrize("app", ["", "javascript:alert(1)", "//evil.test"])
def test_without_a_proper_address_of_the_app_there_are_no_links(checkpoint: gan.Checkpoint, app: str) -> None:
    entry = Entry.of(Figure("f", Source("tiny", link="compare?seed=3"), (Panel(PIXELS),)))
    assert not Parsed(html(report(checkpoint, found=[Section("s", entries=(entry,))], app=app))).links


def test_it_says_whose_it_is_of_which_weights_and_what_was_written(checkpoint: gan.Checkpoint) -> None:
    text = html(report(checkpoint, notes="It looks at **edges**."))
    assert "A. Student, 1 March 2026" in text
    assert checkpoint.digest in text
    assert "<strong>edges</strong>" in text
    assert "@page" in text


def test_posters_stand_with_verdicts_maps_and_what_the_methods_promise(page: Parsed) -> None:
    assert page.tags["article"] == 2
    assert "DeepLIFT" in page.text
    assert "What the methods show" in page.text


def test_things_keep_the_order_in_which_they_were_put(checkpoint: gan.Checkpoint) -> None:
    entries = tuple(Entry.of(Figure(name, Source("tiny"), (Panel(PIXELS),)), f"note {name}") for name in "CAB")
    text = Parsed(html(report(checkpoint, found=[Section("s", entries=entries)]))).text
    assert [text.index(f"note {name}") for name in "CAB"] == sorted(text.index(f"note {name}") for name in "CAB")


def test_an_animation_stands_as_some_of_its_frames_and_a_long_table_as_its_first_rows() -> None:
    frames = Frames([PIXELS + step for step in range(20)], [str(step) for step in range(20)])
    entry = Entry.of(Figure("f", Source(), columns={"n": list(range(ROWS + 3))}, frames=frames))
    assert [panel.caption for panel in entry.figure.panels][::5] == ["0", "19"]
    assert entry.figure.frames is None
    assert entry.left_out == 3
    assert len(entry.figure.columns["n"]) == ROWS


def test_what_was_measured_makes_sections_and_what_was_not_is_left_out(checkpoint: gan.Checkpoint) -> None:
    assert measured(checkpoint, Measured()) == []
    table = filters_table(checkpoint, latents=16)
    found = Measured(generator=table)
    assert found.parts == ["filters of G"]
    assert found.only(["metrics"]).parts == []
    [section] = measured(checkpoint, found)
    strongest = int(table.effect.argmax())
    assert section.entries[0].figure.title.startswith(f"Filter {table.unit[strongest]} of {table.layer[strongest]}")
    assert re.search(rf"by {table.effect.max():.1f} grey levels", section.entries[0].figure.note)


def test_letters_of_a_chart_are_not_drawn_as_squares(checkpoint: gan.Checkpoint) -> None:
    bars = bars_panel(Bars(["a"], [1.0], "x", ["#d97805"]))
    entries = tuple(Entry.of(Figure(name, Source(), (one,))) for name, one in (("c", bars), ("m", Panel(PIXELS))))
    text = html(report(checkpoint, found=[Section("found", entries=entries)]))
    assert re.findall(r'<img( class="chart")? src="[^"]*"\s+alt="(\w)"', text) == [(' class="chart"', "c"), ("", "m")]
