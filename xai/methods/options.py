"""Settings of methods as text, for a command line: METHOD.SETTING=VALUE.

    parse(["lime.samples=512"], ["deeplift", "lime"])          # {"lime": {"samples": 512}}
    print(listing(["lime"]))                                   # what can be set, with ranges and defaults

Both are made from what the methods' classes say of their settings (``xai.methods.settings_of``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from gan.settings import Setting, describe
from xai.errors import ExplanationError
from xai.methods import METHODS, find, settings_of, unknown_setting


def parse(texts: Iterable[str], methods: Sequence[str]) -> dict[str, dict[str, Any]]:
    """``lime.samples=512`` and the like, by method; values are of the setting's type and within its range.

    Raises
    ------
    ExplanationError
        If a text has another form, names no setting of one of ``methods``, or its value is not allowed.
    """
    settings: dict[str, dict[str, Any]] = {}
    for text in texts:
        path, equals, value = text.partition("=")
        name, dot, setting = path.strip().partition(".")
        if not (equals and dot and setting):
            raise ExplanationError(f"--set takes METHOD.SETTING=VALUE, such as lime.samples=512, not {text!r}.")
        method = find(name)
        if name not in methods:
            raise ExplanationError(f"--set {text}: {name} is not among --methods.")
        if setting == "reference":
            raise ExplanationError("The reference is the same for all methods; --reference chooses it.")
        if setting not in describe(method):
            raise unknown_setting(method, setting)
        settings.setdefault(name, {})[setting] = _value(name, describe(method)[setting], value.strip())
    return settings


def _value(method: str, setting: Setting, text: str) -> Any:
    if setting.default is None and text.lower() == "none":
        return None
    try:
        return setting.parse(text)
    except ValueError as error:
        raise ExplanationError(f"{method}.{error}.") from None


def listing(methods: Iterable[str] = METHODS) -> str:
    """One line a setting: its name, default, what it does, and which values are allowed; one of methods without any."""
    return "\n".join(line for name in methods for line in _lines(name))


def _lines(name: str) -> Iterator[str]:
    if not settings_of(METHODS[name]):
        yield f"{name}    (no settings)"
    for setting in settings_of(METHODS[name]).values():
        default = "none" if setting.default is None else setting.default
        allowed = f" ({setting.allowed})" if setting.allowed else ""
        yield f"{name}.{setting.name}={default}    {setting.help}{allowed}"
