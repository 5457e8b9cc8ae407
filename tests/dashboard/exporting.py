"""What a test reads from the exports of a page."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Callable
from typing import Any

import numpy as np
from streamlit.testing.v1 import AppTest


class Downloads(dict[str, tuple[str, Callable[[], bytes]]]):
    """What the page offers: by the widget's key, the file's name and what makes it."""


def opened(app: AppTest, key: str) -> AppTest:
    """With the export beside a picture opened."""
    app.session_state[f"export_{key}"] = True
    return app.run()


def decoded(values: Any) -> list[float]:
    """Numbers of a chart, which Plotly packs where they are an array."""
    if isinstance(values, dict):
        return [float(value) for value in np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"])]
    return [float(value) for value in values]


def table_of(downloads: Downloads, key: str) -> list[dict[str, str]]:
    """The rows of a CSV that the page offers."""
    return list(csv.DictReader(io.StringIO(downloads[f"export_{key}_numbers_csv"][1]().decode())))


def npz(downloads: Downloads, key: str) -> bytes:
    return downloads[f"export_{key}_numbers_npz"][1]()
