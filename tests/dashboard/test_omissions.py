"""The panel of what a generator cannot draw, with the posters of the study and without any."""

from __future__ import annotations

import re
from pathlib import Path

from streamlit.testing.v1 import AppTest


def page(folder: str, rare: bool) -> None:
    import numpy as np
    import torch

    import gan
    from dashboard.panels.collection import omissions
    from dashboard.subject import Subject
    from gan.evaluation.estimates import Estimate
    from xai.collection.clusters import Stability
    from xai.collection.omissions.far import Omissions, Omitted, Stray
    from xai.collection.omissions.kinds import Kind, Kinds

    checkpoint, nan = gan.load(folder), float("nan")
    unknown, usual, numbers = Estimate(nan, nan, nan), Estimate(1, 0.9, 1.1), np.arange(3)
    ratio = Estimate(0.02, 0.01, 0.05) if rare else usual
    part = Estimate(0.1, 0.09, 0.11)
    kinds = Kinds(
        (
            Kind("kind 1", "cluster", ("M*A*S*H", "dark"), part, part, ratio, usual, unknown, numbers, numbers),
            Kind("Sport", "label", (), part, part, unknown, unknown, Estimate(0.5, 0.4, 0.6), numbers, numbers[:0]),
        ),
        100, 1000, 200, 40, Stability(16, Estimate(0.5, 0.4, 0.6), part),
    )  # fmt: skip
    found = Omissions((Omitted(4, 3.0, 1.0, 1.0),), (Stray(7, 9.0, 1.0),), part, part, 900, 1000)
    image = torch.zeros(1, 3, 8, 8)
    subject = Subject(checkpoint, "Upload", "one.png", "one.png", image, "key", None, 0.0, 0.5)
    omissions.show(subject, kinds, found, loaded=False)


def shown(app: AppTest) -> str:
    assert not app.exception
    assert not app.error
    return re.sub(r"\\(\W)", r"\1", "\n".join(str(one.value) for one in [*app.markdown, *app.caption]))


def test_what_is_hardly_drawn_is_named_first_and_the_names_are_not_read_as_markdown(checkpoints: Path) -> None:
    app = AppTest.from_function(page, args=(str(checkpoints / "tiny"), True), default_timeout=60).run()
    assert shown(app).startswith("- Hardly drawn: kind 1 (M*A*S*H, dark), 0.02 times as often as real.")
    assert r"M\*A\*S\*H" in str(app.markdown[0].value)
    assert "Cannot be estimated, since not even real posters show it clearly: Sport." in shown(app)
    assert app.selectbox[0].options == ["kind 1 (M*A*S*H, dark)"]


def test_where_nothing_differs_the_panel_says_so(checkpoints: Path) -> None:
    app = AppTest.from_function(page, args=(str(checkpoints / "tiny"), False), default_timeout=60).run()
    assert shown(app).startswith("- No kind is drawn more rarely or more often than it is found among real posters")


def test_without_posters_it_says_what_is_missing_and_shows_generated_ones(checkpoints: Path) -> None:
    app = AppTest.from_function(page, args=(str(checkpoints / "tiny"), True), default_timeout=60).run()
    assert "Real posters are shown where those of the study are loaded." in shown(app)
    assert "Generated posters farthest from all real ones" in shown(app)
    assert "Held-out posters farthest" not in shown(app)


def test_what_is_lost_of_a_poster_is_found_at_a_click(checkpoints: Path) -> None:
    app = AppTest.from_function(page, args=(str(checkpoints / "tiny"), True), default_timeout=60).run()
    assert "variance is reproduced" not in shown(app)
    app.button(key="find_lost").click().run()
    assert "of the poster's variance is reproduced." in shown(app)
    assert "Faces and letters were not looked for." in shown(app)
