from __future__ import annotations

import importlib.util
import json
import math
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import gan
import xai
from tests.xai import built, nets
from tests.xai.nets import in_threads, one_sentence, snapshot
from xai import filters, units
from xai.anatomy import BLOCK, Anatomy
from xai.filters import GREY_LEVEL, Table, filters_table, removals
from xai.paint import Edit, from_json, levels, paint, to_json

SCRIPTS = Path(__file__).parents[2] / "scripts"
WHOLE = (0.0, 0.0, 1.0, 1.0)


@pytest.fixture(scope="module", params=["1:1", "2:3"])
def table(request: pytest.FixtureRequest) -> Table:
    return filters_table(built.checkpoint(request.param), latents=64)


@pytest.fixture(scope="module")
def random_generator() -> gan.Generator:
    """Two activation layers, of 40 (more than a block) and 4 units."""
    return nets.scramble(lambda: gan.Generator(gan.ModelConfig(resolution=16, width=20, latent=6))).eval()


@pytest.fixture(scope="module")
def random_score() -> xai.Score:
    return xai.Score(nets.discriminator(16))


def row(table: Table, unit: int) -> dict[str, Any]:
    return table.find(built.LAYER, unit)


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"scripts_{name}", SCRIPTS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ---- verdicts where the truth is known ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "verdict"),
    [
        (built.PATCH, "essential"),
        (built.DEAD, "dead"),
        (built.CONSTANT, "constant"),
        (built.TWIN, "redundant"),
        (built.OTHER_TWIN, "redundant"),
        (built.HATED, "harmful"),
        (built.WEAK, "useful"),
    ],
)
def test_every_filter_gets_the_verdict_that_it_was_built_for(table: Table, unit: int, verdict: str) -> None:
    found = row(table, unit)
    assert found["verdict"] == verdict
    assert found["confidence"] > 0.95


def test_a_dead_filter_never_answers_and_is_not_missed(table: Table) -> None:
    found = row(table, built.DEAD)
    assert [found[key] for key in ("mean", "spread", "largest", "active", "effect", "logit_change")] == [0] * 6


def test_a_constant_filter_is_always_on_and_not_missed_at_its_mean(table: Table) -> None:
    found = row(table, built.CONSTANT)
    assert (found["mean"], found["active"]) == (pytest.approx(2.0, abs=1e-4), 1.0)
    assert found["spread"] < 1e-5 and found["effect"] < 1e-3


def test_twins_name_each_other_and_cost_nothing_to_replace(table: Table) -> None:
    for unit, other in ((built.TWIN, built.OTHER_TWIN), (built.OTHER_TWIN, built.TWIN)):
        found = row(table, unit)
        assert found["partner"] == other
        assert found["correlation"] == pytest.approx(1, abs=1e-6)
        assert (found["factor"], found["offset"]) == (pytest.approx(1, abs=1e-5), pytest.approx(0, abs=1e-5))
        assert found["replaced"] < 1e-3 < 1 < found["effect"]


def test_a_filter_without_a_twin_is_not_replaced_for_free(table: Table) -> None:
    found = row(table, built.PATCH)
    assert abs(found["correlation"]) < 0.3 and found["replaced"] > filters.ESSENTIAL
    assert row(table, built.DEAD)["partner"] == row(table, built.CONSTANT)["partner"] == -1


def test_only_the_filter_that_the_discriminator_dislikes_raises_the_logit_when_it_goes(table: Table) -> None:
    assert row(table, built.HATED)["logit_low"] > 0
    assert row(table, built.PATCH)["logit_high"] < 0  # its mean, held everywhere, reaches the place that is judged


def test_the_strongest_seeds_are_those_whose_latent_drives_the_filter(table: Table) -> None:
    drive = gan.latents(range(1000), built.generator().config)[:, built.DRIVES_PATCH, 0, 0]
    found = row(table, built.PATCH)
    assert found["strongest"] == drive.argsort(descending=True)[:8].tolist()
    assert (drive[found["weakest"]] <= 0).all()


def test_a_larger_study_of_two_halves_agrees_with_itself() -> None:
    one, other = (filters_table(built.checkpoint(), 32, first_seed=seed) for seed in (10, 5000))
    assert one.verdict.tolist() == other.verdict.tolist()
    assert not np.array_equal(one.effect, other.effect)


