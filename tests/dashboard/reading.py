"""What a test reads from a page that ran without a browser."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

from streamlit.testing.v1 import AppTest

from dashboard.components.sprite_grid import PLACE
from dashboard.subject import SELECTION, Selection, Subject
from dashboard.text import JOINER

OpenApp = Callable[..., AppTest]
JOB = 240.0  # seconds, for a machine that is busy


def subject_of(app: AppTest) -> Subject:
    """The poster that the pages are about."""
    selection: Selection = app.session_state[SELECTION]
    assert selection.subject is not None
    return selection.subject


def ask(app: AppTest, key: str) -> None:
    """Click a button that has something made by the queue of jobs, and look at the page until it is there."""
    app.button(key=key).click().run()
    end = time.monotonic() + JOB
    while any(button.key == f"{key}_cancel" for button in app.button):
        assert time.monotonic() < end, "the job takes too long"
        time.sleep(0.2)
        app.run()


def headings(app: AppTest) -> list[str]:
    return [element.value for element in app.header]


def shown(markdown: str) -> str:
    """What stands on the screen for a text that was made plain."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", markdown.replace(JOINER, ""))


def texts(app: AppTest) -> str:
    return " ".join(
        shown(element.value) for kind in (app.markdown, app.caption, app.info, app.warning) for element in kind
    )


def errors(app: AppTest) -> list[str]:
    return [shown(error.value) for error in app.error]


def captions(app: AppTest) -> list[str]:
    pictures = [*app.get("image"), *app.get("imgs")]  # the name has changed between versions of Streamlit
    return [shown(picture.caption) for group in pictures for picture in group.proto.imgs]


def metrics(app: AppTest) -> dict[str, str]:
    """Values of the page's metrics by their labels."""
    return {metric.label: metric.value for metric in app.metric}


def charts(app: AppTest) -> dict[str, dict[str, Any]]:
    """Plotly's specification of each chart, by its title."""
    specs = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    return {spec["layout"]["title"]["text"]: spec for spec in specs}


def unfolded(texts: dict[str, Any]) -> list[str]:
    """Texts of a sheet, as the browser reads them."""
    if "list" in texts:
        return list(texts["list"])
    rows = [iter(row.split(" ")) for row in texts["values"].split("\n")]
    return ["".join(part if part != PLACE else next(row) for part in texts["pattern"]) for row in rows]
