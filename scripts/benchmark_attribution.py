"""Do the maps point at what is known to have moved the discriminator? Every method against three controls.

    python scripts/benchmark_attribution.py --data posters.zip --write docs/attribution.md --json docs/attribution.json
    python scripts/benchmark_attribution.py --cases 8 --quick

Pieces of generated posters and strips of noise are planted in held-out posters, and parts are taken out of
drawn posters, where that moves D's logit; each method explains the picture, and its map is measured against the
place. Without --data generated posters take the place of real ones. --write replaces what stands between the
two marks in a Markdown file. The same settings give the same figures (times aside).
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

import gan
import xai
from gan.cli import around, exit_code, put
from gan.files import write_file
from xai.bench.localisation import (
    CONTROLS,
    MEASURES,
    Estimate,
    Measures,
    Standing,
    control,
    measure,
    relevance,
    standings,
)
from xai.bench.planted import KINDS, Case, Found, find, parts, patches, strips

BEGIN, END = "<!-- benchmark: begin -->", "<!-- benchmark: end -->"
HOSTS, DONORS = 1000, 256  # posters to choose from, at most
HOST_SEEDS, DONOR_SEEDS = 3_000_000, 4_000_000  # far from those of references and of training's grids
CEILING = "ceiling"  # a map that shows nothing but the thing, since it compares with the picture without it
OTHER_TITLES = {
    CEILING: "*DeepLIFT against the picture without the thing*",
    "random": "*random map*",
    "edges": "*edge detector (Sobel)*",
    "centre": "*centre bias*",
}
KIND_TITLES = {
    "patch": "Patches of generated posters",
    "noise": "Strips of noise",
    "synthetic": "Parts of drawn posters",
}
HEADS = {
    "rank": "rank",
    "block_rank": "block rank",
    "mass": "mass",
    "excess": "mass − area",
    "pointing": "pointing",
    "auc": "AUC",
    "place": "place",
}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, default=Path("checkpoints/dcgan-64"), help="checkpoint folder")
    parser.add_argument("--data", type=Path, help="folder or zip of posters; held-out ones are planted in")
    parser.add_argument("--cases", type=int, default=48, help="cases of each of the three kinds")
    parser.add_argument(
        "--least", type=float, default=1.0, help="least change of the logit, in its standard deviations over hosts"
    )
    parser.add_argument("--reference", choices=list(xai.REFERENCES), help="default: posters, without --data generated")
    parser.add_argument(
        "--methods",
        nargs="+",
        choices=list(xai.METHODS),
        default=list(xai.METHODS),
        metavar="NAME",
        help="default: all",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the cases, the methods and the resampling")
    parser.add_argument("--quick", action="store_true", help="slow methods at bounded cost")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="Markdown file whose marked part is replaced")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every figure, of every case")
    return parser.parse_args(arguments)


# ---- measuring -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Study:
    """What was asked, and what was found.

    found : cases by kind. measures, seconds : by method or control, one entry a case, kind after kind.
    """

    settings: Mapping[str, Any]
    found: Mapping[str, Found]
    measures: Mapping[str, Sequence[Measures]]
    seconds: Mapping[str, float]

    def of(self, kind: str | None = None) -> list[Standing]:
        """The ranking over the cases of one kind, or over all."""
        kinds = [each for each, found in self.found.items() for _ in found.cases]
        rows = [row for row, each in enumerate(kinds) if kind in (None, each)]
        chosen = {name: [measures[row] for row in rows] for name, measures in self.measures.items()}
        return standings(chosen, CONTROLS, self.settings["seed"])

    def area(self, kind: str | None = None) -> float:
        """Mean share of the picture that the masks cover."""
        return float(
            np.mean([c.mask.mean() for each, f in self.found.items() if kind in (None, each) for c in f.cases])
        )


def benchmark(chosen: argparse.Namespace) -> Study:
    """Find the cases, explain each with every method, and measure."""
    if chosen.cases < 2 or not chosen.least > 0 or chosen.seed < 0:
        raise ValueError("--cases must be at least 2, --least above 0, and --seed no negative number.")
    start = time.perf_counter()
    checkpoint = gan.load(chosen.checkpoint)
    generator, discriminator = checkpoint.need_both()
    training, kept = None, None
    if chosen.data:
        training, kept = gan.load_posters(chosen.data, checkpoint.config.size).split()
    score = xai.Score(discriminator)
    donors = drawn(generator, DONOR_SEEDS, DONORS)
    hosts = sampled(kept, chosen.seed) if kept is not None else drawn(generator, HOST_SEEDS, HOSTS)
    logits = torch.cat([score(batch) for batch in torch.split(hosts, 64)])
    spread = float(logits.std())
    if not 0 < spread < float("inf"):
        raise gan.DataError("The discriminator's logits of these posters do not differ, or are no numbers.")
    least = chosen.least * spread
    found = look(score, hosts, donors, chosen.cases, least, chosen.seed)

    kind = chosen.reference or ("generated" if training is None else "posters")
    reference = xai.reference(kind, posters=training, generator=generator, seed=chosen.seed)
    methods = [xai.attribution(name, score, reference=reference, seed=chosen.seed) for name in chosen.methods]
    if chosen.quick:
        methods = [method.cheap() for method in methods]
    measures, seconds = explained([case for kind in KINDS for case in found[kind].cases], methods, chosen.seed)

    settings = {
        "checkpoint": checkpoint.name,
        "digest": checkpoint.digest,
        "hosts": f"{len(hosts)} {'generated' if training is None else 'held-out'} posters",
        "real": training is not None,
        "cases": chosen.cases,
        "least": chosen.least,
        "least_logit": least,
        "reference": kind,
        "seed": chosen.seed,
        "quick": chosen.quick,
        "methods": {method.name: method.config for method in methods},
        "threads": torch.get_num_threads(),
        "minutes": (time.perf_counter() - start) / 60,
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("posterlens", "torch", "numpy", "scipy", "scikit-image")},
    }
    return Study(settings, found, measures, seconds)


def sampled(kept: gan.PosterSet, seed: int) -> torch.Tensor:
    """At most 1,000 (N, 3, H, W) of the posters that are held out."""
    if not len(kept):
        raise gan.DataError("None of these posters is held out by its name (5 % are); give more of them.")
    return kept.tensor(np.sort(np.random.default_rng(seed).permutation(len(kept))[:HOSTS]))


@torch.inference_mode()
def drawn(generator: gan.Generator, first: int, count: int) -> torch.Tensor:
    """Generated posters (N, 3, H, W) of consecutive seeds."""
    starts = range(first, first + count, 50)
    seeds = [range(start, min(start + 50, first + count)) for start in starts]
    return torch.cat([generator(gan.latents(some, generator.config)) for some in seeds])


def look(
    score: xai.Score, hosts: torch.Tensor, donors: torch.Tensor, count: int, least: float, seed: int
) -> dict[str, Found]:
    """Cases of each kind."""
    height, width = hosts.shape[-2:]
    draws = {"patch": patches(hosts, donors), "noise": strips(hosts), "synthetic": parts((height, width))}
    return {kind: find(kind, score, draws[kind], count, least, seed) for kind in KINDS}


def explained(
    cases: list[Case], methods: list[xai.Attribution], seed: int
) -> tuple[dict[str, list[Measures]], dict[str, float]]:
    """(measures by name, mean seconds a map by method)."""
    names = (*[method.name for method in methods], CEILING, *CONTROLS)
    measures: dict[str, list[Measures]] = {name: [] for name in names}
    seconds = dict.fromkeys((method.name for method in methods), 0.0)
    for number, case in enumerate(tqdm(cases, "cases", file=sys.stderr)):
        for method in methods:
            explanation = method.attribute(case.image)
            measures[method.name].append(measure(relevance(explanation, case.delta), case.mask))
            seconds[method.name] += explanation.seconds / len(cases)
        against_itself = xai.attribution(
            "deeplift", methods[0].score, reference=xai.reference("posters", images=case.without)
        )
        best = against_itself.attribute(case.image)
        measures[CEILING].append(measure(relevance(best, case.delta), case.mask))
        for name in CONTROLS:
            measures[name].append(measure(control(name, case.image, seed * len(cases) + number), case.mask))
    return measures, seconds


# ---- telling -------------------------------------------------------------------------------------------


def report(study: Study) -> str:
    """All tables as Markdown."""
    settings, cases = study.settings, sum(len(found.cases) for found in study.found.values())
    lines = [
        f"{cases} cases, checkpoint `{settings['checkpoint']}` with the digest `{settings['digest'][:12]}`; means with "
        "95 % intervals.",
        "",
        *table(study.of(), study.area(), study.seconds),
        "",
        "*beyond*: rank minus that of the control with the best rank, case by case; **bold** where the whole interval "
        "is above 0. Seconds on "
        f"{settings['threads']} thread{'s' * (settings['threads'] > 1)}"
        + (
            "; KernelSHAP uses LIME's masked posters again." if {"lime", "kernelshap"} <= study.measures.keys() else "."
        ),
    ]
    for kind in study.found:
        lines += ["", f"### {KIND_TITLES[kind]}", "", about(kind, study), ""]
        lines += table(study.of(kind), study.area(kind))
    return "\n".join([*lines, "", "### Settings", "", *told(study)])


def table(found: list[Standing], area: float, seconds: Mapping[str, float] | None = None) -> Iterator[str]:
    """One row for each method and control, and one for chance."""
    ends = ["beyond", *(["s a map"] if seconds else [])]
    yield " | ".join(["| method", *HEADS.values(), *ends]) + " |"
    yield "| --- " + "| ---: " * (len(HEADS) + len(ends)) + "|"
    for one in found:
        cells = [title(one.name), *(shown(one.measured[key]) for key in HEADS)]
        cells.append("" if one.name in OTHER_TITLES else beyond(one.beyond["rank"]))
        if seconds:
            cells.append(f"{seconds[one.name]:.2f}" if one.name in seconds else "")
        yield "| " + " | ".join(cells) + " |"
    chance = {"rank": area, "block_rank": area, "mass": area, "excess": 0.0, "pointing": area, "auc": 0.5, "place": 0.5}
    yield " | ".join(["| *chance*", *(f"{chance[key]:.2f}" for key in HEADS), *("" for _ in ends)]) + " |"


def title(name: str) -> str:
    return OTHER_TITLES.get(name) or xai.METHODS[name].title


def shown(found: Estimate) -> str:
    return f"{signed(found.mean)} ({signed(found.low)} to {signed(found.high)})"


def beyond(found: Estimate) -> str:
    return f"**{shown(found)}**" if found.low > 0 else shown(found)


def signed(value: float) -> str:
    """Two digits, a minus sign that is one, and no minus before 0."""
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")


def about(kind: str, study: Study) -> str:
    """Where the cases come from, in one line."""
    found = study.found[kind]
    raised = sum(case.delta > 0 for case in found.cases)
    sizes = np.median([abs(case.delta) for case in found.cases])
    labels = Counter(case.label for case in found.cases)
    return (
        f"{len(found.cases)} kept of {found.tried} tried; {raised} raise the logit, {len(found.cases) - raised} lower "
        f"it, by {sizes:.2f} in the median; {study.area(kind):.0%} of the picture. "
        + ", ".join(f"{count} x {label}" for label, count in labels.most_common())
        + "."
    )


def told(study: Study) -> Iterator[str]:
    settings = study.settings
    yield f"- planted in {settings['hosts']}" + ("" if settings["real"] else " (no real posters were given)")
    yield (
        f"- kept from a change of {settings['least_logit']:.3f} of the logit, {settings['least']:g} of its standard "
        "deviation over these posters"
    )
    yield f"- reference `{settings['reference']}`, seed {settings['seed']}, every method with its defaults" + (
        ", slow ones at bounded cost (`--quick`)" if settings["quick"] else ""
    )
    yield "- checkpoint's SHA-256 " + f"`{settings['digest']}`"
    yield "- " + ", ".join(f"{name} {number}" for name, number in settings["versions"].items())
    yield f"- {settings['minutes']:.0f} minutes, cases included"


def record(study: Study) -> dict[str, Any]:
    """Everything, for a machine."""
    return {
        "settings": dict(study.settings),
        "kinds": {
            kind: {"tried": found.tried, "kept": len(found.cases), "area": study.area(kind)}
            for kind, found in study.found.items()
        },
        "all": [asdict(one) for one in study.of()],
        **{kind: [asdict(one) for one in study.of(kind)] for kind in study.found},
        "seconds": dict(study.seconds),
        "cases": [
            {"kind": case.kind, "label": case.label, "delta": case.delta, "area": float(case.mask.mean())}
            for found in study.found.values()
            for case in found.cases
        ],
        "measures": {
            name: {key: [round(getattr(one, key), 4) for one in found] for key in MEASURES}
            for name, found in study.measures.items()
        },
    }


def run(chosen: argparse.Namespace) -> None:
    """Measure, print, and write what the command line asks for."""
    if chosen.write:
        around(chosen.write, BEGIN, END)  # a wrong page is said now, not after a quarter of an hour
    if chosen.json and not chosen.json.parent.is_dir():
        raise ValueError(f"{chosen.json.parent} is no folder to write to.")
    study = benchmark(chosen)
    text = report(study)
    print(text)
    if chosen.json:
        write_file(chosen.json, (json.dumps(record(study)) + "\n").encode())
    if chosen.write:
        put(chosen.write, BEGIN, END, f"\n{text}\n")


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    return exit_code(lambda: run(chosen), "the figures")


if __name__ == "__main__":
    sys.exit(main())
