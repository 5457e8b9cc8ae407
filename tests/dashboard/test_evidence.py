"""What the Evidence dialog says of Shapley values follows from how they were computed."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest


def chart(references: int, error: float) -> None:
    from types import SimpleNamespace

    import numpy as np

    from dashboard.panels.compare.trust import _tiles
    from xai.trust.checks import TileValues

    values = TileValues(np.full(9, 0.1), np.full(9, -0.2), np.full(9, error), references, 0.9)
    _tiles({"shapley": SimpleNamespace(evidence=values)}, "logit")


@pytest.mark.parametrize(("references", "error"), [(16, 0.01), (1, 0.0)])
def test_values_are_called_exact_only_where_they_are_and_both_totals_are_named(references: int, error: float) -> None:
    app = AppTest.from_function(chart, args=(references, error), default_timeout=60).run()
    assert not app.exception
    figure = app.get("plotly_chart")[0].proto.spec
    caption = app.caption[-1].value
    assert ("exact Shapley value" in figure) == (references == 1)
    assert ("estimated Shapley value" in figure) == (references > 1)
    assert (f"means over {references} references with their standard errors" in caption) == (references > 1)
    assert "+0.90" in caption
    assert "-1.80" in caption
