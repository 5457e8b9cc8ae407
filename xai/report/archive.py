"""Findings to keep: an archive of numbers, pictures and one page, as a folder or a zip.

    findings = explain(methods, ["a.png"], images, trust=True)        # xai.report.findings: one Finding a poster
    write_chunk(folder / "0", 0, findings, methods)                   # as many chunks as there are
    assemble(out, [folder / "0"], settings(checkpoint, methods, trust=True), methods)
    archive_zip(checkpoint, methods, findings)                        # the same files as bytes

An archive holds ``explanations.json``, ``values/<method>-<chunk>.npz``, ``overlays/<poster>-<method>.png`` and
``index.html``. Everything but the seconds is the same for the same settings, whoever writes it.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import json
import math
import os
import platform
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from gan.checkpoints.record import Checkpoint
from gan.data.images import to_uint8
from gan.files import write_directory
from gan.syncing import sync
from xai.errors import ExplanationError
from xai.methods.base import Attribution, scale
from xai.networks.score import digest
from xai.render import Pixels, block_of, enlarge, full_colours, overlay, pool, quick_png
from xai.report import page as report_page
from xai.report.findings import Finding
from xai.trust.verdict import Trust

PLACED = ("values", "overlays")  # folders of an archive whose files are those of its chunks
WRITTEN = ("explanations.json", "index.html", *PLACED)
RECORD = "explanations.json"  # by which an archive is known
STRENGTH = 0.9  # of overlays
CELLS = 8  # places of an overlay across, which verdicts tell apart: single pixels are mostly noise to the eye
OVERLAY_SIDE = 128  # pixels across an overlay file, at least about; twice as many take twice the time
WITHOUT_PICTURES = ("grey", "black", "white", "blur")  # references that follow from their name


@dataclass(frozen=True)
class Summary:
    """What an archive holds: how many posters, and which pictures were skipped, each with the reason."""

    posters: int
    skipped: tuple[tuple[str, str], ...]


# ---- settings ----------------------------------------------------------------------------------------


def settings(checkpoint: Checkpoint, methods: Sequence[Attribution], trust: bool = False) -> dict[str, Any]:
    """All that the numbers follow from, as plain values. The methods share their score and reference."""
    first = methods[0]
    score = first.score
    target: dict[str, Any] = {"kind": "logit"} | ({} if score.output is None else {"output": score.output})
    if score.layer is not None:
        target = {"kind": "unit", "layer": score.layer, "unit": score.unit, "place": score.place}
    reference: dict[str, Any] = {"kind": first.reference.name}
    if first.reference.name not in WITHOUT_PICTURES:
        pictures = first.reference.of(torch.zeros(1, 3, *checkpoint.config.size))
        reference |= {"pictures": len(pictures), "sha256": digest(pictures)}
    if first.reference.other_posters:
        reference["other_posters"] = first.reference.other_posters
    made_by: dict[str, Any] = _plain({
        "checkpoint": {"name": checkpoint.name, "digest": checkpoint.digest} | _requested_genres(checkpoint),
        "target": target,
        "reference": reference,
        "methods": {method.name: method.config for method in methods},
        "trust": trust,
        "overlay": {"cells": CELLS, "strength": STRENGTH},
    })  # fmt: skip
    return made_by


def _requested_genres(checkpoint: Checkpoint) -> dict[str, Any]:
    """The genres that were built in, where there are any (xai.latents.genres)."""
    return {"genres": checkpoint.info["requested_genres"]} if "requested_genres" in checkpoint.info else {}


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
        with (chunk / "posters.html").open("wb") as page:
            for row, finding in enumerate(findings):
                ends, pixels, pictures = drawn(finding)
                for name, picture in pictures.items():
                    factor = max(1, OVERLAY_SIDE // picture.shape[1])
                    (chunk / "overlays" / f"{finding.stem}-{name}.png").write_bytes(quick_png(enlarge(picture, factor)))
                records.append(_record(finding, pixels, ends, index, row))
                page.write(report_page.article(finding, ends, pixels, pictures).encode())
        (chunk / "posters.json").write_text(_json({"posters": records, "skipped": skipped}), encoding="utf-8")


def drawn(finding: Finding) -> tuple[dict[str, float], Pixels, dict[str, Pixels]]:
    """Where each map's colours end, the poster, and each map over it, by method: what ``page.article`` takes."""
    block = block_of(max(1, finding.image.shape[-1] // CELLS), finding.image.shape[-2:])
    maps = {name: pool(found.heat(), block) for name, found in finding.explanations.items()}
    ends = full_colours(maps, [name for name, found in finding.explanations.items() if found.in_logits])
    pixels = to_uint8(finding.image)[0]
    pictures = {
        name: overlay(pixels, values, ends[name], STRENGTH, scale(found.meaning, found.claims))
        for (name, values), found in zip(maps.items(), finding.explanations.values(), strict=True)
    }
    return ends, pixels, pictures


def _write_values(path: Path, method: Attribution, findings: Sequence[Finding]) -> None:
    explanations = [finding.explanations[method.name] for finding in findings]
    arrays = {
        "values": np.concatenate([one.values.numpy() for one in explanations]),
        "names": np.array([finding.name for finding in findings]),
    }
    if explanations[0].segments is not None:
        arrays["segments"] = torch.cat([one.segments for one in explanations if one.segments is not None]).numpy()
    for key, first in explanations[0].diagnostics.items():
        if first.ndim > 1:  # numbers stand in the JSON
            arrays[f"diagnostic_{key}"] = torch.cat([one.diagnostics[key] for one in explanations]).numpy()
    # Pixels' values hardly shrink (6 %) and take 20 times as long; segments and layers shrink to a twentieth.
    save = np.savez if method.granularity == "pixel" else np.savez_compressed
    save(path, **arrays)  # type: ignore[arg-type]


def _record(finding: Finding, pixels: Pixels, ends: Mapping[str, float], chunk: int, row: int) -> dict[str, Any]:
    """What ``explanations.json`` says of one poster."""
    return {
        "name": finding.name,
        "file": finding.stem,
        "sha256": hashlib.sha256(pixels.tobytes()).hexdigest(),  # digest_of
        "score": finding.score,
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


def _trust_record(trust: Trust) -> dict[str, Any]:
    return {
        "verdict": trust.verdict,
        "badge": trust.badge,
        "reason": trust.reason,
        "resolution": trust.resolution,
        "checks": {
            result.check.key: {
                "value": result.value,
                "interval": [result.low, result.high],
                "level": result.level,
                "passes": result.check.passes,
                "fails": result.check.fails,
                "higher_is_better": result.check.higher,
                "essential": result.check.essential,
            }
            for result in trust.checks
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


def ensure_replaceable(out: Path, overwrite: bool) -> None:
    """ExplanationError where something is at ``out``, unless it was written by such a job and is to be overwritten."""
    if not os.path.lexists(out):
        return
    if out.is_symlink() or not out.is_dir() or (any(out.iterdir()) and not (out / RECORD).is_file()):
        raise ExplanationError(f"{out} was not written by an explanation of posters, so it is not replaced.")
    if not overwrite:
        raise ExplanationError(f"{out} exists already; overwrite replaces it.")


def assemble(out: Path, chunks: Sequence[Path], made_by: Mapping[str, Any], methods: Sequence[Attribution]) -> Summary:
    """Make one archive folder of chunk folders, complete or not at all; an archive at ``out`` is replaced.

    ``made_by`` is what ``settings`` says of ``methods``. Memory holds one chunk's records at a time, and no pictures.

    Raises
    ------
    ExplanationError
        If the chunks hold no poster at all, or there is something else than an archive at ``out``.
    """
    ensure_replaceable(out, overwrite=True)
    with write_directory(out, synced=PLACED) as folder:
        for name in PLACED:
            (folder / name).mkdir()
            for chunk in chunks:
                for file in sorted((chunk / name).iterdir()):
                    _place(file, folder / name / file.name)
        with (folder / RECORD).open("w", encoding="utf-8") as record:
            summary = _write_json(record, chunks, made_by)
        if not summary.posters:
            reason = f" ({summary.skipped[0][1]})" if summary.skipped else ""
            raise ExplanationError(f"There is no usable picture to explain{reason}.")
        with (folder / "index.html").open("wb") as page:
            page.write(report_page.head(summary.posters, made_by, methods, versions(), summary.skipped).encode())
            for chunk in chunks:
                with (chunk / "posters.html").open("rb") as articles:
                    shutil.copyfileobj(articles, page)
            page.write(report_page.TAIL.encode())
    return summary


def archive_zip(checkpoint: Checkpoint, methods: Sequence[Attribution], findings: Sequence[Finding]) -> bytes:
    """The archive of findings as the bytes of a zip file: what ``scripts/explain.py`` writes for these posters.

    ``methods`` gave the findings' explanations, and share one score and reference.
    """
    trust = any(finding.trust for finding in findings)
    with tempfile.TemporaryDirectory() as temporary:
        chunk, folder = Path(temporary, "chunk"), Path(temporary, "archive")
        write_chunk(chunk, 0, findings, methods)
        assemble(folder, [chunk], settings(checkpoint, methods, trust), methods)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(folder.rglob("*")):
                if file.is_file():  # the fixed date of ZipInfo: same findings, same bytes
                    entry = zipfile.ZipInfo(file.relative_to(folder).as_posix())
                    entry.external_attr = 0o644 << 16
                    archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _place(source: Path, target: Path) -> None:
    """A second name for a synced file that stays where it is; a synced copy where the disk knows no such names."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)
        sync(target)


def _write_json(file: IO[str], chunks: Sequence[Path], made_by: Mapping[str, Any]) -> Summary:
    """Poster by poster, for there may be many."""
    count, skipped = 0, []
    file.write(f'{{\n"settings": {_json(made_by, 1)},\n"versions": {_json(versions(), 1)},\n"posters": [')
    for chunk in chunks:
        record = json.loads((chunk / "posters.json").read_text(encoding="utf-8"))
        skipped += [(name, reason) for name, reason in record["skipped"]]
        for poster in record["posters"]:
            file.write(f"{',' if count else ''}\n{json.dumps(poster, allow_nan=False)}")
            count += 1
    file.write(f'\n],\n"skipped": {_json([{"name": name, "reason": reason} for name, reason in skipped])}\n}}\n')
    return Summary(count, tuple(skipped))
