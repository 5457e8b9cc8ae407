"""Findings to keep: numbers, pictures and one page that opens without a network.

    methods = [xai.attribution("deeplift", score), xai.attribution("lime", score)]
    findings = explain(methods, ["a.png"], images, trust=True)        # one Finding a poster
    write_chunk(folder / "0", 0, findings, methods)                   # as many chunks as there are
    assemble(out, [folder / "0"], settings(checkpoint, methods, trust=True))
    archive_zip(checkpoint, methods, findings)                        # the same files as bytes

An archive holds ``explanations.json``, ``values/<method>-<chunk>.npz``, ``overlays/<poster>-<method>.png`` and
``index.html``. Everything but the seconds is the same for the same settings, whoever writes it.
"""

from __future__ import annotations

import base64
import hashlib
import html
import importlib.metadata
import io
import json
import math
import os
import platform
import re
import shutil
import tempfile
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from gan.checkpoint import Checkpoint
from gan.files import write_directory
from gan.images import SUFFIXES, to_uint8
from xai.attribution import Attribution, Explanation, Progress
from xai.errors import ExplanationError
from xai.methods import METHODS
from xai.reference import REFERENCES
from xai.render import Pixels, enlarge, limit, overlay, pool
from xai.score import digest
from xai.trust import RULE, Check, Trust, examine

STRENGTH = 0.9  # of overlays
CELLS = 16  # places of an overlay across: single pixels are mostly noise to the eye
OVERLAY_SIDE = 128  # pixels across an overlay file, at least about; twice as many take twice the time
NAME_BYTES = 120  # of a poster's name in file names, which may have 255
WITHOUT_PICTURES = ("grey", "black", "white", "blur")  # references that follow from their name

Heat = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Finding:
    """All that was found about one poster.

    name : as people know it, for instance a file name.
    stem : unique and safe in file names (see ``stems``).
    image : (1, 3, H, W) in [-1, 1].
    explanations : by method, each of this poster only (N = 1).
    trust : by method; empty where nothing was examined.
    """

    name: str
    stem: str
    image: Tensor
    explanations: Mapping[str, Explanation]
    trust: Mapping[str, Trust] = field(default_factory=dict)


@dataclass(frozen=True)
class Summary:
    """What an archive holds: how many posters, and which pictures were skipped, each with the reason."""

    posters: int
    skipped: tuple[tuple[str, str], ...]


# ---- finding -----------------------------------------------------------------------------------------


def explain(
    methods: Sequence[Attribution],
    names: Sequence[str],
    images: Tensor,
    file_stems: Sequence[str] | None = None,
    trust: bool = False,
    progress: Progress | None = None,
) -> list[Finding]:
    """Explain the pictures (N, 3, H, W) called ``names`` by every method; with ``trust`` examine each map.

    ``file_stems`` are the names' ``stems`` unless given. ``progress`` is told the finished fraction. Raises
    ExplanationError as the methods do.
    """
    tell = _parts(progress, len(methods) * (1 + len(names) * trust))
    by_method = {method.name: method.attribute(images, next(tell)) for method in methods}
    findings = []
    for row, (name, stem) in enumerate(zip(names, file_stems or stems(names), strict=True)):
        image = images[row : row + 1]
        found = {method: one_row(explanation, row) for method, explanation in by_method.items()}
        wanted = methods if trust else ()
        checked = {method.name: examine(method, image, found[method.name], next(tell)) for method in wanted}
        findings.append(Finding(name, stem, image, found, checked))
    return findings


def _parts(progress: Progress | None, count: int) -> Iterator[Progress]:
    """One function a part of the work, each told the finished fraction of its own part."""
    tell = progress or (lambda fraction: None)
    for part in range(count):
        yield lambda fraction, part=part: tell((part + fraction) / count)  # type: ignore[misc]


def one_row(explanation: Explanation, row: int) -> Explanation:
    """The explanation of one picture among N, with its part of the time."""
    rows = slice(row, row + 1)
    return replace(
        explanation,
        values=explanation.values[rows],
        score=explanation.score[rows],
        base_score=explanation.base_score[rows],
        gap=explanation.gap[rows],
        segments=None if explanation.segments is None else explanation.segments[rows],
        diagnostics={key: value[rows] for key, value in explanation.diagnostics.items()},
        seconds=explanation.seconds / len(explanation.score),
    )


