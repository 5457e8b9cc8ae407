"""A page with the map of a collection alone, for ``python scripts/benchmark.py --only planes``.

    streamlit run scripts/pages/collection_map.py

Its points are drawn at random, as many as the data set has posters, and 2,000 seeds.
"""

import time

import numpy as np
import streamlit as st

from dashboard.components.collection_map import Plot, collection_map, packed
from dashboard.components.sprite_grid import sprite_grid
from xai.bench.pages.collection_map import POINTS
from xai.collection.maps.colouring import by_number
from xai.collection.maps.thumbnails import Thumbnails
from xai.render import jpeg, sprite

SEEDS, LISTED = 2000, 60


@st.cache_resource
def made() -> Plot:
    random = np.random.default_rng(0)
    points = random.normal(size=(POINTS, 2)).astype(np.float32)
    tiles = random.integers(0, 256, (POINTS, 1, 1, 3), np.uint8).repeat(32, 1).repeat(32, 2)
    sheet = sprite(tiles)
    colours = by_number("logit", random.normal(size=POINTS), ("fake", "real"))
    thumbnails = Thumbnails(jpeg(sheet.pixels), sheet.columns, (32, 32))
    return Plot(packed(points, np.arange(POINTS)), POINTS, POINTS - SEEDS, colours, thumbnails)


def brushed(rows: list[int]) -> None:
    st.session_state.update(rows=rows, start=time.perf_counter())


rows = st.session_state.get("rows", [])
collection_map(made(), "map", brushed, lambda row: None, marked=rows)
if rows:
    tiles = np.zeros((LISTED, 64, 64, 3), np.uint8)
    sprite_grid(sprite(tiles), [f"poster {row}" for row in range(LISTED)], "list")
    st.text(f"{len(rows)} brushed in {1000 * (time.perf_counter() - st.session_state.start):.1f} ms")