def test_a_verdict_that_hangs_on_few_posters_is_not_confident() -> None:
    found = filters_table(built.checkpoint(), 4, first_seed=10)
    assert found.confidence.min() < 1


def judged(**evidence: float) -> str:
    """The verdict on a unit with this evidence, from 16 latents; beside it in its layer is a unit of spread 1."""
    given = {
        "largest": 1.0,
        "spread": 1.0,
        "change": 0.0,
        "noise": 0.0,
        "logits": 1.0,
        "correlation": 0.0,
        "scale": 1.0,
    } | evidence
    given = {"replaced": 2.0, "effect": 2.0} | given
    even = torch.tensor([1.0, -1.0]).repeat(8).double()[:, None] * (15 / 16) ** 0.5  # standard deviation 1
    pair = torch.ones(16, 2).double()
    moments = filters._Moments(
        usual=torch.zeros(2).double(),
        mean=0 * pair,
        square=given["scale"] ** 2 * pair * torch.tensor([given["spread"] ** 2, 2 - given["spread"] ** 2]).double(),
        largest=pair * given["largest"],
        active=pair,
        products=torch.zeros(2, 2).double(),
    )
    twins = filters._Twins(torch.tensor([1, 0]), torch.full((2,), given["correlation"]), torch.zeros(2), torch.zeros(2))
    effects = filters._Effects(
        picture=pair * given["effect"],
        logit=pair * given["change"] + even * given["noise"],
        replaced=pair[:4] * given["replaced"],
        logits=even[:, 0] * given["logits"],
    )
    return filters.VERDICTS[filters._judged(torch.ones(1, 16).double(), moments, twins, effects)[0, 0]]


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        ({}, "useful"),
        ({"largest": 1e-6}, "dead"),
        ({"largest": 2e-6}, "useful"),
        ({"spread": 0.019}, "constant"),  # of 1, the layer's
        ({"spread": 0.021}, "useful"),
        ({"spread": 1.0, "scale": 1e-3}, "useful"),  # as quiet as all its layer
        ({"change": 0.021}, "harmful"),
        ({"change": 0.019}, "useful"),  # certain, and too little
        ({"change": 0.021, "logits": 2.0}, "useful"),
        ({"change": 1.0, "noise": 1.3}, "harmful"),  # 2.947 standard errors of 1.3 / 4 are 0.96
        ({"change": 1.0, "noise": 1.4}, "useful"),  # ... of 1.4 / 4 are 1.03: the interval reaches 0
        ({"change": -1.0}, "useful"),
        ({"change": math.nan, "logits": math.nan}, "useful"),
        ({"correlation": 0.71, "replaced": 0.99}, "redundant"),
        ({"correlation": -0.71, "replaced": 0.99}, "redundant"),
        ({"correlation": 0.69, "replaced": 0.99}, "useful"),
        ({"correlation": 0.71, "replaced": 1.01}, "useful"),
        ({"effect": 4.0}, "essential"),
        ({"effect": 3.99}, "useful"),
        ({"effect": 9.0, "correlation": 0.9, "replaced": 0.5}, "redundant"),
        ({"effect": 9.0, "change": 1.0, "correlation": 0.9, "replaced": 0.5}, "harmful"),
        ({"spread": 0.0, "change": 1.0}, "constant"),
        ({"largest": 0.0, "spread": 0.0, "change": 1.0}, "dead"),
    ],
)
def test_verdicts_change_where_the_rule_says(evidence: dict[str, float], verdict: str) -> None:
    assert judged(**evidence) == verdict


# ---- equal to the slow way ---------------------------------------------------------------------------


@pytest.mark.parametrize("removal", ["mean", "zero"])
@pytest.mark.parametrize("layer", ["layers.2", "layers.5"])
def test_removals_are_those_of_ablate_one_by_one(
    random_generator: gan.Generator, random_score: xai.Score, layer: str, removal: units.Removal
) -> None:
    z = gan.latents([7], random_generator.config)
    found = removals(Anatomy.of(random_generator), z, layer, removal, random_score)
    assert found.logit_changes is not None
    for unit in range(len(found.effects)):
        slow = units.ablate(random_generator, z, layer, unit, removal, random_score)
        assert float(found.effects[unit]) == pytest.approx(float(slow.difference.square().mean().sqrt()), abs=1e-5)
        assert float(found.logit_changes[unit]) == pytest.approx(slow.score_change, abs=1e-4)
        assert found.logit == pytest.approx(slow.score_before, abs=1e-4)


