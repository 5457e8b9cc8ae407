"""The Compare page's controls, which are made from the methods' classes."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from tests.dashboard.reading import shown, subject_of
from xai import METHODS, Score, attribution
from xai.methods import settings_of


def keys(app: AppTest) -> set[str]:
    kinds = (app.number_input, app.selectbox, app.toggle)
    return {str(widget.key) for kind in kinds for widget in kind}


def test_every_setting_of_the_chosen_methods_has_a_control_and_no_other(open_app: Callable[..., AppTest]) -> None:
    app = open_app("compare", {"methods": METHODS["shapley"].title, "check": "false"})
    assert not app.exception
    assert {f"shapley_{name}" for name in settings_of(METHODS["shapley"])} <= keys(app)
    assert "lime_samples" not in keys(app)


def test_a_layer_is_by_default_the_one_that_the_method_takes_by_itself(open_app: Callable[..., AppTest]) -> None:
    titles = [METHODS[name].title for name in ("gradcam", "activation")]
    app = open_app("compare", {"methods": titles, "check": "false"})
    checkpoint = subject_of(app).checkpoint
    for name in ("gradcam", "activation"):
        own = attribution(name, Score(checkpoint.need_discriminator())).config["layer"]
        assert app.selectbox(key=f"{name}_layer").value == own


def test_of_a_filter_only_layers_that_it_depends_on_are_offered(open_app: Callable[..., AppTest]) -> None:
    titles = [METHODS[name].title for name in ("gradcam", "activation")]
    filter_of = {"explain": "one filter", "target_layer": "layers.0", "target_unit": "1"}
    app = open_app("compare", {"methods": titles, "check": "false", "gradcam_layer": "layers.1"} | filter_of)
    assert not app.exception
    assert not app.error
    assert ["layers.1" in shown(warning.value) for warning in app.warning] == [
        True
    ]  # what the link asks for, and only that
    assert app.selectbox(key="gradcam_layer").value == "layers.0"


def test_what_methods_share_is_one_control_that_reaches_them_all(open_app: Callable[..., AppTest]) -> None:
    titles = [METHODS[name].title for name in ("lime", "kernelshap")]
    app = open_app("compare", {"methods": titles, "check": "false"})
    assert "lime_samples" in keys(app)
    assert "kernelshap_samples" not in keys(app)
    app.number_input(key="lime_samples").set_value(5).run()  # enough for LIME, too few for KernelSHAP
    assert [shown(warning.value) for warning in app.warning] == ["KernelSHAP: samples must be at least 8, not 5."]


def test_links_of_older_versions_still_set_what_they_set(open_app: Callable[..., AppTest]) -> None:
    app = open_app("compare", {"samples": "256", "lime_seed": "3", "map_unit": "1", "check": "false"})
    assert not app.exception
    assert [app.number_input(key=key).value for key in ("lime_samples", "lime_seed", "activation_unit")] == [256, 3, 1]
    app = open_app("compare", {"map_unit": "-1", "map_layer": "layers.0", "check": "false"})
    assert app.number_input(key="activation_unit").value is None
    assert app.selectbox(key="activation_layer").value == "layers.0"
