"""What the classes of methods say of their settings, and settings as text."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import pytest
from torch import Tensor

import xai
from gan.progress import Progress
from gan.settings import setting
from tests.xai.nets import affine, noise, one_sentence
from xai.methods import METHODS, options, settings_of
from xai.methods.base import Attribution, Result

every_method = pytest.mark.parametrize("name", list(METHODS))


@dataclass(frozen=True, eq=False)
class Scaled(Attribution):
    """What a person may write in a notebook."""

    name, title = "scaled", "Scaled picture"
    promise, caveat = "The picture itself.", "It has seen no network."

    factor: float = setting(1.0, "what the picture is multiplied by", above=0)

    def _attribute(self, image: Tensor, progress: Progress) -> Result:
        return Result(self.factor * image)


@every_method
def test_every_field_that_can_be_set_describes_itself(name: str) -> None:
    method = METHODS[name]
    fields = {field.name for field in dataclasses.fields(method)} - {"score", "reference", "labels"}
    assert set(settings_of(method)) == (fields if method.stochastic else fields - {"seed"})
    for one in settings_of(method).values():
        assert one.help
        assert not one.help.endswith(".")
        assert one.label


@every_method
def test_every_setting_has_its_line_in_the_listing(name: str) -> None:
    lines = options.listing([name]).splitlines()
    settings = [f"{name}.{key}" for key in settings_of(METHODS[name])]
    assert [line.partition("=")[0] for line in lines] == (settings or [f"{name}    (no settings)"])


def test_a_listing_says_defaults_and_ranges() -> None:
    assert "smoothgrad.noise=0.15    " in options.listing()
    assert options.listing(["shapley"]).endswith("(from 1 to 4)")


def test_values_are_of_the_settings_type_and_none_where_that_is_the_default() -> None:
    texts = ["lime.samples=512", " lime.agreement = 1", "activation.unit=NONE", "activation.layer=layers.1"]
    assert options.parse(texts, ["lime", "activation"]) == {
        "lime": {"samples": 512, "agreement": 1.0}, "activation": {"unit": None, "layer": "layers.1"},
    }  # fmt: skip


@pytest.mark.parametrize("text", ["lime.samples=none", "shapley.grid=5", "lime.engine=shap", "smoothgrad.noise=inf"])
def test_a_value_that_is_not_allowed_is_named(text: str) -> None:
    path, _, value = text.partition("=")
    with pytest.raises(xai.ExplanationError) as caught:
        options.parse([text], list(METHODS))
    assert one_sentence(caught.value).startswith(f"{path} must be ")
    assert str(caught.value).endswith(f"not {value}.")


def test_a_method_of_ones_own_is_validated_known_by_its_name_and_explains() -> None:
    score, image = xai.Score(affine()), noise(1, 3, 8, 8)
    with pytest.raises(xai.ExplanationError, match="Scaled picture: factor must be above 0, not -1"):
        Scaled(score, factor=-1.0)
    assert Scaled(score, factor=2.0).attribute(image).title == "Scaled picture"
    try:
        assert xai.register(Scaled) is Scaled
        assert xai.attribution("scaled", score).attribute(image).values.equal(image)
        assert options.parse(["scaled.factor=3"], ["scaled"]) == {"scaled": {"factor": 3.0}}
    finally:
        del METHODS["scaled"]
