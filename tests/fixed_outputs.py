"""Fixed outputs of the program: pictures, maps, verdicts, studies and trained weights that a change of form must keep.

    python -m tests.fixed_outputs > before.txt          # one line an output: its name and the SHA-256 of its numbers
    python -m tests.fixed_outputs --write               # keep today's as tests/fixed_outputs.json

Only public names and scripts are used, so that the same file runs on any state of the tree. Where the processor and
torch are those of ``fixed_outputs.json`` every bit is compared; elsewhere sums differ in their last digits, and the
statistics of each output are compared.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import platform
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file

import gan
import xai
from gan.data.synthetic import write_folder
from tests.scripting import script

ROOT = Path(__file__).parents[1]
KEPT = Path(__file__).with_suffix(".json")
SHIPPED = ("dcgan-64", "projected-64", "genres-64", "dcgan-128", "whole-128")
TINY = ("--latent=8", "--width=4", "--batch=8", "--kimg=0.064", "--tick-kimg=0.016", "--eval-kimg=0", "--quiet")
RUNS = {
    "dcgan": ("--preset=dcgan", "--resolution=8"),
    "dcgan-stable": ("--preset=dcgan-stable", "--resolution=16"),
    "dcgan-128": ("--preset=dcgan-128", "--resolution=16"),
    "genres": ("--conditional=genres", "--min-posters=5", "--resolution=8", "--aspect=2:3"),
}

Array = NDArray[Any]


def outputs() -> Iterator[tuple[str, Array]]:
    """All fixed outputs, by name, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            yield from pictures()
            yield from maps()
            yield from verdicts()
            yield from runs(Path(folder))
            yield from studies(Path(folder))
    finally:
        torch.set_num_threads(threads)


def pictures() -> Iterator[tuple[str, Array]]:
    """What the shipped checkpoints draw for seeds 0 and 1, and D's logits of it."""
    for name in SHIPPED:
        checkpoint = gan.load(ROOT / "checkpoints" / name)
        with torch.no_grad():
            images = checkpoint.generator(gan.latents([0, 1], checkpoint.config))
            logits = checkpoint.discriminator.logit(images)
        yield f"picture/{name}", images.numpy()
        yield f"logit/{name}", logits.numpy()


def maps() -> Iterator[tuple[str, Array]]:
    """Every method's map of seed 7, behind two kinds of reference, and the blame for its logit."""
    checkpoint, image = shipped()
    score, grey = xai.Score(checkpoint.discriminator), xai.reference("grey")
    generated = xai.reference("generated", generator=checkpoint.generator)
    for name in xai.METHODS:
        yield (
            f"map/{name}",
            xai.attribution(name, score, reference=grey).attribute(image).values.numpy(),
        )
    for name in ("deepshap", "kernelshap", "expected_gradients"):
        yield f"map/{name}/generated", xai.attribution(name, score, reference=generated).attribute(image).values.numpy()
    config = checkpoint.config
    others = gan.latents(range(100, 104), config)
    found = xai.blame(checkpoint.generator, checkpoint.discriminator, gan.latents([7], config), others)
    yield "blame/latents", found.latents.numpy()
    for layer, values in found.units.items():
        yield f"blame/{layer}", values.numpy()


def verdicts() -> Iterator[tuple[str, Array]]:
    """What is measured about one map, in the order of the checks."""
    checkpoint, image = shipped()
    method = xai.attribution("lime", xai.Score(checkpoint.discriminator), reference=xai.reference("grey"), samples=128)
    trust = xai.examine(method, image, method.attribute(image))
    yield f"trust/lime/{trust.verdict}", np.array([check.value for check in trust.checks])


def runs(folder: Path) -> Iterator[tuple[str, Array]]:
    """The weights that short runs of the presets end with."""
    write_folder(folder / "posters", 60, size=(32, 48))
    for name, options in RUNS.items():
        arguments = ["--data", folder / "posters", "--out", folder / name, "--device=cpu", *TINY, *options]
        assert script("train").main([*map(str, arguments)]) == 0
        for network in ("generator", "discriminator"):
            stored = load_file(folder / name / "latest" / f"{network}.safetensors")
            yield f"run/{name}/{network}", np.concatenate([stored[key].ravel() for key in sorted(stored)])


def studies(folder: Path) -> Iterator[tuple[str, Array]]:
    """Studies of a small generator, a painted poster and a grid."""
    checkpoint = folder / "dcgan-stable" / "latest"
    assert script("study_filters").main(["--checkpoint", str(checkpoint), "--latents=12"]) == 0
    assert script("study_latents").main(["--checkpoint", str(checkpoint), "--samples=16", "--grid=4"]) == 0
    for file in ("filters.npz", "latents.npz"):
        with np.load(checkpoint / file) as arrays:
            for key in sorted(arrays):
                if key != "record" and arrays[key].dtype.kind in "fiub":  # the record is text, and has seconds in it
                    yield f"study/{file}/{key}", arrays[key]
    edits = folder / "edits.json"
    edits.write_text('[["layers.5",7,[0,0,1,0.3],"off"],["layers.8",40,[0.2,0.5,0.6,0.9],"strong"]]')
    common = ["--checkpoint", str(ROOT / "checkpoints" / "dcgan-64"), "--out", str(folder / "out.png"), "--force"]
    assert script("paint").main([*common, "--seed=7", "--edits", str(edits)]) == 0
    yield "paint", np.asarray(gan.open_image(folder / "out.png"))
    assert script("sample").main([*common, "--seeds=0-3"]) == 0
    yield "sample", np.asarray(gan.open_image(folder / "out.png"))


def shipped() -> tuple[Any, torch.Tensor]:
    """The checkpoint that opens first, and its poster of seed 7."""
    checkpoint = gan.load(ROOT / "checkpoints" / "dcgan-64")
    with torch.no_grad():
        return checkpoint, checkpoint.generator(gan.latents([7], checkpoint.config))


def machine() -> str:
    """What sums depend on in their last digits: the processor, what torch uses of it, and torch's version."""
    names = [line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")]
    return f"{(names or [platform.machine()])[0]}, {torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}"


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []


def digest(values: Array) -> str:
    return hashlib.sha256(f"{values.shape} {values.dtype} ".encode() + values.tobytes()).hexdigest()[:16]


def statistics(values: Array) -> list[float]:
    """Mean, standard deviation, smallest and largest of the finite values."""
    finite = values[np.isfinite(values)].astype(np.float64)
    parts = (finite.mean(), finite.std(), finite.min(), finite.max()) if finite.size else ()
    return [float(f"{part:.6g}") for part in parts]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"keep today's outputs as {KEPT.name}")
    write = parser.parse_args(arguments).write
    found = {name: {"sha256": digest(values), "statistics": statistics(values)} for name, values in outputs()}
    if write:
        lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(record)}" for name, record in found.items())
        KEPT.write_text(f'{{"machine": {json.dumps(machine())}, "outputs": {{\n{lines}\n}}}}\n')
    for name, record in found.items():
        print(record["sha256"], name)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