def stems(names: Iterable[str]) -> list[str]:
    """Names that are safe as parts of file names, and unique, also where upper and lower case are one.

    Letters and digits of any script stay, everything else becomes "-"; long names are cut; the second of
    two alike ends in "-2".
    """
    taken: set[str] = set()
    numbers: dict[str, int] = {}
    found = []
    for name in names:
        plain = stem = _safe(name)
        while stem.casefold() in taken:
            numbers[plain.casefold()] = numbers.get(plain.casefold(), 1) + 1
            stem = f"{plain}-{numbers[plain.casefold()]}"
        taken.add(stem.casefold())
        found.append(stem)
    return found


def _safe(name: str) -> str:
    path, suffix = os.path.splitext(name)  # noqa: PTH122  # a Path would make something else of "a/..", or of ""
    path = path if suffix.lower() in SUFFIXES else name
    words = re.sub(r"[^\w]+", "-", unicodedata.normalize("NFKC", path)).strip("-")
    return words.encode()[:NAME_BYTES].decode(errors="ignore") or "poster"


# ---- colours: the same arithmetic for the pages ------------------------------------------------------


def heats(explanations: Mapping[str, Explanation], block: int) -> dict[str, Heat]:
    """Each method's map (H, W) of one picture: channels added up, averaged over blocks of pixels."""
    return {name: pool(found.values[0].sum(0).numpy(), block) for name, found in explanations.items()}


def full_colours(maps: Mapping[str, Heat], shared: bool = True) -> dict[str, float]:
    """Where each map's colours end; ``shared``: one end for all maps that are in logits."""
    in_logits = [values.ravel() for name, values in maps.items() if METHODS[name].in_logits]
    common = limit(np.concatenate(in_logits)) if shared and in_logits else None
    return {
        name: limit(values) if common is None or not METHODS[name].in_logits else common
        for name, values in maps.items()
    }


# ---- settings ----------------------------------------------------------------------------------------


def settings(checkpoint: Checkpoint, methods: Sequence[Attribution], trust: bool = False) -> dict[str, Any]:
    """All that the numbers follow from, as plain values. The methods share their score and reference."""
    first = methods[0]
    score = first.score
    target: dict[str, Any] = {"kind": "logit"}
    if score.layer is not None:
        target = {"kind": "unit", "layer": score.layer, "unit": score.unit, "place": score.place}
    reference: dict[str, Any] = {"kind": first.reference.name}
    if first.reference.name not in WITHOUT_PICTURES:
        pictures = first.reference.of(torch.zeros(1, 3, *checkpoint.config.size))
        reference |= {"pictures": len(pictures), "sha256": digest(pictures)}
    made_by: dict[str, Any] = _plain({
        "checkpoint": {"name": checkpoint.name, "digest": checkpoint.digest} | _asked_for(checkpoint),
        "target": target,
        "reference": reference,
        "methods": {method.name: method.config for method in methods},
        "trust": trust,
        "overlay": {"cells": CELLS, "strength": STRENGTH},
    })  # fmt: skip
    return made_by


def _asked_for(checkpoint: Checkpoint) -> dict[str, Any]:
    """The genres that were built in, where there are any (xai.genres)."""
    return {"genres": checkpoint.info["asked_for"]} if "asked_for" in checkpoint.info else {}


