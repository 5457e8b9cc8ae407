"""All pages with every kind of checkpoint: genres, 2:3, no BatchNorm in D, other sizes; evaluations and enlargement."""

from __future__ import annotations

import io
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

import gan
from dashboard.cached import listing, poster_sets
from dashboard.pages import PAGES
from gan.checkpoints.conditioning import with_genres
from gan.checkpoints.listing import EVALUATION
from gan.data.synthetic import draw_poster
from gan.evaluation import validation
from gan.evaluation.conditioning import GenreEstimates
from gan.evaluation.estimates import Estimate
from gan.evaluation.report import Evaluation, write
from gan.evaluation.samples.memorization import ClosestPair
from gan.evaluation.validation import Validation
from gan.files import in_use
from gan.upscaling import network
from tests.dashboard.reading import OpenApp, captions, charts, subject_of, texts

GENRES = ("Comedy", "Horror", "Sci-Fi")
KINDS = {
    "asked": gan.ModelConfig(16, latent=8, width=4, genres=GENRES, embedding=4),
    "whole": gan.ModelConfig(16, latent=8, width=4, aspect="2:3", calibrated=True),
    "plain": gan.ModelConfig(32, latent=8, width=4, norm_d=False),
    "all-of-it": gan.ModelConfig(8, latent=8, width=6, aspect="2:3", norm_d=False, genres=GENRES, embedding=4),
}
FAST = {"methods": ["DeepLIFT", "Gradient × input"], "check": "false"}


