from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from torch import Tensor

import gan
import xai
from tests.xai import built, nets
from tests.xai.nets import in_threads, one_sentence, snapshot
from xai.generator.ablation import Ablation, ablate
from xai.generator.painting import Edit, from_json, levels, paint, to_json
from xai.generator.regions import Mask
from xai.networks import layers

WHOLE = (0.0, 0.0, 1.0, 1.0)


def test_off_inside_a_box_takes_away_the_patch_and_leaves_the_rest() -> None:
    network, z = built.generator(), built.latent(2.0, 2.0, 2.0)
    before = paint(network, z, [])
    after = paint(network, z, [Edit(built.LAYER, built.PATCH, (0.0, 0.0, 0.5, 0.5), "off")])
    changed = (before - after).abs().amax((0, 1)) > 1e-6
    assert changed[:4, :4].all()
    assert not changed[5:].any()
    assert not changed[:, 5:].any()
    away = ablate(network, z, built.LAYER, built.PATCH, Ablation("zero")).after
    assert torch.equal(after, away)


def test_without_an_edit_the_poster_is_the_generators_own() -> None:
    network = nets.generator(16)
    z = gan.latents([3, 4], network.config)
    assert torch.equal(paint(network, z, []), network(z))


def test_a_part_of_a_map_can_be_switched_on_and_everything_else_stays() -> None:
    network, z = built.generator(), built.latent()
    before = paint(network, z, [])
    after = paint(network, z, [Edit(built.LAYER, built.PATCH, (0.5, 0.5, 0.75, 0.75), 3.0)])
    changed = torch.zeros(8, 8, dtype=torch.bool)
    changed[3:7, 3:7] = True
    assert torch.equal((before - after).abs().amax((0, 1)) > 1e-6, changed)


def test_mean_and_strong_are_those_of_64_posters() -> None:
    network, z = built.generator(), built.latent()
    known = levels(network, built.LAYER)
    maps = xai.activations(network, gan.latents(layers.MEAN_SEEDS, network.config), [built.LAYER])[built.LAYER]
    assert torch.equal(known.mean, maps.mean((0, 2, 3)))
    assert torch.equal(known.strong, maps.amax((0, 2, 3)))
    for word, level in (("mean", known.mean), ("strong", known.strong)):
        by_word = paint(network, z, [Edit(built.LAYER, built.PATCH, WHOLE, word)])  # type: ignore[arg-type]
        by_number = paint(network, z, [Edit(built.LAYER, built.PATCH, WHOLE, float(level[built.PATCH]))])
        assert torch.equal(by_word, by_number)
        assert torch.equal(
            by_word, paint(network, z, [Edit(built.LAYER, built.PATCH, WHOLE, word)], {built.LAYER: known})
        )  # type: ignore[arg-type]


def test_a_later_edit_lies_over_an_earlier_one() -> None:
    network, z = built.generator(), built.latent(1.0)
    strong, off = (Edit(built.LAYER, built.PATCH, WHOLE, value) for value in (2.0, "off"))  # type: ignore[arg-type]
    assert torch.equal(paint(network, z, [strong, off]), paint(network, z, [off]))
    assert torch.equal(paint(network, z, [off, strong]), paint(network, z, [strong]))
    assert not torch.equal(paint(network, z, [off]), paint(network, z, [strong]))


def test_edits_of_several_layers_are_those_of_nested_hooks() -> None:
    network = nets.generator(16)
    z = gan.latents([3], network.config)
    found = paint(network, z, [Edit("layers.5", 1, WHOLE, 0.5), Edit("layers.1", 2, WHOLE, "off")])
    private = xai.private_copy(network)
    with torch.no_grad(), xai.edit(private, "layers.1", [2], 0.0), xai.edit(private, "layers.5", [1], 0.5):
        assert torch.equal(found, private(z))


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        ((0.0, 0.0, 1.0, 1.0), (0, 10), (0, 10)),
        ((0.3, 0.1, 0.6, 0.7), (1, 7), (3, 6)),
        ((0.31, 0.0, 0.32, 0.001), (0, 1), (3, 4)),
        ((0.3, 0.29999999999999993, 0.6000000000000001, 0.7000000000000001), (3, 7), (3, 6)),  # as sums come out
        ((0.95, 0.99999999, 1.0, 1.0), (9, 10), (9, 10)),
    ],
)
def test_a_box_takes_the_cells_that_it_touches(box: Any, rows: tuple[int, int], columns: tuple[int, int]) -> None:
    expected = torch.zeros(10, 10, dtype=torch.bool)
    expected[slice(*rows), slice(*columns)] = True
    assert torch.equal(Edit("layers.2", 0, box, 1.0).inside(10, 10), expected)


def test_painting_leaves_the_network_alone_and_is_safe_in_threads() -> None:
    network = nets.generator(16).train()
    before = snapshot(network)
    z = gan.latents([3], network.config)
    edits = [[Edit("layers.5", unit, WHOLE, "strong")] for unit in range(4)]
    alone = [paint(network, z, one) for one in edits]
    together = in_threads(4, lambda index: paint(network, z, edits[index]))
    assert all(torch.equal(one, other) for one, other in zip(alone, together, strict=True))
    assert snapshot(network) == before


def test_edits_survive_their_way_through_json() -> None:
    edits = [
        Edit("layers.5", 7, (0.0, 0.25, 1.0, 0.5), "off"),
        Edit("layers.2", 0, (0.1, 0.2, 0.3, 0.4), -1.5),
        Edit("layers.2", 1, WHOLE, "strong"),
    ]
    text = to_json(edits)
    assert text.startswith('[["layers.5",7,[0,0.25,1,0.5],"off"],')
    assert from_json(text) == edits
    assert from_json("[]") == []