def test_by_resample_another_seeds_map_takes_the_units_place(random_generator: gan.Generator) -> None:
    z, other = gan.latents([7], random_generator.config), gan.latents([99], random_generator.config)
    found = removals(Anatomy.of(random_generator), z, "layers.5", "resample", donor=99)
    donated = xai.activations(random_generator, other, ["layers.5"])["layers.5"]
    private = xai.private_copy(random_generator)
    for unit in range(len(found.effects)):
        with torch.no_grad(), xai.edit(private, "layers.5", [unit], donated[:, unit : unit + 1]):
            after = private(z)
        change = (after - random_generator(z).detach()).square().mean().sqrt()
        assert float(found.effects[unit]) == pytest.approx(float(change), abs=1e-5)
    assert found.logit is None and found.logit_changes is None


@torch.no_grad()
def test_the_tables_numbers_are_those_of_plain_arithmetic(
    random_generator: gan.Generator, random_score: xai.Score
) -> None:
    judge = nets.discriminator(16)
    made = gan.Checkpoint(random_generator, judge, random_generator.config, digest="d")
    found = filters_table(made, latents=5, first_seed=50)
    z = gan.latents(range(50, 55), random_generator.config)
    maps = xai.activations(random_generator, z, ["layers.5"])["layers.5"]
    flat = maps.transpose(0, 1).flatten(1).double().numpy()
    here = found.layer == "layers.5"
    assert here.sum() == 20 and len(found) == 60
    np.testing.assert_allclose(found.mean[here], flat.mean(1), atol=1e-5)
    np.testing.assert_allclose(found.spread[here], flat.std(1), atol=1e-5)
    np.testing.assert_allclose(found.largest[here], flat.max(1), atol=1e-5)
    np.testing.assert_allclose(found.active[here], (flat > 0).mean(1), atol=1e-6)
    correlation = np.corrcoef(flat)
    np.fill_diagonal(correlation, 0)
    assert found.partner[here].tolist() == np.abs(correlation).argmax(1).tolist()
    unit = 11
    one = found.find("layers.5", unit)
    other = one["partner"]
    assert one["correlation"] == pytest.approx(correlation[unit, other], abs=1e-5)
    factor, offset = np.polyfit(flat[other], flat[unit], 1)
    assert (one["factor"], one["offset"]) == (pytest.approx(factor, abs=1e-4), pytest.approx(offset, abs=1e-4))
    slow = [units.ablate(random_generator, row[None], "layers.5", unit, "mean", random_score) for row in z]
    effect = np.mean([float(one.difference.square().mean().sqrt()) for one in slow]) / GREY_LEVEL
    changes = [one.score_change for one in slow]
    assert one["effect"] == pytest.approx(effect, abs=1e-3)
    assert one["logit_change"] == pytest.approx(np.mean(changes), abs=1e-4)
    half = 4.604095 * np.std(changes, ddof=1) / 5**0.5  # t of 99 % with 4 degrees of freedom, from a printed table
    assert one["logit_low"] == pytest.approx(np.mean(changes) - half, abs=1e-3)
    private, by_twin = xai.private_copy(random_generator), maps.clone()
    replaced = torch.as_tensor(one["factor"] * by_twin[:, other] + one["offset"])[:, None]
    with xai.edit(private, "layers.5", [unit], replaced):
        error = (private(z) - random_generator(z)).square().mean((1, 2, 3)).sqrt().mean() / GREY_LEVEL
    assert one["replaced"] == pytest.approx(float(error), abs=1e-3)


def test_more_units_than_a_block_are_all_drawn(random_generator: gan.Generator) -> None:
    anatomy = Anatomy.of(random_generator)
    trace = anatomy.trace(gan.latents([7], random_generator.config))
    changes = filters.without(anatomy, trace, "layers.2")
    drawn = list(anatomy.redraw(trace, "layers.2", changes))
    assert [(units.start, units.stop) for units, _ in drawn] == [(0, BLOCK), (BLOCK, 40)]


def test_a_generator_in_train_mode_with_hooks_is_looked_at_as_it_draws_and_left_alone(
    random_generator: gan.Generator,
) -> None:
    z = gan.latents([7], random_generator.config)
    expected = removals(Anatomy.of(random_generator), z, "layers.2").effects
    network = nets.scramble(lambda: gan.Generator(random_generator.config)).train()
    network.layers[2].register_forward_hook(lambda module, inputs, output: output * 0)
    before = snapshot(network)
    assert torch.equal(removals(Anatomy.of(network), z, "layers.2").effects, expected)
    assert snapshot(network) == before


