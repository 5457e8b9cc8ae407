from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

import gan
import xai
from tests.xai.nets import generator, given_generator, noise, one_sentence, pictures, snapshot, tall_pictures


@pytest.fixture(scope="module")
def poster_set() -> gan.PosterSet:
    names = tuple(f"poster-{index}.png" for index in range(30))
    return gan.PosterSet(gan.to_uint8(pictures(30, 32)), names, ((),) * 30)


def everything(poster_set: gan.PosterSet) -> dict[str, xai.Reference]:
    """One reference of every registered kind, for pictures of 32 x 32."""
    network = generator(32)
    sources = {kind: {"posters": poster_set} for kind in xai.REFERENCES} | {
        "own": {"images": pictures(4, 32, first=70)}
    }
    return {kind: xai.reference(kind, **source, generator=network, count=4, seed=1) for kind, source in sources.items()}


def roughness(images: Tensor) -> float:
    return float(images.diff(dim=2).square().mean() + images.diff(dim=3).square().mean())


@pytest.mark.parametrize("kind", xai.REFERENCES)
def test_every_kind_gives_pictures_of_the_posters_shape_in_range(kind: str, poster_set: gan.PosterSet) -> None:
    image = pictures(1, 32, first=50)
    reference = everything(poster_set)[kind]
    given = reference.of(image)
    assert reference.name == kind
    assert given.shape[0] == (4 if kind in ("posters", "generated", "own") else 1)
    assert given.shape[1:] == image.shape[1:]
    assert given.dtype == torch.float32
    assert given.min() >= -1
    assert given.max() <= 1


@pytest.mark.parametrize("kind", xai.REFERENCES)
def test_every_kind_is_the_same_when_it_is_made_again(kind: str, poster_set: gan.PosterSet) -> None:
    image = pictures(1, 32, first=50)
    assert torch.equal(everything(poster_set)[kind].of(image), everything(poster_set)[kind].of(image))


@pytest.mark.parametrize("kind", xai.REFERENCES)
def test_the_single_reference_is_the_average(kind: str, poster_set: gan.PosterSet) -> None:
    image, reference = pictures(1, 32), everything(poster_set)[kind]
    assert torch.equal(reference.single(image), reference.of(image).mean(0, keepdim=True))


@pytest.mark.parametrize(("kind", "level"), [("grey", 0.0), ("black", -1.0), ("white", 1.0)])
def test_plain_references_have_one_level_at_any_size(kind: str, level: float) -> None:
    for side in (8, 31):
        assert torch.equal(xai.reference(kind).of(noise(1, 3, side, side)), torch.full((1, 3, side, side), level))


def test_the_blurred_poster_keeps_its_mean_and_loses_its_detail() -> None:
    for seed in range(5):
        image = pictures(1, 64, first=seed)
        blurred = xai.reference("blur").of(image)
        assert (blurred.mean((2, 3)) - image.mean((2, 3))).abs().max() < 0.1
        assert roughness(blurred) < roughness(image) / 50


def test_a_plain_poster_stays_as_it_is_when_it_is_blurred() -> None:
    image = torch.full((1, 3, 64, 64), 0.3)
    assert torch.allclose(xai.reference("blur").of(image), image, atol=1e-6)


def test_each_poster_is_blurred_by_itself() -> None:
    blur, images = xai.reference("blur"), pictures(2, 32)
    assert not torch.equal(blur.of(images[:1]), blur.of(images[1:]))


def test_the_mean_is_the_mean_of_all_posters(poster_set: gan.PosterSet) -> None:
    mean = xai.reference("mean", posters=poster_set).of(noise(1, 3, 32, 32))
    assert torch.allclose(mean, poster_set.tensor(range(30)).mean(0, keepdim=True), atol=1e-6)


def test_posters_are_chosen_by_seed(poster_set: gan.PosterSet) -> None:
    def chosen(seed: int) -> Tensor:
        return xai.reference("posters", posters=poster_set, count=5, seed=seed).of(noise(1, 3, 32, 32))

    assert torch.equal(chosen(3), chosen(3))
    assert not torch.equal(chosen(3), chosen(4))


def test_chosen_posters_are_real_and_different_ones(poster_set: gan.PosterSet) -> None:
    chosen = xai.reference("posters", posters=poster_set, count=12).of(noise(1, 3, 32, 32))
    shown = {row.tobytes() for row in gan.to_uint8(chosen)}
    assert len(shown) == 12
    assert shown <= {row.tobytes() for row in poster_set.images}


