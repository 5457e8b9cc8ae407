"""The panels of strategies and of copies show what was found, with posters and without."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest


def strategies_page(folder: str, ways: int) -> None:
    from dataclasses import replace

    import numpy as np

    import gan
    from dashboard.panels.collection import strategies
    from gan.evaluation.estimates import Estimate
    from xai.collection.clusters import Stability
    from xai.collection.strategies.study import FilterBehind, Strategies, Strategy

    sure, none = Estimate(0.9, 0.85, 0.95), np.zeros(0, np.int64)
    corner = np.zeros((8, 8), np.float32)
    corner[-2:, :2] = -1
    filters = (FilterBehind("layers.1", 2, Estimate(-0.5, -0.6, -0.4), 1e-9),)
    one = Strategy(
        "fake", corner, corner, 30, sure, sure, Estimate(0, -0.1, 0.1), Estimate(-1, -2, -0.5), sure, sure, sure, none,
        np.array([3, 1, 4]), filters,
    )  # fmt: skip
    stability = Stability(2, sure, Estimate(0.1, 0, 0.2))
    other = replace(one, against=corner[::-1], filters=(), generated=none)
    maps, rows = (one, other)[:ways], np.zeros(0, np.int8)
    fake = Strategies("fake", 50, ways, maps, rows, rows, stability, (stability,), sure, 0.25)
    real = replace(fake, verdict="real", strategies=tuple(replace(each, verdict="real") for each in maps))
    strategies.show(gan.load(folder), (fake, real), loaded=False)


def copies_page(folder: str, features: bool) -> None:
    import numpy as np

    import gan
    from dashboard.panels.collection import copies
    from xai.collection.copies import Views, among

    random = np.random.default_rng(0)
    training, held_out, drawn = (random.standard_normal((n, 6)).astype(np.float32) for n in (200, 60, 40))
    views = (Views(rows, rows if features else None) for rows in (training, held_out, drawn))
    copies.show(gan.load(folder), among(*views, np.arange(200), np.arange(40)), loaded=False)


def shown(app: AppTest) -> str:
    assert not app.exception
    return "\n".join(str(one.value) for one in [*app.markdown, *app.caption, *app.subheader])


def test_each_strategy_has_a_card_with_its_sentence_and_filters_that_open_their_page(checkpoints: Path) -> None:
    app = AppTest.from_function(strategies_page, args=(str(checkpoints / "tiny"), 2), default_timeout=60).run()
    text = shown(app)
    assert "2 ways of calling a poster fake, found in 50 posters" in text
    assert "Way 1: 30 posters" in text
    assert "What speaks for fake is in the bottom left corner" in text
    assert "As common among real as among generated posters" in text
    assert "No filter contributes another amount" in text
    assert "Real posters are shown where those of the study are loaded." in text
    assert "the +0.25 of the reference" in text
    assert [button.label for button in app.button] == ["layers.1, filter 2: -0.50"]


def test_the_other_verdict_is_a_click_away(checkpoints: Path) -> None:
    app = AppTest.from_function(strategies_page, args=(str(checkpoints / "tiny"), 2), default_timeout=60).run()
    app.segmented_control(key="verdict").set_value("real").run()
    assert "2 ways of calling a poster real" in shown(app)


def test_where_nothing_is_stable_a_sentence_says_so_and_no_card_is_shown(checkpoints: Path) -> None:
    app = AppTest.from_function(strategies_page, args=(str(checkpoints / "tiny"), 0), default_timeout=60).run()
    assert "No stable strategies among 50 posters that D calls fake." in shown(app)
    assert not app.subheader


@pytest.mark.parametrize("features", [True, False])
def test_copies_are_told_with_and_without_features(features: bool, checkpoints: Path) -> None:
    app = AppTest.from_function(copies_page, args=(str(checkpoints / "tiny"), features), default_timeout=60).run()
    text = shown(app)
    assert "No sign of copies. Of 40 generated posters" in text
    assert [one.value for one in app.subheader] == ["By pixels", "By features"][: 1 + features]
    assert ("By features they were not compared" in text) == (not features)
    assert "The training posters are shown where those of the study are loaded." in text
