"""What was found in a collection, as Markdown.

print(markdown(study_collection(material)))
"""

from __future__ import annotations

from collections.abc import Sequence

from gan.evaluation.estimates import Estimate
from xai.collection.omissions.kinds import Kinds
from xai.collection.similarity.neighbours import Hubness
from xai.collection.similarity.rsa import Depth, LayerProfile
from xai.collection.strategies.study import Strategies, comparison
from xai.collection.study import CollectionStudy


def markdown(study: CollectionStudy) -> str:
    """Tables and sentences, with 95 % intervals in brackets."""
    parts = []
    if study.depth is not None:
        parts.append(_depth(study.depth))
    if study.hubs:
        parts.append(_hubs(study.hubs))
    parts += [_strategies(found) for found in study.strategies]
    if len(study.strategies) == 2:
        parts.append(comparison(*study.strategies))
    if study.filters is not None:
        parts.append(f"### Filter by filter\n\n{study.filters.text}")
    if study.kinds is not None:
        parts.append(_kinds(study.kinds))
    if study.omissions is not None:
        parts.append(f"### Posters that are not drawn\n\n{study.omissions.text}")
    if study.copies is not None:
        parts.append(f"### Copies\n\n{study.copies.text}")
    return "\n\n".join([*parts, *study.missing])


def _depth(depth: Depth) -> str:
    lines = ["| compared | layer | " + " | ".join(depth.layers[0].properties) + " | genres beyond the others |"]
    lines.append("| --- | --- |" + " --- |" * (len(depth.layers[0].properties) + 1))
    shown = {"what is in it": depth.layers, "what is where": depth.maps, "random weights": depth.control}
    lines += [_profile(name, layer) for name, layers in shown.items() for layer in layers]
    return "\n".join(["### Over depth", "", *lines, "", depth.text])


def _profile(name: str, layer: LayerProfile) -> str:
    beyond = "" if layer.beyond is None else _number(layer.beyond)
    return f"| {name} | `{layer.layer}` | {' | '.join(map(_number, layer.correlations))} | {beyond} |"


def _hubs(hubs: Sequence[Hubness]) -> str:
    lines = [
        "| by | skewness | most often a neighbour | never | with local scaling: skewness | most often | never |",
        "| --- |" + " ---: |" * 6,
    ]
    for one in hubs:
        columns = [f"{found.skewness:.2f} | {found.most:,} | {found.never:.0%}" for found in (one.plain, one.scaled)]
        lines.append(f"| {one.title} | {' | '.join(columns)} |")
    return "\n".join(["### Hubs", "", *lines])


def _strategies(found: Strategies) -> str:
    lines = ["| posters | of the real ones | of the generated ones | mean logit | comes back | where | filters |"]
    lines.append("| ---: |" + " --- |" * 6)
    for one in found.strategies:
        figures = map(_number, (one.of_real, one.of_generated, one.logit, one.jaccard))
        filters = ", ".join(f"`{each.layer}` {each.unit}: {each.difference.value:+z.2f}" for each in one.filters[:4])
        lines.append(f"| {one.size:,} | {' | '.join(figures)} | {one.text} {one.colours} | {filters} |")
    table = lines * bool(found.strategies)
    return "\n".join([f"### Strategies behind {found.verdict}", "", *table, "", found.text])


def _kinds(found: Kinds) -> str:
    lines = ["| kind | of real posters | of generated ones | ratio | ratio of training posters | AUC of the probe |"]
    lines.append("| --- |" + " --- |" * 5)
    for kind in found.kinds:
        figures = map(_number, (kind.real, kind.generated, kind.ratio, kind.floor, kind.auc))
        lines.append(f"| {kind.title} | {' | '.join(figures)} |")
    return "\n".join(["### Kinds of posters", "", *lines, "", found.text])


def _number(estimate: Estimate) -> str:
    if estimate.value != estimate.value:
        return ""
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
