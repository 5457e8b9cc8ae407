"""No two uses share seeds unawares, and no module has large seeds of its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

from gan.networks.seeds import RESERVED, reserved

ROOT = Path(__file__).parents[3]
SHARED = {  # the pairs that overlap, each with the reason why that does no harm
    ("preview", "grid"): "both are looked at, and nothing is measured on them",
    ("preview", "examples"): "both are looked at",
    ("grid", "examples"): "both are looked at",
    ("validation", "latent study"): "a run's best state is chosen before its latents are studied; shipped latents.npz",
    ("evaluation", "unit means"): "no mean is fitted to a metric; shipped filters.npz",
    ("evaluation", "pruning"): "256 of 5,000, and fitted to feature maps, not to a metric; shipped pruning studies",
    ("unit means", "pruning"): "both describe the same layers",
    ("recalibration", "filter study"): "statistics of BatchNorm pick no poster; shipped weights and filters.npz",
    ("recalibration", "hosts"): "statistics of BatchNorm see no discriminator; shipped weights and benchmark",
    ("filter study", "hosts"): "the study explains the generator, the benchmark the discriminator; both are shipped",
    ("donors", "ablation donor"): "what replaces a unit's map is planted nowhere; shipped benchmark",
}
NOT_SEEDS = {  # names that large whole numbers have which are no seeds: sizes, counts, masks of bits
    "MAX_SEEDS, MAX_COUNT", "ENTRIES", "MEGABYTE", "RECENT", "MAX_PIXELS", "LARGE", "MAX_FILE_BYTES", "MAX_LITERAL",
    "MOST_WEIGHTS", "MOST_WIDTH, MOST_AREA", "MOST_WIDTH, MOST_PIXELS", "WIDTH, MOST",
    "MOST_BYTES", "MOST_CHARACTERS", "MOST_PIXELS", "PATIENCE", "STUDY_FILE", "noise_seed", "_embedded",
}  # fmt: skip


def overlaps(table: dict[str, range]) -> set[tuple[str, str]]:
    return {
        (one, other)
        for one, other in combinations(table, 2)
        if max(table[one].start, table[other].start) < min(table[one].stop, table[other].stop)
    }


def test_no_two_uses_share_seeds_but_those_named_with_a_reason() -> None:
    assert overlaps(RESERVED) == {tuple(sorted(pair, key=list(RESERVED).index)) for pair in SHARED}
    assert overlaps(RESERVED | {"new": range(2_600_000, 2_700_001)}) - overlaps(RESERVED) == {("genres", "new")}


def test_a_use_that_the_table_does_not_name_has_no_seeds() -> None:
    assert reserved("pruning") == range(2_000_000, 2_000_256)
    with pytest.raises(KeyError):
        reserved("anything")


def large(source: str) -> Iterator[tuple[str, int]]:
    """Whole numbers of 100,000 to 2**32, each with the name of the assignment or function that it stands in."""

    def visit(node: ast.AST, name: str) -> Iterator[tuple[str, int]]:
        if isinstance(node, ast.Assign):
            name = name or ", ".join(ast.unparse(target).strip("()") for target in node.targets)
        elif isinstance(node, ast.AnnAssign):
            name = name or ast.unparse(node.target)
        elif isinstance(node, ast.FunctionDef):
            name = name or node.name
        elif isinstance(node, ast.Constant) and type(node.value) is int and 100_000 <= node.value < 2**32:
            yield name, node.value
        for child in ast.iter_child_nodes(node):
            yield from visit(child, name)

    return visit(ast.parse(source), "")


def test_no_module_has_large_seeds_of_its_own() -> None:
    """A number that is no seed gets a name, and the name a place in NOT_SEEDS."""
    table = ROOT / "gan/networks/seeds.py"
    files = [path for room in ("gan", "xai", "scripts", "dashboard") for path in (ROOT / room).rglob("*.py")]
    found = {
        (str(path.relative_to(ROOT)), name, number)
        for path in files
        if path != table
        for name, number in large(path.read_text())
        if name not in NOT_SEEDS
    }
    assert found == set()


@pytest.mark.parametrize(
    "source",
    [
        "FIRST = 2_000_000",
        "def f(seed=4_000_000): pass",
        "latents(range(500_000, 500_064))",
        "x: int = 100_000",
    ],
)
def test_a_large_seed_is_found_wherever_it_stands(source: str) -> None:
    assert [name in NOT_SEEDS for name, _ in large(source)] != []
    assert not any(name in NOT_SEEDS for name, _ in large(source))