def test_a_thin_box_survives_its_way_through_json() -> None:
    edit = Edit("layers.5", 7, (0.50001, 0.99999, 0.50002, 1.0), "off")
    assert torch.equal(from_json(to_json([edit]))[0].inside(8, 8), edit.inside(8, 8))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "valid JSON"),
        ("[[", "valid JSON"),
        ("[" * 50_000, "valid JSON"),
        ("[" * 200_000, "too long"),
        ("{}", "are a list"),
        ("7", "are a list"),
        (json.dumps([0] * 101), "At most 100"),
        ("[7]", "Edit 1"),
        ('[["layers.5",7,[0,0,1,1]]]', "Edit 1"),
        ('[["layers.5",7,[0,0,1,1],"off"],[5,7,[0,0,1,1],"off"]]', "Edit 2: A layer"),
        ('[["layers.5",true,[0,0,1,1],"off"]]', "A unit"),
        ('[["layers.5",-1,[0,0,1,1],"off"]]', "A unit"),
        ('[["layers.5",1.5,[0,0,1,1],"off"]]', "A unit"),
        ('[["layers.5",1,[0,0,1],"off"]]', "four numbers"),
        ('[["layers.5",1,"box!","off"]]', "four numbers"),
        ('[["layers.5",1,[0,0,NaN,1],"off"]]', "four numbers"),
        ('[["layers.5",1,[0,0,1,2],"off"]]', "inside 0 to 1"),
        ('[["layers.5",1,[0.5,0,0.5,1],"off"]]', "inside 0 to 1"),
        ('[["layers.5",1,[0,0,1,1],"on"]]', "A value"),
        ('[["layers.5",1,[0,0,1,1],null]]', "A value"),
        ('[["layers.5",1,[0,0,1,1],Infinity]]', "A value"),
        ('[["layers.5",1,[0,0,1,1],1e300]]', "A value"),
        ('[["layers.5",1,[0,0,1,1],' + "9" * 400 + "]]", "A value"),
    ],
)
def test_bad_edits_are_answered_with_one_sentence(text: str, says: str) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        from_json(text)
    assert says in one_sentence(caught.value)


@pytest.mark.parametrize(
    ("layer", "unit", "says"), [("layers.9", 0, "no layer 'layers.9'"), ("layers.2", 7, "units 0 to 6")]
)
def test_an_edit_of_something_that_does_not_exist_is_refused(layer: str, unit: int, says: str) -> None:
    for value in ("off", "strong"):
        with pytest.raises(xai.ExplanationError) as caught:
            paint(built.generator(), built.latent(), [Edit(layer, unit, WHOLE, value)])  # type: ignore[arg-type]
        assert says in one_sentence(caught.value)


@pytest.mark.parametrize("z", [torch.zeros(1, 6, 1, 1), torch.zeros(1, 5), torch.zeros(5)])
def test_a_latent_of_another_shape_cannot_be_painted(z: Tensor) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        paint(built.generator(), z, [])
    assert "(N, 5, 1, 1)" in one_sentence(caught.value)


def test_painting_with_a_mask_sets_its_places_and_no_others(random_generator: gan.Generator) -> None:
    z = gan.latents([7], random_generator.config)
    usual = xai.activations(random_generator, z, ["layers.2"])["layers.2"]
    inside = np.zeros(usual.shape[2:], bool)
    inside[0, 1:3] = inside[-1, -1] = True
    mask = Mask.of(inside)
    expected = usual.clone()
    expected[:, 3][:, torch.from_numpy(inside)] = 0.7
    painted = paint(random_generator, z, [Edit("layers.2", 3, mask, 0.7)])
    with torch.no_grad():
        assert torch.equal(painted, xai.run_from(random_generator, "layers.2", expected))


def test_a_mask_of_a_box_paints_what_the_box_does(random_generator: gan.Generator) -> None:
    z, box = gan.latents([7], random_generator.config), (0.25, 0.0, 0.75, 0.5)
    height, width = xai.activations(random_generator, z, ["layers.2"])["layers.2"].shape[2:]
    by_box = Edit("layers.2", 3, box, "strong")
    by_mask = Edit("layers.2", 3, Mask.of(by_box.inside(height, width).numpy()), "strong")
    assert torch.equal(paint(random_generator, z, [by_box]), paint(random_generator, z, [by_mask]))
    assert from_json(to_json([by_box, by_mask])) == [by_box, by_mask]


def test_a_mask_of_another_layers_size_is_refused_in_a_sentence(random_generator: gan.Generator) -> None:
    z = gan.latents([7], random_generator.config)
    with pytest.raises(xai.ExplanationError, match="3 x 3"):
        paint(random_generator, z, [Edit("layers.2", 3, Mask(3, 3, (0, 9)), "off")])


@pytest.mark.parametrize("text", ["", "4x4", "4x4.-1", "4x4.0.zz", "0x4.0.1", "4x4.3", "4x4.0.1.", "9999x9999.0.1"])
def test_what_is_no_mask_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(xai.ExplanationError, match="mask"):
        Mask.parsed(text)


@given(hnp.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))).filter(np.any))
def test_a_masks_text_leads_back_to_it(inside: NDArray[np.bool_]) -> None:
    mask = Mask.of(inside)
    assert Mask.parsed(mask.text) == mask
    assert np.array_equal(mask.inside, inside)
