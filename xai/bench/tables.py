"""Studies of localisation and of verdicts as Markdown.

    print(report(study))                    # xai.bench.study
    print(verdict_report(verdict_study))    # xai.bench.verdicts

``scripts/benchmark_attribution.py`` and ``scripts/benchmark_verdicts.py`` put them into docs/attribution.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from gan.errors import counted
from gan.evaluation.estimates import Estimate, proportion
from xai.bench.localisation import RANK_AT, Standing
from xai.bench.study import CEILING, Study
from xai.bench.verdicts import RIGHT, VerdictStudy
from xai.bench.wrong_maps import WRONG
from xai.methods import METHODS

TITLES_OF_CONTROLS = {
    CEILING: "*DeepLIFT against the picture without the thing*",
    "random": "*random map*",
    "edges": "*edge detector (Sobel)*",
    "centre": "*centre bias*",
}
TITLES_OF_KINDS = {
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


def report(study: Study) -> str:
    """All tables."""
    settings, cases = study.settings, sum(len(found.cases) for found in study.cases.values())
    both = {"lime", "kernelshap"} <= study.measures.keys()
    lines = [
        f"{counted(cases, 'case')}, checkpoint `{settings['checkpoint']}` with the digest "
        f"`{settings['digest'][:12]}`; means with "
        "95 % intervals.",
        "",
        *table(study.standings(), study.area(), study.seconds),
        "",
        "*beyond*: rank minus that of the control with the best rank, case by case; **bold** where the whole interval "
        f"is above 0. Processor seconds on {settings['threads']} thread{'s' * (settings['threads'] > 1)}"
        + ("; KernelSHAP uses LIME's masked posters again." if both else "."),
    ]
    lines += ["", "### At each detail", "", *table_of_details(study.standings())]
    for kind in study.cases:
        lines += ["", f"### {TITLES_OF_KINDS[kind]}", "", about_cases(kind, study), ""]
        lines += table(study.standings(kind), study.area(kind))
    return "\n".join([*lines, "", "### Settings", "", *about_settings(study)])


def table(rows: list[Standing], area: float, seconds: Mapping[str, float] | None = None) -> Iterator[str]:
    """One row for each method and control, and one for chance."""
    ends = ["beyond", *(["s a map"] if seconds else [])]
    yield " | ".join(["| method", *HEADS.values(), *ends]) + " |"
    yield "| --- " + "| ---: " * (len(HEADS) + len(ends)) + "|"
    for row in rows:
        cells = [title(row.name), *(with_interval(row.measured[key]) for key in HEADS)]
        cells.append("" if row.name in TITLES_OF_CONTROLS else beyond(row.beyond["rank"]))
        if seconds:
            cells.append(f"{seconds[row.name]:.2f}" if row.name in seconds else "")
        yield "| " + " | ".join(cells) + " |"
    chance = {"rank": area, "block_rank": area, "mass": area, "excess": 0.0, "pointing": area, "auc": 0.5, "place": 0.5}
    yield " | ".join(["| *chance*", *(f"{chance[key]:.2f}" for key in HEADS), *("" for _ in ends)]) + " |"


def table_of_details(rows: list[Standing]) -> Iterator[str]:
    """Rank, minus that of the best control, where every pixel has the mean of its block: one column a block size."""
    yield "Rank beyond the best control once every pixel has the mean of its block:"
    yield ""
    yield " | ".join(["| method", *(f"{detail} px" for detail in RANK_AT)]) + " |"
    yield "| --- " + "| ---: " * len(RANK_AT) + "|"
    for row in rows:
        if row.name not in TITLES_OF_CONTROLS:
            yield " | ".join(["| " + title(row.name), *(beyond(row.beyond[key]) for key in RANK_AT.values())]) + " |"
    yield ""


def title(name: str) -> str:
    """Of a method or a control."""
    return TITLES_OF_CONTROLS.get(name) or METHODS[name].title


def with_interval(estimate: Estimate) -> str:
    """``0.10 (0.02 to 0.20)``."""
    return f"{signed(estimate.value)} ({signed(estimate.low)} to {signed(estimate.high)})"


def beyond(estimate: Estimate) -> str:
    """Bold where the whole interval is above 0."""
    return f"**{with_interval(estimate)}**" if estimate.low > 0 else with_interval(estimate)


def signed(value: float) -> str:
    """Two digits, a minus sign that is one, and no minus before 0."""
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")


def about_cases(kind: str, study: Study) -> str:
    """Where the cases come from, in one line."""
    found = study.cases[kind]
    raised = sum(case.delta > 0 for case in found.cases)
    median = np.median([abs(case.delta) for case in found.cases])
    labels = Counter(case.label for case in found.cases)
    return (
        f"{len(found.cases)} kept of {found.tried} tried; {raised} raise the logit, {len(found.cases) - raised} lower "
        f"it, by {median:.2f} in the median; {study.area(kind):.0%} of the picture. "
        + ", ".join(f"{count} x {label}" for label, count in labels.most_common())
        + "."
    )


def about_settings(study: Study) -> Iterator[str]:
    """One line each."""
    settings = study.settings
    yield f"- planted in {settings['hosts']}{_other(settings)}" + (
        "" if settings["real"] else " (no real posters were given)"
    )
    yield (
        f"- kept from a change of {settings['least_logit']:.3f} of the logit, {settings['least']:g} of its standard "
        "deviation over these posters"
    )
    yield f"- reference `{settings['reference']}`, seed {settings['seed']}, every method with its defaults" + (
        ", slow ones at bounded cost (`--quick`)" if settings["quick"] else ""
    )
    yield f"- checkpoint's SHA-256 `{settings['digest']}`"
    yield "- " + ", ".join(f"{name} {number}" for name, number in settings["versions"].items())
    yield f"- {settings['minutes']:.0f} minutes, cases included"


# ---- verdicts ------------------------------------------------------------------------------------------

TITLES_OF_MAPS = {
    "smooth": "random smooth map",
    "permuted": "right map, its cells permuted",
    "edges": "edge detector",
    "other poster": "right map of another poster",
    "other network": "right map of another network",
    RIGHT: "map proved right",
}


def verdict_report(study: VerdictStudy) -> str:
    """Wrong and right maps, one row a kind."""
    settings, trusted = study.settings, study.trusted
    lines = [
        f"Checkpoint `{settings['checkpoint']}` with the digest `{settings['digest'][:12]}`, {settings['posters']} of "
        f"{settings['hosts']}{_other(settings)}; the other network is `{settings['other']}`.",
        "",
        "| map | maps | trusted | rate |",
        "| --- | ---: | ---: | ---: |",
        *(row_of_maps(TITLES_OF_MAPS[kind], trusted[kind]) for kind in WRONG),
        row_of_maps("*all wrong maps*", [one for kind in WRONG for one in trusted[kind]]),
        row_of_maps(TITLES_OF_MAPS[RIGHT], trusted[RIGHT]),
        "",
        "| maps proved right of | maps | trusted | rate |",
        "| --- | ---: | ---: | ---: |",
        *(row_of_maps(title(name), found) for name, found in study.by_method.items()),
        "",
        f"{settings['minutes']:.0f} minutes, seed {settings['seed']}.",
    ]
    return "\n".join(lines)


def row_of_maps(name: str, trusted: list[bool]) -> str:
    """How many there are, how many of them are trusted, and the rate with Wilson's interval."""
    rate = percent(proportion(np.array(trusted))) if trusted else ""
    return f"| {name} | {len(trusted)} | {sum(trusted)} | {rate} |"


def _other(settings: Mapping[str, Any]) -> str:
    """Names posters that are not those of the training."""
    other = settings.get("other_posters")
    return f" of `{other}`, which are not the posters of its training" if other else ""


def percent(estimate: Estimate) -> str:
    """``0.4 % (0.1 to 1.2 %)``."""
    return f"{estimate.value:.1%} ({100 * estimate.low:.1f} to {estimate.high:.1%})".replace("%", " %")
