"""Every control of every page shows the value that is in use, also where the browser draws it later than the page.

A browser that draws a control for the first time, as it does with those in a popover when that is opened, knows of it
only what the last run sent: a value, if that run set one; else, for a control in the address, what the address says;
else its default.
"""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.pages import PAGES
from tests.dashboard.reading import OpenApp

QUICK = {"methods": ["DeepLIFT", "Grad-CAM", "Activation map", "Occlusion"], "check": "false"}
KINDS = ("selectbox", "multiselect", "slider", "select_slider", "number_input", "radio", "toggle", "checkbox")


def controls(app: AppTest) -> list[Any]:
    found = [one for kind in KINDS for one in getattr(app, kind)]
    return [one for one in found if one.key]


def drawn_late(app: AppTest, control: Any) -> Any:
    """What a browser shows that draws this control after the last run."""
    proto = control.proto
    if proto.set_value:
        return in_use(control)
    asked = app.query_params.get(getattr(proto, "query_param_key", "") or "none")
    return default_of(control) if asked is None else asked


def default_of(control: Any) -> Any:
    proto, kind = control.proto, control.type
    if kind in ("selectbox", "radio"):
        return control.options[proto.default] if proto.HasField("default") else None
    if kind == "multiselect":
        return [control.options[index] for index in proto.default]
    if kind == "select_slider":
        return control.options[int(proto.default[0])]
    if kind == "slider":
        return tuple(proto.default) if len(proto.default) > 1 else proto.default[0]
    if kind == "number_input":
        return proto.default if proto.HasField("default") else None
    return proto.default


def in_use(control: Any) -> Any:
    """As the browser writes it: by its label where there is one."""
    value, kind = control.value, control.type
    label = control.format_func if kind in ("selectbox", "radio", "select_slider", "multiselect") else str
    if kind == "multiselect":
        return [label(one) for one in value]
    if kind in ("selectbox", "radio", "select_slider"):
        return None if value is None else str(label(value))
    return tuple(value) if isinstance(value, list | tuple) else value


def same(shown: Any, used: Any) -> bool:
    if isinstance(shown, list) and len(shown) == 1 and not isinstance(used, list):
        shown = shown[0]
    if isinstance(shown, str) and not isinstance(used, str | None):
        return shown == str(used).lower() if isinstance(used, bool) else float(shown) == float(used)
    if isinstance(used, list) and isinstance(shown, str):
        shown = [shown]
    return bool(shown == used)


def check(app: AppTest) -> None:
    assert not app.exception
    for control in controls(app):
        assert same(drawn_late(app, control), in_use(control)), (control.key, drawn_late(app, control), in_use(control))


def another(control: Any) -> Any:
    """A value that it does not have now."""
    if control.type in ("selectbox", "radio"):
        others = [one for one in control.options if one != in_use(control)]
        return others[-1] if others else None
    if control.type in ("toggle", "checkbox"):
        return not control.value
    if control.type == "number_input" and control.value is not None:
        return control.min if control.value != control.min else control.min + 1
    return None


@pytest.mark.parametrize("page", PAGES)
def test_a_control_shows_what_is_in_use_after_three_runs(open_app: OpenApp, page: str) -> None:
    app = open_app(page, QUICK)
    check(app)
    for _ in range(3):
        check(app.run())


@pytest.mark.parametrize("page", PAGES)
def test_a_control_that_was_changed_shows_what_is_in_use_after_three_runs(open_app: OpenApp, page: str) -> None:
    app = open_app(page, QUICK)
    for key in [control.key for control in controls(app)]:
        control = next((one for one in controls(app) if one.key == key), None)  # another one may have taken it away
        if key == "source" or control is None or (value := another(control)) is None:  # an upload waits for a file
            continue
        control.set_value(value)
        if name := getattr(control.proto, "query_param_key", ""):  # the browser writes the address by itself
            app.query_params[name] = str(value).lower() if isinstance(value, bool) else str(value)
        app.run()
    check(app)
    for _ in range(3):
        check(app.run())