def test_threads_that_share_an_anatomy_get_the_answers_that_each_gets_alone(
    random_generator: gan.Generator, random_score: xai.Score
) -> None:
    anatomy = Anatomy.of(random_generator)
    z = gan.latents(range(6), random_generator.config)

    def job(index: int) -> tuple[Tensor, Tensor | None]:
        found = removals(anatomy, z[index : index + 1], "layers.5", score=random_score)
        return found.effects, found.logit_changes

    alone = [job(index) for index in range(6)]
    for one, other in zip(alone, in_threads(6, job), strict=True):
        assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])  # type: ignore[arg-type]


def test_a_row_of_a_trace_does_not_depend_on_the_other_rows(random_generator: gan.Generator) -> None:
    anatomy = Anatomy.of(random_generator)
    z = gan.latents(range(20), random_generator.config)
    assert torch.equal(anatomy.maps(anatomy.trace(z), "layers.5")[3:4], anatomy.maps(anatomy.trace(z[3:4]), "layers.5"))


def test_the_same_seeds_give_the_same_table() -> None:
    one, other = (filters_table(built.checkpoint(), 4) for _ in range(2))
    assert one.rows() == other.rows()


def test_progress_runs_from_nothing_to_all_and_can_call_the_study_off() -> None:
    told: list[float] = []
    filters_table(built.checkpoint(), 4, progress=told.append)
    assert told == sorted(told) and 0 <= told[0] < 0.1 and told[-1] == 1

    def stop(part: float) -> None:
        if part > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        filters_table(built.checkpoint(), 4, progress=stop)


def test_one_posters_removals_tell_how_far_they_are(random_generator: gan.Generator) -> None:
    told: list[float] = []
    removals(Anatomy.of(random_generator), gan.latents([1], random_generator.config), "layers.2", progress=told.append)
    assert told == [BLOCK / 40, 1]


# ---- other networks, and bad input -------------------------------------------------------------------


def test_without_a_discriminator_nothing_is_harmful() -> None:
    made = built.checkpoint()
    found = filters_table(gan.Checkpoint(made.generator, None, made.config), 8)
    assert np.isnan(found.logit_change).all() and np.isnan(found.logit_low).all()
    assert found.verdict[built.HATED] == "essential" and found.verdict[built.DEAD] == "dead"


def test_a_layer_of_one_unit_has_no_twin() -> None:
    network = nets.generator(8, width=1)
    found = filters_table(gan.Checkpoint(network, None, network.config), 4)
    assert (len(found), found.partner.tolist(), found.correlation.tolist()) == (1, [-1], [0])


def test_a_network_that_is_no_chain_is_refused() -> None:
    network = nets.generator()
    network.layers[2] = nn.Softplus()
    with pytest.raises(xai.ExplanationError) as caught:
        Anatomy.of(network)
    assert "modules" in one_sentence(caught.value)


@pytest.mark.parametrize(
    ("latents", "first_seed", "says"),
    [(1, 0, "at least 2"), (0, 0, "at least 2"), (4, -1, "Seeds"), (4, 2**32, "Seeds")],
)
def test_a_study_that_cannot_be_made_says_why(latents: int, first_seed: int, says: str) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        filters_table(built.checkpoint(), latents, first_seed)
    assert says in one_sentence(caught.value)


def test_a_checkpoint_without_a_generator_has_no_filters_to_study() -> None:
    made = built.checkpoint()
    with pytest.raises(xai.ExplanationError) as caught:
        filters_table(gan.Checkpoint(None, made.discriminator, made.config))
    assert "generator" in one_sentence(caught.value)


@pytest.mark.parametrize(
    ("z", "layer", "removal", "says"),
    [
        (built.latent(), "layers.1", "mean", "layers.2"),
        (built.latent(), "layers.2", "median", "'median'"),
        (built.latent().repeat(2, 1, 1, 1), "layers.2", "mean", "not 2"),
        (torch.zeros(1, 4, 1, 1), "layers.2", "mean", "(1, 5, 1, 1)"),
        (torch.zeros(0, 5, 1, 1), "layers.2", "mean", "not 0"),
    ],
)
def test_bad_input_is_answered_with_one_sentence(z: Tensor, layer: str, removal: Any, says: str) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        removals(Anatomy.of(built.generator()), z, layer, removal)
    assert says in one_sentence(caught.value)