def make(folder: Path, name: str, config: gan.ModelConfig, **info: object) -> Path:
    """A checkpoint of random weights whose pictures are not all grey and whose genres make a difference."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        generator, discriminator = gan.Generator(config), gan.Discriminator(config)
        for layer in generator.layers:
            if isinstance(layer, torch.nn.ConvTranspose2d):
                layer.weight.mul_(10)
        if config.genres:
            generator.embed.weight.normal_()
            discriminator.embed.weight.normal_()
        discriminator(generator(gan.latents(range(16), config)))
    gan.save(folder / name, generator.eval(), discriminator.eval(), info)
    return folder / name


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kinds")
    for name, config in KINDS.items():
        make(folder, name, config, train={"loss": "bce" if config.norm_d else "relativistic"})
    return folder


def test_of_the_studied_checkpoints_the_closest_to_real_posters_opens_first(tmp_path: Path, open_app: OpenApp) -> None:
    """By its distance above that of real posters, whatever its name; not one with fewer studies, however close."""
    distances = {
        "a": (50.0, 20.0), "b": (45.0, 20.0), "c": (60.0, 40.0), "d": (None, None), "d2": (math.nan, 1.0),
        "e": (21.0, 20.0), "f": (21.0, 20.0),
    }  # fmt: skip
    for name, (distance, floor) in distances.items():
        folder = make(tmp_path, name, KINDS["plain"])
        found = {"fd_lite1": {"value": distance}}, {"fd_lite1": {"value": floor}}
        (folder / EVALUATION).write_text(json.dumps(dict(zip(("generated", "floor"), found, strict=True))))
        studies = {"e": [], "f": ["filters.npz"]}.get(name, ["filters.npz", "pruning.json"])
        for study in studies:
            (folder / study).touch()
    make(tmp_path, "0", KINDS["plain"])
    open_app("training", None, "--checkpoints", str(tmp_path))
    assert listing.checkpoint_names() == ["c", "b", "a", "d", "d2", "f", "0", "e"]


def test_of_what_ships_the_closest_to_real_posters_opens_first(open_app: OpenApp) -> None:
    app = open_app("training", None, "--checkpoints", str(Path(__file__).parents[2] / "checkpoints"))
    assert listing.checkpoint_names()[0] == subject_of(app).checkpoint.name == "whole-64"


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("name", KINDS)
def test_every_page_works_with_every_kind_of_checkpoint(
    open_app: OpenApp, kinds: Path, poster_folder: Path, page: str, name: str
) -> None:
    query = FAST | {"checkpoint": name, "genres": ["Horror"]}
    app = open_app(page, query, "--checkpoints", str(kinds), "--posters", str(poster_folder))
    assert not app.exception
    assert not app.error
    assert not app.warning
    assert subject_of(app).image.shape[2:] == KINDS[name].size


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    ("page", "query"),
    [("generator", {"lab": "What contributes to this region"}), ("generator", {"lab": "Paint with this filter"}),
     ("generator", {"lab": "Inputs to this filter"}), ("latent", {"noise": "Paths"}),
     ("compare", {"more": "Agreement"}), ("compare", {"more": "Baselines"})],
)  # fmt: skip
def test_every_part_works_with_every_kind_of_checkpoint(
    open_app: OpenApp, kinds: Path, name: str, page: str, query: dict[str, str]
) -> None:
    app = open_app(page, FAST | {"checkpoint": name} | query, "--checkpoints", str(kinds))
    assert not app.exception
    assert not app.error
    assert not app.warning


def test_a_box_has_the_shape_of_the_poster(open_app: OpenApp, kinds: Path) -> None:
    query = {"checkpoint": "whole", "lab": "What contributes to this region", "region_down": ["0", "50"]}
    app = open_app("generator", query, "--checkpoints", str(kinds))
    layout = json.loads(app.get("plotly_chart")[0].proto.spec)["layout"]
    assert (layout["xaxis"]["range"], layout["yaxis"]["range"]) == ([0, 16], [24, 0])
    box = layout["shapes"][0]
    assert (box["x1"], box["y1"]) == (16, 12)


@pytest.mark.parametrize("source", ["Poster", "Upload"])
def test_a_real_poster_comes_in_the_checkpoints_shape(
    open_app: OpenApp, kinds: Path, poster_folder: Path, source: str
) -> None:
    query = {"checkpoint": "whole", "source": source}
    app = open_app("discriminator", query, "--checkpoints", str(kinds), "--posters", str(poster_folder))
    if source == "Upload":
        buffer = io.BytesIO()
        draw_poster(3).image.save(buffer, "PNG")
        app.file_uploader(key="upload").upload("mine.png", buffer.getvalue(), "image/png").run()
    assert not app.exception
    assert not app.error
    assert subject_of(app).pixels.shape == (24, 16, 3)


def test_posters_of_a_large_size_are_read_only_when_asked_for(
    open_app: OpenApp, kinds: Path, poster_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poster_sets, "LARGE", 16 * 16)
    given = ("--checkpoints", str(kinds), "--posters", str(poster_folder))
    app = open_app("start", {"checkpoint": "whole"}, *given)
    assert app.radio(key="source").options == ["Seed", "Upload"]
    next(button for button in app.button if button.label == "Read the real posters").click().run()
    assert not app.exception
    assert "Poster" in app.radio(key="source").options
    app = open_app("start", {"checkpoint": "plain", "source": "Poster"}, *given)
    assert not app.exception
    assert subject_of(app).noise is None  # the link asked for one


# ---- genres --------------------------------------------------------------------------------------------


def test_genres_are_chosen_in_the_sidebar_and_stand_in_the_address(open_app: OpenApp, kinds: Path) -> None:
    app = open_app("start", {"checkpoint": "asked", "seed": "3"}, "--checkpoints", str(kinds))
    open_picture = subject_of(app).image
    app.multiselect(key="genres").set_value(["Sci-Fi", "Horror"]).run()
    assert not app.exception
    assert app.query_params["genres"] == ["Sci-Fi", "Horror"]
    subject = subject_of(app)
    asked = with_genres(gan.load(kinds / "asked"), "Horror, Sci-Fi")
    assert asked.generator is not None
    with torch.no_grad():
        assert torch.equal(subject.image, asked.generator(gan.latents([3], asked.config)))
    assert not torch.equal(subject.image, open_picture)
    assert "a real poster of the genre Horror and Sci-Fi?" in texts(app)


def test_a_link_with_genres_brings_the_same_poster_back(open_app: OpenApp, kinds: Path) -> None:
    query = {"checkpoint": "asked", "genres": ["Horror", "Comedy"]}
    app = open_app("compare", FAST | query, "--checkpoints", str(kinds))
    assert app.multiselect(key="genres").value == ["Horror", "Comedy"]
    turned = open_app("compare", FAST | query | {"genres": ["Comedy", "Horror"]}, "--checkpoints", str(kinds))
    digests = {subject_of(one).checkpoint.digest for one in (app, turned)}
    assert digests == {with_genres(gan.load(kinds / "asked"), "Comedy, Horror").digest}


def test_genres_that_a_checkpoint_does_not_know_are_left_out(open_app: OpenApp, kinds: Path) -> None:
    app = open_app("start", {"checkpoint": "asked", "genres": ["Western", "../x"]}, "--checkpoints", str(kinds))
    assert not app.exception
    assert app.multiselect(key="genres").value == []
    app.multiselect(key="genres").set_value(["Horror"]).run()
    app.selectbox(key="checkpoint").set_value("plain").run()
    assert not app.exception
    assert not app.multiselect
    assert "D was asked" not in texts(app)


def test_tables_shipped_for_a_checkpoint_are_for_posters_that_nothing_is_asked_of(
    open_app: OpenApp, kinds: Path, tmp_path: Path
) -> None:
    from xai.generator.filter_study import filters_table
    from xai.generator.filter_table import FILE

    copied = tmp_path / "kinds"
    shutil.copytree(kinds, copied)
    table = filters_table(with_genres(gan.load(copied / "asked")), 4)
    table.save(copied / "asked" / FILE)
    query = {"checkpoint": "asked", "lab": "All filters"}
    app = open_app("generator", query, "--checkpoints", str(copied))
    assert not app.exception
    assert "have not been measured" not in texts(app)
    app.multiselect(key="genres").set_value(["Horror"]).run()
    assert not app.exception
    assert not app.error
    assert "have not been measured" in texts(app)


def test_a_kept_smaller_generator_has_its_genres_built_in(open_app: OpenApp, kinds: Path, tmp_path: Path) -> None:
    copied = tmp_path / "kinds"
    shutil.copytree(kinds, copied)
    query = {"checkpoint": "asked", "genres": ["Sci-Fi"], "ranking": "norm", "percent": "40"}
    app = open_app("prune", query, "--checkpoints", str(copied))
    next(button for button in app.button if button.label == "Save as a checkpoint").click().run()
    assert not app.exception
    assert not app.error
    kept = gan.load(copied / "asked-Sci-Fi-norm-40")
    assert kept.config.genres == ()
    assert kept.info["requested_genres"] == {"Sci-Fi": 1.0}
    app.selectbox(key="checkpoint").set_value("asked-Sci-Fi-norm-40").run()
    assert not app.exception
    assert not app.error


def test_genres_are_swept_and_measured_on_the_latent_page(open_app: OpenApp, kinds: Path) -> None:
    app = open_app("latent", {"checkpoint": "asked", "noise": "Genres"}, "--checkpoints", str(kinds))
    assert not app.exception
    assert not app.error
    assert "from not requested to fully requested" in texts(app)
    app.button(key="measure_genres").click().run()
    assert not app.exception
    assert not app.error
    assert list(app.dataframe[-1].value["genre"]) == list(GENRES)
    plain = open_app("latent", {"checkpoint": "plain"}, "--checkpoints", str(kinds))
    assert "Genres" not in plain.segmented_control(key="noise").options


def test_how_far_genres_are_followed_stands_where_they_are_chosen(
    open_app: OpenApp, kinds: Path, tmp_path: Path
) -> None:
    copied = tmp_path / "kinds"
    shutil.copytree(kinds, copied)
    checkpoint = gan.load(copied / "asked")
    diversity = Estimate(0.9, 0.8, 1.0)
    genres = (
        GenreEstimates("Comedy", 400, 250, Estimate(0.78, 0.7, 0.86), diversity),
        GenreEstimates("Horror", 120, 250, Estimate(-0.04, -0.1, 0.02), diversity),
    )
    found = replace(evaluation(checkpoint), genres=genres)
    write(found, copied / "asked")
    query = {"checkpoint": "asked", "noise": "Genres", "genres": ["Sci-Fi", "Horror"]}
    app = open_app("latent", query, "--checkpoints", str(copied))
    assert not app.exception
    assert not app.error
    assert "real posters of the genre: Horror -4%." in texts(app)  # Sci-Fi was not measured
    assert "Comedy 78%, Horror -4%. The Start page has its intervals." in texts(app)

    write(replace(found, digest="another"), copied / "asked")
    assert "Genre adherence" not in texts(open_app("latent", query, "--checkpoints", str(copied)))


# ---- what D is -----------------------------------------------------------------------------------------


def test_a_discriminator_without_batchnorm_is_listed_as_it_is(open_app: OpenApp, kinds: Path) -> None:
    app = open_app("discriminator", {"checkpoint": "plain"}, "--checkpoints", str(kinds))
    kinds_of_layers = [label.split(" - ")[-1] for label in app.selectbox(key="d_layer").options]
    assert kinds_of_layers == ["Conv2d", "LeakyReLU"] * 3
    assert "has no BatchNorm" in texts(app)
    assert app.session_state["d_layer"] == "layers.3"
    assert "has no BatchNorm" not in texts(open_app("discriminator"))


def test_a_verdict_says_what_its_zero_means(open_app: OpenApp, kinds: Path) -> None:
    unset, set_ = "no decision threshold", "At a logit of 0 a poster is as likely real as generated."
    plain, whole = (
        texts(open_app("start", {"checkpoint": name}, "--checkpoints", str(kinds))) for name in ("plain", "whole")
    )
    assert unset in plain
    assert set_ not in plain
    assert set_ in whole
    assert unset not in whole


# ---- figures -------------------------------------------------------------------------------------------


def evaluation(checkpoint: gan.Checkpoint, names: tuple[str, ...] = ("a.png",)) -> Evaluation:
    def figures(**values: float) -> dict[str, Estimate]:
        return {key: Estimate(value, value * 0.9, value * 1.1) for key, value in values.items()}

    quality = {"kid_lite1": 0.1, "precision": 0.5, "recall": 0.25, "density": 0.4, "coverage": 0.625}
    return Evaluation(
        name=checkpoint.name, digest=checkpoint.digest, training=38, held_out=12, samples=30, first_seed=2_000_000,
        generated=figures(fd_lite1=91.0, **quality), floor=figures(fd_lite1=17.0, **quality),
        discriminator=figures(
            accuracy_training=0.75, accuracy_held_out=0.7, accuracy_generated=0.9, roc_auc_training=0.95,
            roc_auc_held_out=0.85, balanced_accuracy_training=0.9, balanced_accuracy_held_out=0.8,
        ),
        threshold=-2.5, memorization={}, diversity={},
        closest=tuple(ClosestPair(2_000_007, name, 1.5, 0.25) for name in names),
    )  # fmt: skip


def test_start_says_how_good_the_checkpoint_is(open_app: OpenApp, kinds: Path, tmp_path: Path) -> None:
    copied = tmp_path / "kinds"
    shutil.copytree(kinds, copied)
    checkpoint = gan.load(copied / "asked")
    write(evaluation(checkpoint), copied / "asked")
    app = open_app("start", {"checkpoint": "asked", "genres": ["Horror"]}, "--checkpoints", str(copied))
    assert not app.exception
    assert not app.error
    shown = {metric.label: (metric.value, metric.delta) for metric in app.metric}
    assert shown["fd_lite1"] == ("91", "real posters: 17")
    assert shown["Coverage"] == ("62%", "real posters: 62%")
    assert shown["Generated posters found fake"][0] == "90%"
    assert "best threshold is a logit of -2.5" in texts(app)

    write(replace(evaluation(checkpoint), digest="another"), copied / "asked")
    app = open_app("start", {"checkpoint": "asked"}, "--checkpoints", str(copied))
    assert "is of other weights" in texts(app)
    assert not [metric for metric in app.metric if metric.label == "Coverage"]

    write(evaluation(gan.load(copied / "whole")), copied / "whole")
    app = open_app("start", {"checkpoint": "whole"}, "--checkpoints", str(copied))
    assert "Generated posters found fake" in [metric.label for metric in app.metric]
    assert "best threshold is" not in texts(app)


def test_start_says_whether_generated_posters_are_too_narrow_or_out_of_place(
    open_app: OpenApp, kinds: Path, tmp_path: Path
) -> None:
    copied = tmp_path / "kinds"
    shutil.copytree(kinds, copied)
    old = evaluation(gan.load(copied / "plain"))
    write(old, copied / "plain")
    assert "Too narrow" not in texts(open_app("start", {"checkpoint": "plain"}, "--checkpoints", str(copied)))

    def widened(density: float, variance: float) -> dict[str, Estimate]:
        found = {"clipped_density": density, "feature_variance": variance}
        return {name: Estimate(value, value - 0.02, value + 0.02) for name, value in found.items()}

    generated, floor = {**old.generated, **widened(0.95, 0.8)}, {**old.floor, **widened(0.95, 1.0)}
    write(replace(old, generated=generated, floor=floor), copied / "plain")
    app = open_app("start", {"checkpoint": "plain"}, "--checkpoints", str(copied))
    assert not app.exception
    assert "Too narrow, not out of place: clipped density 95% (real posters 95%)" in texts(app)
    assert "Clipped density" in [metric.label for metric in app.metric]


def test_start_names_the_checkpoint_that_a_training_began_with(open_app: OpenApp, tmp_path: Path) -> None:
    make(tmp_path, "later", KINDS["whole"], kimg=14, start="earlier")
    make(tmp_path, "earlier", KINDS["whole"], kimg=450)
    app = open_app("start", {"checkpoint": "later"}, "--checkpoints", str(tmp_path))
    assert "began with the weights of earlier" in texts(app)
    app.selectbox(key="checkpoint").set_value("earlier").run()
    assert "began with" not in texts(app)


def test_an_evaluation_that_cannot_be_read_is_one_sentence(open_app: OpenApp, kinds: Path, tmp_path: Path) -> None:
    copied = tmp_path / "kinds"
    shutil.copytree(kinds, copied)
    (copied / "plain/evaluate.json").write_text("{}")
    (copied / "plain/stats.jsonl").write_text('{"kimg": 1, "step": 1, "seconds": 1}\n')
    for page in ("start", "training"):
        app = open_app(page, {"checkpoint": "plain"}, "--checkpoints", str(copied))
        assert not app.exception
        assert "is not an evaluation" in texts(app)


# ---- training ------------------------------------------------------------------------------------------


def write_run(folder: Path, fd: list[float], note: str = "") -> None:
    (folder / "grids").mkdir(parents=True)
    rows = [
        {"kimg": kimg, "step": kimg, "seconds": 60, "loss_d": 1.0, "loss_g": 2.0, "diversity": 0.9, "fd_lite1": value}
        for kimg, value in enumerate(fd, 1)
    ]  # fmt: skip
    if note:
        rows[-1]["note"] = note
    (folder / "stats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Image.new("RGB", (64, 64)).save(folder / "grids" / f"{len(fd):010.3f}.png")


def test_two_runs_stand_side_by_side_on_common_axes(open_app: OpenApp, tmp_path: Path) -> None:
    write_run(tmp_path / "runs/first", [300, 250])
    write_run(tmp_path / "runs/ablation/second", [280, 240, 200], note="G collapsed at 3.00 kimg.")
    app = open_app("training", {"run": "runs/first", "with": "runs/ablation/second"})
    assert not app.exception
    assert not app.error
    assert [metric.value for metric in app.metric if metric.label == "Best fd_lite1"] == ["250", "200"]
    assert {"after 2 thousand posters", "after 3 thousand posters"} <= set(captions(app))
    curves = next(spec for title, spec in charts(app).items() if "fd_lite1" in title)["data"]
    assert isinstance(curves, list)
    assert [one["y"] for one in curves if "lines" in one["mode"]] == [[300, 250], [280, 240, 200]]
    app.selectbox(key="with").set_value("no other run").run()
    assert not app.exception
    assert len([metric for metric in app.metric if metric.label == "Best fd_lite1"]) == 1


def going(folder: Path, kimg: float = 20, **last: float) -> None:
    """Make a run one that is going on, to ``kimg``, whose last line says ``last``."""
    (folder / "options.json").write_text(json.dumps({"train": {"kimg": kimg, "eval_samples": 500}}))
    rows = [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]
    rows[-1] |= last
    (folder / "stats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_the_training_page_opens_the_chosen_checkpoints_run_and_follows_the_sidebar(
    open_app: OpenApp, tmp_path: Path
) -> None:
    for name in ("another", "earlier", "later"):
        make(tmp_path, name, KINDS["whole"], kimg=3)
        write_run(tmp_path / name, [300, 250, 200])
    app = open_app("training", {"checkpoint": "later"}, "--checkpoints", str(tmp_path))
    assert app.selectbox(key="run").value == "later"
    app.selectbox(key="run").set_value("another").run()
    assert app.selectbox(key="run").value == "another"
    app.selectbox(key="checkpoint").set_value("earlier").run()
    assert app.selectbox(key="run").value == "earlier"


def test_a_run_that_is_going_is_opened_live_and_says_how_far_it_is(open_app: OpenApp, tmp_path: Path) -> None:
    write_run(tmp_path / "runs/a", [300, 250])
    write_run(tmp_path / "runs/first", [300, 250])
    going(tmp_path / "runs/first", 20)
    app = open_app("training")
    assert app.selectbox(key="run").value == "runs/first"
    assert app.toggle(key="live").value
    shown = {metric.label: (metric.value, metric.delta) for metric in app.metric}
    assert shown["Posters shown"] == ("2 thousand", "of 20 thousand")
    assert shown["Best fd_lite1"] == ("250", "500 posters, after 2 thousand")
    assert all(metric.help for metric in app.metric if metric.label == "Best fd_lite1")
    bar = app.get("progress")[0].proto.text
    assert bar.startswith("Running: 10% done")
    assert "last line" in bar
    going(tmp_path / "runs/first", 2)
    app = open_app("training")
    assert app.selectbox(key="run").value == "runs/a"
    assert not app.toggle(key="live").value


def test_a_run_that_has_just_begun_is_opened_live_and_says_when_something_comes(
    open_app: OpenApp, tmp_path: Path
) -> None:
    write_run(tmp_path / "runs/earlier", [300, 250])
    first = tmp_path / "runs/first"
    first.mkdir()
    (first / "stats.jsonl").touch()
    (first / "options.json").write_text(json.dumps({"train": {"kimg": 20, "tick_kimg": 1.0, "grid_kimg": 10.0}}))
    with in_use(first):
        app = open_app("training")
    assert app.selectbox(key="run").value == "runs/first"
    assert app.toggle(key="live").value
    said = " ".join(note.value for note in app.info)
    assert "It began 5 seconds ago" in said
    assert "Figures come every 1,000 posters, pictures every 10,000 posters and at the end." in said
    assert "fd_lite1" not in texts(app)  # nothing is measured yet, so nothing is explained


@pytest.mark.parametrize(
    ("variety", "said"), [(0.9, None), (0.36, None), (0.04, "It was larger before"), (0.3, "It was larger before")]
)
def test_a_run_whose_variety_is_gone_says_so(
    open_app: OpenApp, tmp_path: Path, variety: float, said: str | None
) -> None:
    write_run(tmp_path / "runs/first", [300, 250])
    going(tmp_path / "runs/first", diversity=variety)
    app = open_app("training")
    assert ("hardly differ" in texts(app)) is (said is not None)
    assert said is None or said in texts(app)


def test_little_variety_from_the_start_is_no_collapse_yet(open_app: OpenApp, tmp_path: Path) -> None:
    write_run(tmp_path / "runs/first", [300])
    going(tmp_path / "runs/first", diversity=0.04)
    assert "In the first ticks of a run that is usual" in texts(open_app("training"))


def test_notes_of_the_guard_rails_are_listed_and_marked_on_every_curve(open_app: OpenApp, tmp_path: Path) -> None:
    write_run(tmp_path / "runs/first", [300, 250], note="D overpowers G (accuracy 0.99) at 2.00 kimg.")
    app = open_app("training", {"run": "runs/first"})
    assert list(app.dataframe[0].value["thousand posters"]) == [2]
    assert app.dataframe[0].value["note"][0].startswith("D overpowers G")
    for spec in charts(app).values():
        (marks,) = [one for one in spec["data"] if one["mode"] == "markers"]  # type: ignore[attr-defined]
        assert marks["x"] == [2]
        assert marks["text"] == ["D overpowers G (accuracy 0.99) after 2.00 thousand posters."]


def test_the_floor_and_the_nearest_training_posters_come_from_the_evaluation(
    open_app: OpenApp, kinds: Path, poster_folder: Path, tmp_path: Path
) -> None:
    run = tmp_path / "runs/first"
    write_run(run, [300, 250])
    shutil.copytree(kinds / "plain", run / "best")
    name = sorted(path.name for path in poster_folder.glob("*.*") if path.suffix in {".png", ".jpg"})[0]
    write(evaluation(gan.load(run / "best"), (name, "lost.png")), run / "best")
    app = open_app("training", {"run": "runs/first"}, "--posters", str(poster_folder))
    assert not app.exception
    assert not app.error
    shapes = next(spec for title, spec in charts(app).items() if "fd_lite1" in title)["layout"]["shapes"]  # type: ignore[index]
    assert [shape["y0"] for shape in shapes] == [17.0]
    assert "seed 2000007" not in captions(app)
    app.session_state["closest_runs/first"] = True
    app.run()
    assert not app.exception
    assert not app.error
    assert captions(app).count("seed 2000007") == 2
    assert name in captions(app)
    assert "nearest: lost.png" in texts(app)


def test_a_run_that_is_going_shows_its_own_floor_and_the_nearest_training_posters_of_its_best_state(
    open_app: OpenApp, kinds: Path, poster_folder: Path, tmp_path: Path
) -> None:
    """As they were found when it was judged; an evaluation, if any, knows more of the posters but not of the floor."""
    run = tmp_path / "runs/first"
    write_run(run, [300, 250])
    app = open_app("training", {"run": "runs/first"}, "--posters", str(poster_folder))
    assert "Dotted:" not in texts(app)
    shutil.copytree(kinds / "plain", run / "best")
    name = sorted(path.name for path in poster_folder.glob("*.*") if path.suffix in {".png", ".jpg"})[0]
    found = Validation(
        {"fd_lite1": 250.0}, {"fd_lite1": 23.5}, (ClosestPair(1_000_007, name, 1.5, 0.25),), 500, 400, 12, 0
    )
    (run / "best" / validation.FILE).write_text(json.dumps(found.to_json()))
    app = open_app("training", {"run": "runs/first"}, "--posters", str(poster_folder))
    assert not app.exception
    assert not app.error
    assert not app.warning
    shapes = next(spec for title, spec in charts(app).items() if "fd_lite1" in title)["layout"]["shapes"]  # type: ignore[index]
    assert [shape["y0"] for shape in shapes] == [23.5]
    assert "what 500 real training posters get" in texts(app)
    app.session_state["closest_runs/first"] = True
    app.run()
    assert {"seed 1000007", name} <= set(captions(app))
    assert "The nearest of 500 generated posters among 400 training posters" in texts(app)

    write(evaluation(gan.load(run / "best"), (name,)), run / "best")
    app.run()
    assert {"seed 2000007"} <= set(captions(app))
    shapes = next(spec for title, spec in charts(app).items() if "fd_lite1" in title)["layout"]["shapes"]  # type: ignore[index]
    assert [shape["y0"] for shape in shapes] == [23.5]
    (run / "best" / validation.FILE).write_text("{}")
    app.run()
    assert not app.exception
    assert "is not a validation" in app.warning[0].value


# ---- enlargement ---------------------------------------------------------------------------------------


def test_a_poster_of_64_pixels_is_enlarged_for_show_and_labelled(open_app: OpenApp, tmp_path: Path) -> None:
    make(tmp_path, "small", gan.ModelConfig(64, latent=8, width=4))
    app = open_app("start", {"enlarged": "true"}, "--checkpoints", str(tmp_path))
    assert not app.exception
    assert not app.error
    upscaler = network.Upscaler(network.UpscalerConfig(width=4, blocks=1))
    network.save(tmp_path / "upscaler", upscaler)
    app = open_app("start", {"enlarged": "true"}, "--checkpoints", str(tmp_path))
    assert not app.exception
    assert not app.error
    assert {"by Lanczos: nothing is added", network.LABEL} <= set(captions(app))
    assert "upscaler" not in app.selectbox(key="checkpoint").options


def test_posters_of_other_sizes_are_not_enlarged(open_app: OpenApp, kinds: Path) -> None:
    app = open_app("start", {"checkpoint": "whole", "enlarged": "true"}, "--checkpoints", str(kinds))
    assert not [toggle for toggle in app.toggle if toggle.key == "enlarged"]