def test_there_are_no_more_references_than_posters(poster_set: gan.PosterSet) -> None:
    assert xai.reference("posters", posters=poster_set, count=99).of(noise(1, 3, 32, 32)).shape[0] == 30


def test_pictures_of_ones_own_are_taken_as_they_are() -> None:
    own, image = noise(3, 3, 8, 8), noise(1, 3, 8, 8, seed=1)
    assert torch.equal(xai.reference("posters", images=own).of(image), own)
    assert torch.equal(xai.reference("own", images=own).of(image), own)
    assert torch.allclose(xai.reference("mean", images=own).of(image), own.mean(0, keepdim=True))


def test_choosing_references_touches_no_global_random_state(poster_set: gan.PosterSet) -> None:
    before, torch_before = np.random.get_state()[1].copy(), torch.get_rng_state()
    for reference in everything(poster_set).values():
        reference.of(noise(1, 3, 32, 32))
    assert np.array_equal(np.random.get_state()[1], before)
    assert torch.equal(torch.get_rng_state(), torch_before)


def test_generated_references_are_what_the_generator_draws_and_differ_by_seed() -> None:
    network, image = generator(8), noise(1, 3, 8, 8)
    one = xai.reference("generated", generator=network, count=3, seed=0).of(image)
    two = xai.reference("generated", generator=network, count=3, seed=1).of(image)
    drawn = network(gan.latents(range(500_000, 500_003), network.config))
    assert torch.allclose(one, drawn, atol=1e-6)
    assert not torch.equal(one, two)


def test_a_generator_in_train_mode_draws_references_in_eval_mode_and_learns_nothing() -> None:
    network, image = generator(8), noise(1, 3, 8, 8)
    expected = xai.reference("generated", generator=network, count=3).of(image)
    network.train()
    before = snapshot(network)
    assert torch.equal(xai.reference("generated", generator=network, count=3).of(image), expected)
    assert snapshot(network) == before


@pytest.mark.parametrize("kind", ["mean", "posters", "generated", "own"])
def test_references_that_need_pictures_say_so(kind: str) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        xai.reference(kind)
    assert "needs pictures" in one_sentence(caught.value)
    assert kind in str(caught.value)


def test_an_unknown_reference_names_those_there_are() -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        xai.reference("gray")
    assert all(kind in one_sentence(caught.value) for kind in xai.REFERENCES)


def test_references_of_another_size_are_refused() -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        xai.reference("posters", images=noise(2, 3, 16, 16)).of(noise(1, 3, 8, 8))
    assert "(3, 16, 16)" in one_sentence(caught.value)
    assert "(3, 8, 8)" in str(caught.value)


@pytest.mark.parametrize("shape", [(3, 8, 8), (0, 3, 8, 8)])
def test_references_that_are_no_pictures_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        xai.reference("posters", images=torch.zeros(shape))
    assert "(K, 3, H, W)" in one_sentence(caught.value)


@pytest.mark.parametrize("kind", ["mean", "posters"])
def test_an_empty_set_of_posters_is_refused(kind: str, poster_set: gan.PosterSet) -> None:
    empty = dataclasses.replace(poster_set, images=poster_set.images[:0], names=(), genres=())
    with pytest.raises(xai.ExplanationError) as caught:
        xai.reference(kind, posters=empty)
    assert "at least one" in one_sentence(caught.value)


@pytest.mark.parametrize("kind", ["posters", "generated"])
def test_a_count_of_none_is_refused(kind: str, poster_set: gan.PosterSet) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        xai.reference(kind, posters=poster_set, generator=generator(8), count=0)
    assert "at least one" in one_sentence(caught.value)


def test_the_blur_is_that_of_a_square_kernel_on_oblong_posters_too() -> None:
    for image in (tall_pictures(1, 32), pictures(1, 32)):
        expected = gaussian_blur(image, [17, 17], [17 / 4, 17 / 4])
        assert torch.allclose(xai.reference("blur").of(image), expected, atol=1e-5)


def test_generated_references_are_of_the_generators_shape_and_genre() -> None:
    network = given_generator()
    found = xai.reference("generated", generator=network, count=3).of(tall_pictures(1, 32))
    with torch.no_grad():
        assert torch.allclose(found, network(gan.latents(range(500_000, 500_003), network.config)), atol=1e-6)