# ---- the table on disk -------------------------------------------------------------------------------


def test_a_table_comes_back_as_it_was_saved(table: Table, tmp_path: Path) -> None:
    table.save(tmp_path / "filters.npz")
    again = Table.load(tmp_path / "filters.npz")
    assert again.rows() == table.rows()
    assert (again.digest, again.latents, again.first_seed, again.rule) == (
        "0" * 64,
        64,
        filters.FIRST_SEED,
        filters.RULE,
    )
    assert [path.name for path in tmp_path.iterdir()] == ["filters.npz"]


def test_rows_are_plain_values_for_a_data_frame(table: Table) -> None:
    rows = table.rows()
    assert len(rows) == len(table) == 7
    json.dumps(rows)
    assert table.counts() == table.counts(built.LAYER)
    assert table.counts() == {
        "dead": 1, "constant": 1, "harmful": 1, "redundant": 2, "essential": 1, "useful": 1,
    }  # fmt: skip


@pytest.mark.parametrize(("layer", "unit"), [("layers.2", 7), ("layers.2", -1), ("layers.9", 0)])
def test_a_filter_that_is_not_in_the_table_is_not_found(table: Table, layer: str, unit: int) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        table.find(layer, unit)
    assert f"unit {unit} of {layer}" in one_sentence(caught.value)


def test_only_the_table_of_these_weights_and_this_rule_is_taken(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Table.beside(tmp_path, table.digest) is None
    table.save(tmp_path / filters.FILE)
    found = Table.beside(tmp_path, table.digest)
    assert found is not None and found.rows() == table.rows()
    assert Table.beside(tmp_path, "1" * 64) is None
    monkeypatch.setattr(filters, "RULE", "another")
    assert Table.beside(tmp_path, table.digest) is None


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def _text(path: Path) -> None:
    path.write_text("not a table")


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _another(path: Path) -> None:
    np.savez(path, facts=np.array("{}"))


def _uneven(path: Path) -> None:
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **arrays | {"effect": arrays["effect"][:3]})


def _of_another_kind(path: Path) -> None:
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **arrays | {"partner": arrays["partner"].astype(str)})


def _of_unknown_verdicts(path: Path) -> None:
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **arrays | {"verdict": np.full(7, "<b>")})


