"""Over depth: networks that know one thing only come out as that, and noise comes out as nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

import gan
import xai
from xai import ExplanationError
from xai.collection.similarity.rsa import Depth, against_control, over_depth, profile, sentence
from xai.collection.similarity.spaces import Space

COUNT, SIDE = 60, 16
RANDOM = np.random.default_rng(3)


def posters() -> gan.PosterSet:
    """Pictures of random colours; a third is darker in a random half; every second one is of Horror, and has a mark."""
    pixels = np.empty((COUNT, SIDE, SIDE, 3), np.uint8)
    for row in range(COUNT):
        noisy = RANDOM.integers(60, 196, 3) + RANDOM.normal(0, 30, (SIDE, SIDE, 3))
        pixels[row] = noisy.clip(0, 255)
        half = [np.s_[:8], np.s_[8:], np.s_[:, :8], np.s_[:, 8:]][row % 4]
        pixels[row][half] = pixels[row][half] * 0.8
        if row % 2:
            pixels[row, :4, :4] = np.indices((4, 4)).sum(0)[..., None] % 2 * 255
    genres = tuple(("Horror",) if row % 2 else ("Drama",) for row in range(COUNT))
    return gan.PosterSet(pixels, tuple(f"{row}.png" for row in range(COUNT)), genres, complete=(True,) * COUNT)


@torch.no_grad()
def network(kernels: torch.Tensor) -> xai.Score:
    """A score whose first layer has these kernels (4, 3, 4, 4), and whose second repeats what the first answers."""
    built = gan.Discriminator(gan.ModelConfig(resolution=SIDE, width=4, norm_d=False)).eval()
    first, _, second = built.layers[:3]
    first.weight.copy_(kernels)
    second.weight.zero_()
    for unit in range(second.out_channels):
        second.weight[unit, unit % 4, 1:3, 1:3] = 0.25
    for layer in (first, second):
        layer.bias.zero_()
    return xai.Score(built)


def colour_network() -> xai.Score:
    colours = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [-1, -1, -1]])
    return network(colours[:, :, None, None].repeat(1, 1, 4, 4) / 16)


def mark_network() -> xai.Score:
    """It answers to a checkerboard at any colour, and to next to nothing else."""
    board = torch.from_numpy(np.indices((4, 4)).sum(0) % 2 * 2.0 - 1).float()
    return network(torch.stack([board, -board, board, -board])[:, None].repeat(1, 3, 1, 1))


def test_a_network_that_knows_only_colour_comes_out_as_colour_at_every_depth() -> None:
    found = over_depth(colour_network(), posters(), permutations=50)
    assert [layer.strongest for layer in found.layers] == ["colour", "colour"]
    assert all(layer.advantage is not None and layer.advantage.high < 0 for layer in found.layers)
    assert "Genres never overtake colours and layout" in sentence(found.layers)


def test_a_network_that_answers_to_what_a_genre_has_comes_out_as_genre() -> None:
    found = over_depth(mark_network(), posters(), permutations=50)
    assert [layer.strongest for layer in found.layers] == ["genres", "genres"]
    assert found.layers[0].advantage is not None
    assert found.layers[0].advantage.low > 0
    assert "Genres overtake colours and layout at layers.1." in sentence(found.layers)
    assert found.text.startswith("By what is in a poster: Genres agree most with every layer.")


def test_maps_see_where_and_means_do_not() -> None:
    found = over_depth(colour_network(), posters(), permutations=20)
    column = found.layers[0].properties.index("layout")
    assert found.maps[0].correlations[column].low > found.layers[0].correlations[column].high


def noise(name: str, kind: str = "layer", count: int = 40) -> Space:
    return Space(name, name, kind, RANDOM.standard_normal((count, 5)).astype(np.float32))  # type: ignore[arg-type]


def test_noise_agrees_with_nothing_and_says_so() -> None:
    found = profile([noise("a"), noise("b")], [noise("colour", "visual"), noise("genres", "semantic")], 200)
    assert [layer.strongest for layer in found] == ["", ""]
    assert sentence(found) == "No layer's distances agree with any property beyond chance."


def test_without_genres_there_is_nothing_to_overtake() -> None:
    colour = noise("colour", "visual")
    found = profile([replace(colour, name="a", kind="layer")], [colour], 50)
    assert (found[0].advantage, found[0].beyond) == (None, None)
    assert sentence(found).endswith("There are no genres to compare with.")
    assert found[0].correlations[0].value == pytest.approx(1)


def test_the_correlation_is_spearmans_over_all_pairs() -> None:
    one, other = noise("a"), noise("colour", "visual")
    mixed = replace(other, rows=other.rows + one.rows)
    found = profile([one], [mixed], 20)[0].correlations[0]
    assert found.value == pytest.approx(spearmanr(pdist(one.rows), pdist(mixed.rows))[0], abs=1e-5)
    assert found.low < found.value < found.high


def test_what_genres_add_is_told_apart_from_what_colours_share_with_them() -> None:
    colour, other = noise("colour", "visual", 80), noise("x", count=80)
    shared = replace(colour, name="genres", kind="semantic", rows=colour.rows + 0.3 * noise("x", count=80).rows)
    by_colour = profile([replace(colour, name="a", kind="layer")], [colour, shared], 20)[0]
    assert by_colour.correlations[1].low > 0.3
    assert by_colour.beyond is not None
    assert abs(by_colour.beyond.value) < 0.1
    own = replace(other, name="genres", kind="semantic")
    both = profile([replace(other, name="a", kind="layer", rows=other.rows + colour.rows)], [colour, own], 20)[0]
    assert both.beyond is not None
    assert both.beyond.low > 0.3
    assert "beyond these they agree with a a little" not in sentence([by_colour]) or by_colour.beyond.low > 0


def test_the_intervals_hold_the_value_of_many_posters_in_about_95_of_100_samples() -> None:
    def sample(count: int) -> list[Space]:
        layer = noise("a", count=count)
        return [layer, replace(layer, name="colour", kind="visual", rows=layer.rows + noise("x", count=count).rows)]

    layer, other = sample(1200)
    truth = spearmanr(pdist(layer.rows), pdist(other.rows))[0]
    held = 0
    for _ in range(150):
        layer, other = sample(30)
        found = profile([layer], [other], 0)[0].correlations[0]
        held += found.low <= truth <= found.high
    assert 130 <= held <= 149


def test_p_is_uniform_where_nothing_agrees() -> None:
    p = [profile([noise("a", count=20)], [noise("colour", "visual", 20)], 60)[0].p[0] for _ in range(80)]
    assert 0.35 < np.mean(p) < 0.65
    assert np.mean(np.array(p) <= 0.05) < 0.15


def test_too_few_posters_are_one_sentence() -> None:
    with pytest.raises(ExplanationError, match="at least 12 posters; there are 5"):
        over_depth(colour_network(), posters().select(range(5)))


def test_the_control_is_a_network_with_random_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    found = over_depth(mark_network(), posters(), permutations=50)
    assert isinstance(found, Depth)
    assert [layer.layer for layer in found.control] == [layer.layer for layer in found.layers]
    assert all(layer.strongest != "genres" for layer in found.control)


def test_how_much_training_changed_is_told_with_its_sign() -> None:
    trained = over_depth(mark_network(), posters(), permutations=20)
    column = trained.layers[0].properties.index("genres")
    assert trained.layers[0].over_control[column].low > 0
    assert "more with genres (every layer)" in against_control(trained.layers)
    assert "Beyond colours and layout layers.1 and layers.3 agree more with genres than" in against_control(
        trained.layers
    )
    colours = against_control(over_depth(colour_network(), posters(), permutations=20).layers)
    assert "Beyond colours and layout no layer agrees more with genres than with random weights." in colours
    assert trained.maps[0].over_control == trained.control[0].over_control == ()


def test_a_network_is_no_different_from_itself_and_less_than_one_that_knows_more() -> None:
    colour = noise("colour", "visual")
    knows, other = replace(colour, name="a", kind="layer"), noise("a")
    same = profile([knows], [colour], 20, control=[knows])
    assert same[0].over_control[0].value == 0
    assert against_control(same) == "Training changed no agreement beyond chance."
    less = profile([other], [colour], 20, control=[knows])
    assert against_control(less) == "Training made layers agree less with colours (every layer)."
    assert less[0].over_control[0].value == pytest.approx(less[0].correlations[0].value - 1, abs=1e-6)


def test_several_intervals_that_hold_together_are_wider_than_one() -> None:
    from xai.collection.similarity.rsa import _jackknife

    without = RANDOM.standard_normal(30)
    one, many = _jackknife(0.0, without / 30, 1), _jackknife(0.0, without / 30, 16)
    assert one.half < many.half < 2 * one.half
