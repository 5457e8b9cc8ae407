"""Right answers that are computed from the running networks, so that a lesson stays true when the checkpoint changes.

    answer = right_answer(question, step.state, checkpoint)
    answer.value, answer.because                  # "fake", "D's logit is -1.20, which is below 0."

Each entry of ANSWERS says what it computes, which parameters the step's state must name, and which words its answer can
be; docs/teaching.md lists them for people who write lessons.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from dashboard.cached import collection, discriminator, explanations, filters, latents, listing, networks, pruning
from dashboard.lessons.lesson import Question, State
from dashboard.lessons.tables import LessonError
from dashboard.subject import GENERATED, Noise, digest_of
from gan.errors import counted, joined, printable
from gan.progress import silent

if TYPE_CHECKING:
    from torch import Tensor

    import gan
    from gan.evaluation.report import Evaluation
    from xai.collection.study import CollectionStudy
    from xai.latents.sensitivity import LatentSensitivity

THIRDS = ("top", "middle", "bottom")


@dataclass(frozen=True)
class Answer:
    """value : a word that is among the choices, or a number. because : a sentence with the numbers behind it."""

    value: str | float
    because: str


@dataclass(frozen=True)
class Shown:
    """What the page of a step shows: a checkpoint, its address; given : what the question adds to them."""

    checkpoint: gan.Checkpoint
    state: State
    given: State

    def text(self, name: str) -> str:
        return self.state[name][-1]

    def number(self, name: str, default: int = 0) -> int:
        try:
            return int(self.state.get(name, (str(default),))[-1].removesuffix(" px"))
        except ValueError:
            raise LessonError(f"The step's {name} is no whole number, so the answer cannot be computed.") from None

    @cached_property
    def noise(self) -> Noise:
        if self.state.get("source", (GENERATED,))[-1] != GENERATED:
            raise LessonError("Answers are computed for generated posters only, and this step shows another one.")
        return Noise.of_seed(self.number("seed"), self.checkpoint.config)

    @property
    def seed(self) -> int:
        return self.number("seed")

    @property
    def image(self) -> Tensor:
        return networks.generated(self.checkpoint, self.noise)

    @property
    def question(self) -> explanations.Question:
        """What the pages ask of this poster: its logit, against the baseline of the state or the usual one."""
        import gan

        usual = explanations.usual_reference(explanations.references(self.checkpoint))
        return explanations.Question(
            self.checkpoint, self.image, digest_of(gan.to_uint8(self.image).tobytes()),
            self.state.get("reference", (usual,))[-1], self.number("references", explanations.COUNT), seed=self.seed,
        )  # fmt: skip

    @property
    def sensitivity(self) -> LatentSensitivity:
        return latents.sensitivity(self.checkpoint, self.noise)

    @property
    def evaluation(self) -> Evaluation:
        return _evaluation(self.checkpoint.name)

    @property
    def study(self) -> CollectionStudy:
        found = collection.study(self.checkpoint)
        if found is None:
            raise LessonError("The collection was not studied for this checkpoint, so the answer is not known.")
        return found


def _evaluation(name: str) -> Evaluation:
    found = listing.evaluation(listing.folder(name))
    if found is None:
        raise LessonError(f"{printable(name, 60)} was not evaluated, so the answer is not known.")
    return found


# ---- the verdict ---------------------------------------------------------------------------------------------


def _logit(checkpoint: gan.Checkpoint, noise: Noise) -> float:
    return float(networks.score(checkpoint)(networks.generated(checkpoint, noise)))


def verdict(shown: Shown) -> Answer:
    from xai.report import words

    word, number, percent = words.verdict(_logit(shown.checkpoint, shown.noise))
    side = "above" if word == "real" else "not above"
    return Answer(word, f"D's logit is {number}, {side} 0: a probability of {percent} that it is real.")


def logit(shown: Shown) -> Answer:
    value = _logit(shown.checkpoint, shown.noise)
    return Answer(value, f"D's logit of seed {shown.seed} is {value:+z.2f}.")


def more_real(shown: Shown) -> Answer:
    checkpoint = shown.checkpoint
    logits = {seed: _logit(checkpoint, Noise.of_seed(int(seed), checkpoint.config)) for seed in shown.given["seeds"]}
    said = joined(f"{value:+z.2f} for seed {seed}" for seed, value in logits.items())
    return Answer(f"seed {max(logits, key=logits.__getitem__)}", f"D's logits are {said}.")


def map_sum(shown: Shown) -> Answer:
    found = explanations.explanation(shown.question, "deeplift", {}, silent)
    total, score, base = float(found.values.sum()), float(found.score), float(found.base_score)
    return Answer(total, f"The poster has {score:+z.2f}, the baseline {base:+z.2f}; the map adds up to {total:+z.2f}.")


def map_trust(shown: Shown) -> Answer:
    from xai.render import block_of
    from xai.trust.badges import badge

    method, detail = shown.given["method"][-1], shown.number("detail", 8)
    standing = explanations.standing(shown.question, method, detail)
    block = block_of(detail, shown.question.image.shape[-2:])
    found = badge(explanations.trust(shown.question, method, {}, silent), block, standing)
    word = found.shown if found.shown in ("trust", "caution") else "neither"
    return Answer(word, f"The badge says: {found.text}.")


def baseline_agreement(shown: Shown) -> Answer:
    from xai import compare

    other, question = shown.given["other"][-1], shown.question
    answers = explanations.by_reference(question, "deeplift", {}, [question.reference, other])
    value = float(compare({kind: one.heat() for kind, one in answers.items()}).rank[0][-1])  # 1 with itself
    return Answer(value, f"The rank correlation of the two maps is {value:.2f}; 1 would be the same order of cells.")


# ---- D's filters ---------------------------------------------------------------------------------------------


def strongest_filter(shown: Shown) -> Answer:
    layer = shown.text("d_layer")
    found = discriminator.contributions(shown.question).of(layer)
    unit = found.strongest[0]
    return Answer(
        float(unit),
        f"Filter {unit} contributes {found.values[unit]:+z.3f}; no other of {layer} moves the logit as much.",
    )


def filter_says(shown: Shown) -> Answer:
    value = float(discriminator.contributions(shown.question).of(shown.text("d_layer")).values[shown.number("d_unit")])
    return Answer("real" if value > 0 else "fake", f"It contributes {value:+z.3f} to this poster's logit.")


def fewest_filters(shown: Shown) -> Answer:
    by = shown.state.get("d_by", ("mean",))[-1]
    found = discriminator.turned(shown.question, by, shown.text("d_layer"), silent)
    return Answer(float(len(found.steps)), found.text)


# ---- G's filters ---------------------------------------------------------------------------------------------


def ablation_logit(shown: Shown) -> Answer:
    by = shown.state.get("removal", ("mean",))[-1]
    found = filters.effect(shown.checkpoint, shown.noise, shown.text("g_layer"), shown.number("g_unit"), by)
    if found.score_change is None:
        raise LessonError("This checkpoint has no discriminator, so nothing can say which poster looks more real.")
    word = "more real" if found.score_change > 0 else "less real"
    return Answer(word, f"Without it D's logit changes by {found.score_change:+z.2f}.")


def filter_verdict(shown: Shown) -> Answer:
    table = filters.filters_table(shown.checkpoint)
    if table is None:
        raise LessonError("The filters of this checkpoint were not measured, so the answer is not known.")
    row = table.find(shown.text("g_layer"), shown.number("g_unit"))
    word = row["verdict"] if row["verdict"] in ("essential", "useful") else "another"
    return Answer(word, f"It is {row['verdict']}: without it a poster changes by {row['effect']:.1f} grey levels.")


def pruned_filters(shown: Shown) -> Answer:
    percent = shown.number("percent", 20)
    found = pruning.pruned(shown.checkpoint, shown.state.get("ranking", ("effect",))[-1], percent)
    gone = sum(found.removed.values())
    return Answer(float(gone), f"{gone} of {counted(found.total, 'filter')} are pruned.")


def prunable(shown: Shown) -> Answer:
    ranking, curves = shown.given["ranking"][-1], pruning.pruning_curves(shown.checkpoint)
    if curves is None or ranking not in curves.unnoticed:
        raise LessonError("Pruning was not studied for this checkpoint, so the answer is not known.")
    percent = 100 * curves.unnoticed[ranking]
    return Answer(percent, f"Up to {percent:.0f}% of the filters can go before the loss is measurable.")


# ---- the latent ----------------------------------------------------------------------------------------------


def latent_rank(shown: Shown) -> Answer:
    change, index = shown.sensitivity.rms, shown.number("latent")
    rank = 1 + int((change > change[index]).sum())
    return Answer(
        float(rank), f"Dimension {index} is number {rank} of {len(change)}: {float(change[index]):.3f} a unit."
    )


def latent_strongest(shown: Shown) -> Answer:
    change = shown.sensitivity.rms
    index = int(change.argmax())
    return Answer(float(index), f"It is dimension {index}, with {float(change[index]):.3f} a unit.")


def latent_third(shown: Shown) -> Answer:
    index, found = shown.number("latent"), shown.sensitivity
    parts = {name: float(getattr(found, name)[index]) for name in THIRDS}
    said = ", ".join(f"{part:.0%} in the {name}" for name, part in parts.items())
    return Answer(max(parts, key=parts.__getitem__), f"Of its change, {said}.")


def most_important(shown: Shown) -> Answer:
    study = latents.latent_study(shown.checkpoint)
    if study is None:
        raise LessonError("The latent dimensions of this checkpoint were not studied, so the answer is not known.")
    index = study.importance.of(None)
    first = int(index.value.argmax())
    return Answer(float(first), f"Dimension {first} has the largest total index, {index.value[first]:.2f}.")


# ---- training and quality ------------------------------------------------------------------------------------


def best_validation(shown: Shown) -> Answer:
    from gan.training.runs.folder import read_stats

    folder = listing.runs().get(shown.text("run"))
    rows = [] if folder is None else [row for row in read_stats(folder) if "fd_lite1" in row]
    if not rows:
        raise LessonError(f"The run {printable(shown.text('run'), 60)} is not here or was never validated.")
    best = min(rows, key=lambda row: float(row["fd_lite1"]))
    return Answer(float(best["kimg"]), f"After {best['kimg']:g} thousand posters fd_lite1 was {best['fd_lite1']:.0f}.")


def closer_checkpoint(shown: Shown) -> Answer:
    names = shown.given["checkpoints"]
    distances = {name: _evaluation(name).generated["fd_lite1"].value for name in names}
    said = joined(f"{value:.0f} for {name}" for name, value in distances.items())
    return Answer(min(distances, key=distances.__getitem__), f"fd_lite1 is {said}; lower is closer to real posters.")


def metric(shown: Shown) -> Answer:
    from gan.evaluation.metrics import METRICS

    name, found = shown.given["name"][-1], shown.evaluation
    if name not in METRICS or name not in found.generated:
        raise LessonError(f"{printable(name, 60)} was not measured for this checkpoint.")
    value, real = found.generated[name].value, found.floor[name].value
    words = [METRICS[name].format(one, 0) for one in (value, real)]
    percent = words[0].endswith("%")
    return Answer(100 * value if percent else value, f"It is {words[0]}, and {words[1]} for real posters.")


def rarest_kind(shown: Shown) -> Answer:
    found = shown.study.kinds
    known = [] if found is None else [kind for kind in found.kinds if not math.isnan(kind.ratio.value)]
    if not known:
        raise LessonError("Kinds of posters were not studied for this checkpoint, so the answer is not known.")
    rarest = min(known, key=lambda kind: kind.ratio.value)
    return Answer(rarest.ratio.value, f"{rarest.label}: {rarest.ratio.value:.2f} times as often as among real posters.")


def strategies(shown: Shown) -> Answer:
    asked = shown.text("verdict")
    found = next((one for one in shown.study.strategies or () if one.verdict == asked), None)
    if found is None:
        raise LessonError("D's strategies were not studied for this checkpoint, so the answer is not known.")
    return Answer(float(len(found.strategies)), found.text)


# ---- the registry --------------------------------------------------------------------------------------------


def _numbers(given: State) -> tuple[str, ...]:
    return ()


def _always(*words: str) -> Callable[[State], tuple[str, ...]]:
    return lambda given: words


@dataclass(frozen=True)
class Computed:
    """name : in a lesson. about : what it computes, a phrase. compute : does so. words : all that it may answer.

    needs : parameters that the step's state must name. takes : what the question gives it. Without words, a number.
    """

    name: str
    about: str
    compute: Callable[[Shown], Answer]
    words: Callable[[State], tuple[str, ...]] = _numbers
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()


_FILTER_OF_D, _FILTER_OF_G = ("seed", "d_layer", "d_unit"), ("seed", "g_layer", "g_unit")
_SEED, _LATENT = ("seed",), ("seed", "latent")
_ALL = (
    Computed("verdict", "whether D calls the poster real or fake", verdict, _always("real", "fake"), _SEED),
    Computed("logit", "D's logit of the poster", logit, needs=_SEED),
    Computed(
        "more_real", "which of the seeds D finds most real", more_real,
        lambda given: tuple(f"seed {seed}" for seed in given.get("seeds", ())), takes=("seeds",),
    ),
    Computed("map_sum", "what DeepLIFT's map of the poster adds up to", map_sum, needs=_SEED),
    Computed(
        "map_trust", "the badge of a method's map", map_trust, _always("trust", "caution", "neither"), _SEED,
        ("method",),
    ),
    Computed(
        "baseline_agreement", "rank correlation of DeepLIFT's map with that against another baseline",
        baseline_agreement, needs=_SEED, takes=("other",),
    ),
    Computed("strongest_filter", "the filter of D's layer with the largest contribution", strongest_filter,
             needs=("seed", "d_layer")),
    Computed("filter_says", "what D's filter adds to this logit", filter_says, _always("real", "fake"), _FILTER_OF_D),
    Computed("fewest_filters", "how many filters of D's layer turn the verdict, or were tried", fewest_filters,
             needs=("seed", "d_layer")),
    Computed("ablation_logit", "how D finds the poster without G's filter", ablation_logit,
             _always("more real", "less real"), _FILTER_OF_G),
    Computed("filter_verdict", "the study's verdict on G's filter", filter_verdict,
             _always("essential", "useful", "another"), _FILTER_OF_G),
    Computed("pruned_filters", "how many filters the state prunes", pruned_filters, needs=("percent",)),
    Computed("prunable", "percent of the filters that can go unnoticed", prunable, takes=("ranking",)),
    Computed("latent_rank", "the place of the dimension among all, by what it changes", latent_rank, needs=_LATENT),
    Computed("latent_strongest", "the dimension that changes the poster most", latent_strongest, needs=_SEED),
    Computed("latent_third", "the third of the poster that the dimension changes most", latent_third, _always(*THIRDS),
             _LATENT),
    Computed("most_important", "the dimension with the largest total Sobol index", most_important),
    Computed("best_validation", "thousands of posters after which the run's fd_lite1 was lowest", best_validation,
             needs=("run",)),
    Computed("closer_checkpoint", "which checkpoint has the lower fd_lite1", closer_checkpoint,
             lambda given: given.get("checkpoints", ()), takes=("checkpoints",)),
    Computed("metric", "a metric of the checkpoint's evaluation; a proportion in percent", metric, takes=("name",)),
    Computed("rarest_kind", "how often the rarest kind of poster is drawn, relative to real ones", rarest_kind),
    Computed("strategies", "in how many ways D gives this verdict", strategies, needs=("verdict",)),
)  # fmt: skip
ANSWERS: Mapping[str, Computed] = {one.name: one for one in _ALL}


def right_answer(question: Question, state: State, checkpoint: gan.Checkpoint | None) -> Answer:
    """The answer that the file gives, or that is computed now.

    Raises
    ------
    PosterLensError
        If it cannot be computed for this checkpoint: what is missing.
    """
    if question.right is not None:
        return Answer(question.right, question.because)
    if checkpoint is None:
        raise LessonError("Without a checkpoint the answer cannot be computed.")
    found = ANSWERS[question.compute].compute(Shown(checkpoint, state, question.given))
    return Answer(found.value, f"{found.because} {question.because}".strip())


def is_right(question: Question, given: str | float, right: str | float) -> bool:
    """Whether an answer is the right one; a number within the tolerance, and a hair more for how it was shown."""
    if isinstance(given, str) or isinstance(right, str):
        return given == right
    return abs(given - right) <= question.tolerance + 1e-9
