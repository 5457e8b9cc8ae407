from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from gan.settings import Settings, any_of, describe, setting, validate

SHAPES: dict[str, Any] = {"round": 1, "square": 2}


@dataclass(frozen=True)
class Blur(Settings):
    inner: tuple[int, ...] = field(default=())  # no setting
    sigma: float = setting(1.0, "width of the kernel in pixels", label="Width", above=0, high=16)
    count: int = setting(3, "how many times", low=1)
    share: float = setting(0.5, "part of the picture", low=0, high=1)
    shape: str = setting("round", "of the kernel", choices=SHAPES)
    limit: float | None = setting(None, "largest value, or none", high=2, kind=float)
    last_turn: bool = setting(False, "once more at the end")


def test_fields_describe_themselves_in_their_order() -> None:
    described = describe(Blur)
    assert list(described) == ["sigma", "count", "share", "shape", "limit", "last_turn"]
    assert (described["sigma"].default, described["sigma"].help) == (1.0, "width of the kernel in pixels")
    assert (described["sigma"].label, described["last_turn"].label) == ("Width", "last turn")
    assert [each.allowed for each in described.values()] == [
        "above 0 and at most 16",
        "at least 1",
        "from 0 to 1",
        "round or square",
        "at most 2",
        "",
    ]


def test_a_summary_names_what_is_allowed_and_of_a_registry_what_each_entry_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    described = describe(Blur)
    assert described["share"].summary == "part of the picture (from 0 to 1)"
    assert described["shape"].summary == "of the kernel (round or square)"
    assert described["last_turn"].summary == "once more at the end"
    for name, about in (("round", "a disc"), ("square", "all of it")):
        monkeypatch.setitem(SHAPES, name, SimpleNamespace(about=about))
    assert described["shape"].summary == "of the kernel (round: a disc; square: all of it)"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"sigma": 0}, "sigma must be above 0 and at most 16, not 0"),
        ({"sigma": 16.5}, "sigma must be above 0 and at most 16, not 16.5"),
        ({"sigma": float("nan")}, "sigma must be a finite number, not nan"),
        ({"sigma": float("inf")}, "sigma must be a finite number, not inf"),
        ({"sigma": "wide"}, "sigma must be a finite number, not wide"),
        ({"count": 0}, "count must be at least 1, not 0"),
        ({"count": 1.5}, "count must be a whole number, not 1.5"),
        ({"share": -0.1}, "share must be from 0 to 1, not -0.1"),
        ({"shape": "flat"}, "shape must be round or square, not flat"),
        ({"limit": 3}, "limit must be at most 2, not 3"),
    ],
)
def test_a_value_that_is_not_allowed_is_one_sentence(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match="must be") as raised:
        Blur(**changes)  # type: ignore[arg-type]
    assert str(raised.value) == sentence


def test_the_ends_of_a_range_are_allowed() -> None:
    Blur(sigma=16, count=1, share=0, limit=2)
    Blur(share=1, limit=None)
    validate(Blur())


def test_a_registry_of_choices_is_read_when_a_value_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SHAPES, "flat", 3)
    assert Blur(shape="flat").shape == "flat"
    assert describe(Blur)["shape"].allowed == "round, square or flat"


def test_texts_are_parsed_and_checked() -> None:
    settings = describe(Blur)
    assert settings["sigma"].parse("2") == 2.0
    assert settings["count"].parse("2") == 2
    assert settings["shape"].parse("square") == "square"
    assert settings["limit"].parse("1") == 1.0
    assert settings["last_turn"].parse("True") is True
    for name, text, sentence in (
        ("count", "2.5", "count must be a whole number, not 2.5"),
        ("sigma", "wide", "sigma must be a number, not wide"),
        ("sigma", "17", "sigma must be above 0 and at most 16, not 17.0"),
        ("last_turn", "yes", "last_turn must be true or false, not yes"),
    ):
        with pytest.raises(ValueError, match="must be") as raised:
            settings[name].parse(text)
        assert str(raised.value) == sentence


def test_json_of_another_version_is_read() -> None:
    assert Blur.from_dict({"sigma": 2.0, "unknown": 1}) == Blur(sigma=2.0)


def test_alternatives_in_words() -> None:
    assert [any_of(words) for words in ("a", "ab", "abc")] == ["a", "a or b", "a, b or c"]