def versions() -> dict[str, str]:
    """What computed."""
    try:
        own = importlib.metadata.version("posterlens")
    except importlib.metadata.PackageNotFoundError:  # run without an install
        own = "unknown"
    return {
        "posterlens": own,
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


# ---- chunks ------------------------------------------------------------------------------------------


def write_chunk(
    folder: Path,
    index: int,
    findings: Sequence[Finding],
    methods: Sequence[Attribution],
    skipped: Sequence[tuple[str, str]] = (),
) -> None:
    """Write findings to a new folder, complete or not at all; ``assemble`` makes an archive of such folders.

    ``skipped`` are names of pictures that could not be read, each with the reason. Every finding holds an
    explanation by each of ``methods``.
    """
    with write_directory(folder) as chunk:
        (chunk / "values").mkdir()
        (chunk / "overlays").mkdir()
        for method in methods if findings else ():
            _write_values(chunk / "values" / f"{method.name}-{index:05d}.npz", method, findings)
        records = []
        with (chunk / "posters.html").open("w", encoding="utf-8") as page:
            for row, finding in enumerate(findings):
                maps = heats(finding.explanations, max(1, finding.image.shape[-1] // CELLS))
                ends = full_colours(maps)
                pixels = to_uint8(finding.image)[0]
                pictures = {name: overlay(pixels, values, ends[name], STRENGTH) for name, values in maps.items()}
                for name, picture in pictures.items():
                    factor = max(1, OVERLAY_SIDE // picture.shape[1])
                    (chunk / "overlays" / f"{finding.stem}-{name}.png").write_bytes(_png(enlarge(picture, factor)))
                records.append(_record(finding, ends, index, row))
                page.write(_article(finding, ends, pixels, pictures, logit=methods[0].score.layer is None))
        (chunk / "posters.json").write_text(_json({"posters": records, "skipped": skipped}))


def _write_values(path: Path, method: Attribution, findings: Sequence[Finding]) -> None:
    found = [finding.explanations[method.name] for finding in findings]
    arrays = {
        "values": torch.cat([one.values for one in found]).numpy(),
        "names": np.array([finding.name for finding in findings]),
    }
    if found[0].segments is not None:
        arrays["segments"] = torch.cat([one.segments for one in found if one.segments is not None]).numpy()
    for key, first in found[0].diagnostics.items():
        if first.ndim > 1:  # numbers stand in the JSON
            arrays[f"diagnostic_{key}"] = torch.cat([one.diagnostics[key] for one in found]).numpy()
    # Pixels' shares hardly shrink (6 %) and take 20 times as long; segments and layers shrink to a twentieth.
    save = np.savez if method.granularity == "pixel" else np.savez_compressed
    save(path, **arrays)  # type: ignore[arg-type]


def _record(finding: Finding, ends: Mapping[str, float], chunk: int, row: int) -> dict[str, Any]:
    """What ``explanations.json`` says of one poster."""
    return {
        "name": finding.name,
        "file": finding.stem,
        "sha256": digest_of(finding.image),
        "score": _score(finding),
        "methods": {
            name: {
                "score": float(found.score),
                "base_score": float(found.base_score),
                "gap": float(found.gap),
                "diagnostics": {key: value.item() for key, value in found.diagnostics.items() if value.ndim == 1},
                "seconds": found.seconds,
                "full_colour": ends[name],
                "values": {"file": f"values/{name}-{chunk:05d}.npz", "row": row},
                "overlay": f"overlays/{finding.stem}-{name}.png",
            }
            | ({"trust": _trust_record(finding.trust[name])} if name in finding.trust else {})
            for name, found in finding.explanations.items()
        },
    }


def digest_of(image: Tensor) -> str:
    """SHA-256 of a picture's (1, 3, H, W) RGB bytes: the key that the dashboard has for it, too."""
    return hashlib.sha256(to_uint8(image).tobytes()).hexdigest()


def _score(finding: Finding) -> float:
    return float(next(iter(finding.explanations.values())).score)


def _trust_record(trust: Trust) -> dict[str, Any]:
    return {
        "verdict": trust.verdict,
        "reason": trust.reason,
        "checks": {
            check.key: {
                "value": check.value,
                "interval": [check.low, check.high],
                "level": check.level,
                "passes": check.passes,
                "fails": check.fails,
                "higher_is_better": check.higher,
                "essential": check.essential,
            }
            for check in trust.checks
        },
        "seconds": trust.seconds,
    }


def _json(value: Any, indent: int | None = None) -> str:
    return json.dumps(_plain(value), indent=indent, allow_nan=False)  # an indent takes ten times as long


def _plain(value: Any) -> Any:
    """What JSON can hold: no tuples, no numpy, and null for what is not finite."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


# ---- archives ----------------------------------------------------------------------------------------


def assemble(out: Path, chunks: Sequence[Path], made_by: Mapping[str, Any]) -> Summary:
    """Make one archive folder of chunk folders, complete or not at all; a folder ``out`` is replaced.

    ``made_by`` is what ``settings`` says. Memory holds one chunk's records at a time, and no pictures.

    Raises
    ------
    ExplanationError
        If the chunks hold no poster at all.
    """
    with write_directory(out) as folder:
        for name in ("values", "overlays"):
            (folder / name).mkdir()
            for chunk in chunks:
                for file in sorted((chunk / name).iterdir()):
                    _place(file, folder / name / file.name)
        with (folder / "explanations.json").open("w", encoding="utf-8") as record:
            summary = _write_json(record, chunks, made_by)
        if not summary.posters:
            reason = f" ({summary.skipped[0][1]})" if summary.skipped else ""
            raise ExplanationError(f"There is no usable picture to explain{reason}.")
        with (folder / "index.html").open("w", encoding="utf-8") as page:
            _write_page(page, chunks, made_by, summary)
    return summary


def archive_zip(checkpoint: Checkpoint, methods: Sequence[Attribution], findings: Sequence[Finding]) -> bytes:
    """The archive of findings as the bytes of a zip file: what ``scripts/explain.py`` writes for these posters.

    ``methods`` gave the findings' explanations, and share one score and reference.
    """
    trust = any(finding.trust for finding in findings)
    with tempfile.TemporaryDirectory() as temporary:
        chunk, folder = Path(temporary, "chunk"), Path(temporary, "archive")
        write_chunk(chunk, 0, findings, methods)
        assemble(folder, [chunk], settings(checkpoint, methods, trust))
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(folder.rglob("*")):
                if file.is_file():  # the fixed date of ZipInfo: same findings, same bytes
                    entry = zipfile.ZipInfo(file.relative_to(folder).as_posix())
                    entry.external_attr = 0o644 << 16
                    archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _place(source: Path, target: Path) -> None:
    """A second name for a file that stays where it is; a copy where the disk knows no such names."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)


def _write_json(file: IO[str], chunks: Sequence[Path], made_by: Mapping[str, Any]) -> Summary:
    """Poster by poster, for there may be many."""
    count, skipped = 0, []
    file.write(f'{{\n"settings": {_json(made_by, 1)},\n"versions": {_json(versions(), 1)},\n"posters": [')
    for chunk in chunks:
        record = json.loads((chunk / "posters.json").read_text())
        skipped += [(name, reason) for name, reason in record["skipped"]]
        for poster in record["posters"]:
            file.write(f"{',' if count else ''}\n{_json(poster)}")
            count += 1
    file.write(f'\n],\n"skipped": {_json([{"name": name, "reason": reason} for name, reason in skipped])}\n}}\n')
    return Summary(count, tuple(skipped))


# ---- the page ----------------------------------------------------------------------------------------

STYLE = """
:root { color-scheme: light dark; --back: #fff; --text: #1b1d22; --soft: #5b6170; --line: #d9dce3; --card: #f6f7f9;
  --red: #b3191f; --blue: #1f55b5; --pass: #1a7f37; --doubt: #8a5a00; --fail: #b3191f; }
@media (prefers-color-scheme: dark) { :root { --back: #14161a; --text: #e8eaee; --soft: #a3aab8; --line: #343943;
  --card: #1d2026; --red: #ff8080; --blue: #86b3ff; --pass: #6fd08c; --doubt: #f0c060; --fail: #ff8080; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1400px; padding: 1.5rem; background: var(--back); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { line-height: 1.2; } h2 { margin: 0 0 .25rem; font-size: 1.2rem; } h3 { margin: 0; font-size: 1rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; } p { margin: .25rem 0; }
.methods, .row { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(220px, 1fr)); }
.methods { grid-template-columns: repeat(auto-fill, minmax(290px, 1fr)); }
.card, article { border: 1px solid var(--line); border-radius: 8px; padding: 1rem;
  background: var(--card); }
article { margin: 1rem 0; content-visibility: auto; contain-intrinsic-size: auto 480px; }
figure { margin: 0; } figure img { width: 100%; max-width: 320px; image-rendering: pixelated; display: block; }
figcaption, .soft { color: var(--soft); font-size: .875rem; }
.real { color: var(--red); font-weight: 600; } .fake { color: var(--blue); font-weight: 600; }
.badge { display: inline-block; border: 1px solid; border-radius: 1em; padding: 0 .6em; font-weight: 600; }
.trust, .pass { color: var(--pass); } .caution, .doubt { color: var(--doubt); }
.do-not-trust, .fail { color: var(--fail); }
@media print { article { content-visibility: visible; } }
ul { padding-left: 1.2rem; margin: .5rem 0; } li { margin: .25rem 0; } details { margin: .5rem 0; }
summary { cursor: pointer; } summary:focus-visible { outline: 2px solid var(--blue); }
@media (max-width: 480px) { body { padding: .75rem; } .row { grid-template-columns: 1fr 1fr; gap: .5rem; }
  .methods { grid-template-columns: 1fr; } dl { grid-template-columns: 1fr; } article, .card { padding: .75rem; } }
"""
HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p><span class="real">Red</span> speaks for {high}, <span class="fake">blue</span> for {low}; what stays grey is
silent. Within a poster, maps in the score's units share one colour scale; the others have their own.</p>
<dl class="card">
{facts}
</dl>
<h2>What the methods show</h2>
<div class="methods">
{methods}
</div>
{skipped}
</header>
<main>
"""
TAIL = "</main>\n</body>\n</html>\n"


def _write_page(file: IO[str], chunks: Sequence[Path], made_by: Mapping[str, Any], summary: Summary) -> None:
    """Head, the chunks' articles one after the other, tail."""
    logit = made_by["target"]["kind"] == "logit"
    number = "1 poster" if summary.posters == 1 else f"{summary.posters:,} posters"
    file.write(
        HEAD.format(
            title=f"{number}, explained",
            style=STYLE,
            high="real" if logit else "a high score",
            low="fake" if logit else "a low one",
            facts="\n".join(f"<dt>{_text(key)}</dt><dd>{_text(value)}</dd>" for key, value in _facts(made_by)),
            methods="\n".join(_legend(name, config) for name, config in made_by["methods"].items()),
            skipped=_skipped(summary.skipped),
        )
    )
    for chunk in chunks:
        with (chunk / "posters.html").open(encoding="utf-8") as part:
            shutil.copyfileobj(part, file)
    file.write(TAIL)


def _facts(made_by: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    checkpoint, target, reference = (made_by[key] for key in ("checkpoint", "target", "reference"))
    yield "Checkpoint", f"{checkpoint['name']} (SHA-256 {checkpoint['digest'][:12]}…)"
    if "genres" in checkpoint:
        asked = ", ".join(f"{genre} {strength:+g}" for genre, strength in checkpoint["genres"].items())
        yield "Genres asked for", asked or "none"
    if target["kind"] == "logit":
        yield "What is explained", "the discriminator's logit: above 0 it finds a poster real, below 0 fake"
    else:
        place = "the mean of its map" if target["place"] is None else f"at row, column {target['place']}"
        yield "What is explained", f"{target['layer']}, unit {target['unit']}, {place}"
    count = f" ({reference['pictures']})" if "pictures" in reference else ""
    yield "Compared with", REFERENCES.get(reference["kind"], "pictures of one's own") + count
    if made_by["trust"]:
        yield "Verdicts", RULE
    yield "Versions", ", ".join(f"{name} {version}" for name, version in versions().items())


def _legend(name: str, config: Mapping[str, Any]) -> str:
    method = METHODS[name]
    chosen = ", ".join(
        f"{key} {_setting(value)}" for key, value in config.items() if key not in ("method", "reference")
    )
    return (
        f'<section class="card"><h3>{_text(method.title)}</h3><p>{_text(method.promise)}</p>'
        f'<p><strong>But:</strong> {_text(method.caveat)}</p><p class="soft">{_text(chosen)}</p></section>'
    )


def _setting(value: Any) -> str:
    return "chosen by itself" if value is None else str(value)


def _skipped(skipped: Sequence[tuple[str, str]]) -> str:
    if not skipped:
        return ""
    rows = "".join(f"<li>{_text(name)}: {_text(reason)}</li>" for name, reason in skipped)
    return f"<details><summary>{len(skipped)} skipped</summary><ul>{rows}</ul></details>"


def _article(
    finding: Finding, ends: Mapping[str, float], pixels: Pixels, pictures: Mapping[str, Pixels], logit: bool
) -> str:
    """One poster: the picture and the overlays side by side. Nothing in it depends on the clock."""
    name = _text(finding.name)
    caption = f"<h3>The poster</h3><p>{_judgement(_score(finding), logit)}</p>"
    figures = [_figure(pixels, f"The poster {name}", caption)]
    figures += [
        _figure(
            pictures[method],
            f"{METHODS[method].title} of {name}",
            f"<h3>{_text(METHODS[method].title)}</h3>{_numbers(method, found, ends[method])}"
            + (_badge(finding.trust[method]) if method in finding.trust else ""),
        )
        for method, found in finding.explanations.items()
    ]
    evidence = "".join(_evidence(method, trust) for method, trust in finding.trust.items())
    return (
        f'<article id="{_text(finding.stem)}">\n<h2>{name}</h2>\n'
        f'<div class="row">\n{"".join(figures)}</div>\n{evidence}</article>\n'
    )


def _judgement(score: float, logit: bool) -> str:
    if not logit:
        return f"Score {score:+.3g}"
    kind, probability = "real" if score > 0 else "fake", 1 / (1 + math.exp(-max(-700.0, score)))
    return f'D finds it <span class="{kind}">{kind}</span>: logit {score:+.2f}, probability {probability:.1%}'


def _figure(picture: Pixels, alt: str, caption: str) -> str:
    address = "data:image/png;base64," + base64.b64encode(_png(picture)).decode()
    return f'<figure><img src="{address}" alt="{alt}"><figcaption>{caption}</figcaption></figure>\n'


def _numbers(method: str, found: Explanation, end: float) -> str:
    parts = []
    if METHODS[method].in_logits and not math.isnan(float(found.base_score)):
        parts.append(f"reference {float(found.base_score):+.2f}, shares {float(found.values.sum()):+.2f}")
    if not math.isnan(float(found.gap)):
        parts.append(f"completeness gap {float(found.gap):+.1g}")
    if "r2" in found.diagnostics:
        segments = int(found.diagnostics["segment_count"])
        parts.append(f"R² {float(found.diagnostics['r2']):.2f} on {segments} segments")
    if "unit" in found.diagnostics:
        parts.append(f"filter {int(found.diagnostics['unit'])}")
    parts.append(f"full colour: {end:.2g} a pixel")
    if not float(found.values.abs().max()):
        parts.append("the map is empty: nothing speaks here")
    return f"<p>{_text(' · '.join(parts))}</p>"


def _badge(trust: Trust) -> str:
    return f'<span class="badge {trust.verdict.replace(" ", "-")}">{trust.verdict}</span>'


def _evidence(method: str, trust: Trust) -> str:
    """What a verdict follows from."""
    checks = "".join(_check(check) for check in trust.checks)
    title = _text(METHODS[method].title)
    return f"<details><summary>{title}: {_badge(trust)} {_text(trust.reason)}</summary><ul>{checks}</ul></details>\n"


def _check(check: Check) -> str:
    interval = "" if math.isnan(check.low) else f" ({check.low:.2g} to {check.high:.2g})"
    value = "not measured" if math.isnan(check.value) else f"{check.value:.2g}{interval}"
    sign, opposite = ("≥", "<") if check.higher else ("≤", ">")
    limits = f"passes {sign} {check.passes:g}, fails {opposite} {check.fails:g}"
    title = check.title + (" *" if check.essential else "")
    return (
        f'<li>{_text(title)}: <strong>{value}</strong>, <span class="{check.level}">{check.level}</span> '
        f'<span class="soft">({_text(limits)}). {_text(check.meaning)}</span></li>'
    )


def _text(value: Any) -> str:
    """Safe within HTML; a file name can hold anything, also what no page can show."""
    text = str(value)
    if not text.isprintable():
        text = "".join(sign if sign.isprintable() else "�" for sign in text)
    return html.escape(text)


def _png(picture: Pixels) -> bytes:
    """PNG bytes, quickly: for thousands of pictures, half the time counts for more than a tenth of the size."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