def _huge(path: Path) -> None:
    with np.load(path) as file:
        arrays = dict(file)
    np.savez_compressed(path, **arrays | {"effect": np.zeros(filters.MOST_BYTES // 4, np.float32)})


def _pickled(path: Path) -> None:
    np.save(path.with_suffix(".npy"), np.array([{}], dtype=object))
    path.with_suffix(".npy").replace(path)


@pytest.mark.parametrize(
    "damage",
    [
        _truncated,
        _text,
        _empty,
        _another,
        _uneven,
        _of_another_kind,
        _of_unknown_verdicts,
        _huge,
        _pickled,
        Path.unlink,
    ],
)
def test_a_damaged_table_is_refused(table: Table, tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "filters.npz"
    table.save(path)
    damage(path)
    with pytest.raises(xai.ExplanationError) as caught:
        Table.load(path)
    assert "filters.npz" in str(caught.value) and str(caught.value).endswith(".")


# ---- painting ----------------------------------------------------------------------------------------


def test_off_inside_a_box_takes_away_the_patch_and_leaves_the_rest() -> None:
    network, z = built.generator(), built.latent(2.0, 2.0, 2.0)
    before = paint(network, z, [])
    after = paint(network, z, [Edit(built.LAYER, built.PATCH, (0.0, 0.0, 0.5, 0.5), "off")])
    changed = (before - after).abs().amax((0, 1)) > 1e-6
    assert changed[:4, :4].all()
    assert not changed[5:].any() and not changed[:, 5:].any()  # a kernel reaches one pixel beyond its cells
    away = units.ablate(network, z, built.LAYER, built.PATCH, "zero").after
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
    maps = xai.activations(network, gan.latents(units.MEAN_SEEDS, network.config), [built.LAYER])[built.LAYER]
    assert torch.equal(known.mean, maps.mean((0, 2, 3))) and torch.equal(known.strong, maps.amax((0, 2, 3)))
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
    assert Edit("layers.2", 0, box, 1.0).cells(10, 10) == (slice(*rows), slice(*columns))


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
    assert from_json(to_json([edit]))[0].cells(8, 8) == edit.cells(8, 8)


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


# ---- the scripts -------------------------------------------------------------------------------------


def test_the_study_writes_the_table_into_the_checkpoint_which_still_loads(
    checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(checkpoints / "tiny", folder)
    before = gan.load(folder)
    assert script("study_filters").main(["--checkpoint", str(folder), "--latents", "3"]) == 0
    after = gan.load(folder)
    found = Table.beside(folder, after.digest)
    assert after.digest == before.digest
    assert found is not None and (len(found), found.latents) == (4, 3)
    said = capsys.readouterr().out
    assert "4 filters, 3 posters" in said and "layers.2: " in said


def test_the_study_goes_where_it_is_told(checkpoints: Path, tmp_path: Path) -> None:
    out = tmp_path / "here.npz"
    arguments = ["--checkpoint", str(checkpoints / "tiny"), "--latents", "2", "--first-seed", "5", "--out", str(out)]
    assert script("study_filters").main(arguments) == 0
    assert (Table.load(out).first_seed, Table.load(out).latents) == (5, 2)
    assert not (checkpoints / "tiny" / filters.FILE).exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--latents", "1"], "at least 2"),
        (["--first-seed", "-1"], "Seeds run"),
        (["--checkpoint", "missing"], "not there"),
        (["--out", "missing/filters.npz"], "folder that exists"),
    ],
)
def test_a_study_that_cannot_be_made_ends_with_one_line(
    checkpoints: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script("study_filters").main(["--checkpoint", str(checkpoints / "tiny"), *arguments]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and line.endswith(".") and says in line


def test_edits_of_a_file_are_replayed(checkpoints: Path, tmp_path: Path) -> None:
    edits = [Edit("layers.2", 1, (0.0, 0.0, 0.5, 0.5), "strong"), Edit("layers.2", 2, WHOLE, "off")]
    (tmp_path / "edits.json").write_text(to_json(edits))
    out = tmp_path / "deep" / "painted.png"
    arguments = ["--checkpoint", str(checkpoints / "tiny"), "--seed", "7", "--out", str(out)]
    assert script("paint").main([*arguments, "--edits", str(tmp_path / "edits.json")]) == 0
    generator = gan.load(checkpoints / "tiny").generator
    assert generator is not None
    expected = gan.to_uint8(paint(generator, gan.latents([7], generator.config), edits))[0]
    assert np.array_equal(np.asarray(Image.open(out)), expected)
    assert not np.array_equal(expected, gan.to_uint8(generator(gan.latents([7], generator.config)).detach())[0])


@pytest.mark.parametrize(
    ("text", "seed", "says"),
    [
        ('[["layers.2",9,[0,0,1,1],"off"]]', "7", "units 0 to 3"),
        ("no", "7", "valid JSON"),
        ("[]", "-1", "seed"),
        (None, "7", "edits.json"),
        (b"\xff\xfe\x00", "7", "edits.json"),
    ],
)
def test_edits_that_cannot_be_replayed_end_with_one_line(
    checkpoints: Path, tmp_path: Path, text: str | bytes | None, seed: str, says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    path = tmp_path / "edits.json"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    arguments = ["--checkpoint", str(checkpoints / "tiny"), f"--seed={seed}", "--out", str(tmp_path / "x.png")]
    assert script("paint").main([*arguments, "--edits", str(path)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and line.endswith(".") and says in line
    assert not (tmp_path / "x.png").exists()


def test_a_painting_is_not_replaced_unless_forced(checkpoints: Path, tmp_path: Path) -> None:
    (tmp_path / "edits.json").write_text("[]")
    out = tmp_path / "x.png"
    arguments = ["--checkpoint", str(checkpoints / "tiny"), "--edits", str(tmp_path / "edits.json"), "--out", str(out)]
    assert script("paint").main([*arguments, "--seed", "1"]) == 0
    first = out.read_bytes()
    assert script("paint").main([*arguments, "--seed", "2"]) == 2
    assert out.read_bytes() == first
    assert script("paint").main([*arguments, "--seed", "2", "--force"]) == 0
    assert out.read_bytes() != first
