"""The panel of filters that agree on similar posters: charts of both kinds, a table with links, and what was found."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest


def page(semantic: bool) -> None:
    import numpy as np

    from dashboard.panels.collection import filters
    from xai.collection.similarity.filter_agreement import Agreement, Alike, FilterAgreement, Network

    def agreement(*z: float) -> Agreement:
        values = np.array(z)
        return Agreement(values / 10, values * 0, values, np.where(values > 4, 0.001, 0.9))

    seen = Alike(agreement(9, 8, 1), agreement(9, 2, 1), 40, 0.4, 1.0)
    about = Alike(agreement(1, 2, 3), agreement(0, 0, 7), 30, 0.9, 0.9)
    none = Alike(agreement(0, 0, 0), agreement(0, 0, 0), 30, 0.9, 0.9)
    trained, control = Network(seen, about if semantic else None), Network(none, none if semantic else None)
    found = FilterAgreement(("layers.1", "layers.1", "layers.4"), (0, 1, 0), trained, control)
    filters.show(found, "tiny")


@pytest.mark.parametrize("semantic", [True, False])
def test_filters_are_shown_by_layer_and_one_by_one(semantic: bool) -> None:
    app = AppTest.from_function(page, args=(semantic,), default_timeout=60).run()
    assert not app.exception
    text = app.markdown[0].value
    assert "On 40 pairs that look alike 2 of 3 filters answer in more similar places" in text
    assert "1 more equally strongly (with random weights 0 and 0)" in text
    assert ("too few pairs of the same genres" in text) == (not semantic)
    assert len(app.get("plotly_chart")) == 1 + semantic
    table = app.dataframe[0].value
    assert table["link"].tolist()[0] == "discriminator?checkpoint=tiny&d_layer=layers.1&d_unit=0"
    assert ("semantic_strength" in table.columns) == semantic
    assert ("30 pairs of the same genres" in app.caption[0].value) == semantic


def test_the_other_measure_is_a_click_away() -> None:
    app = AppTest.from_function(page, args=(True,), default_timeout=60).run()
    before = app.get("plotly_chart")[0].proto.spec
    app.segmented_control(key="c_agree").set_value("In the same places").run()
    assert not app.exception
    assert app.get("plotly_chart")[0].proto.spec != before
