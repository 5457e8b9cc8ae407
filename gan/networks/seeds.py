"""Seeds that are reserved, one range a use: no latent is looked at, chosen by and measured on at once unawares.

    FIRST_SEED = reserved("evaluation").start
    latents(reserved("unit means"), generator.config)

A use that lets people say how many posters may go beyond its range's end; the next range is far. Seeds below 500,000
are people's. What was shipped was made with these numbers, so some ranges still overlap; the comment says why that
does no harm. tests/gan/networks/test_seeds.py allows no other overlap, and no large seed outside this table.
"""

from __future__ import annotations

RESERVED = {
    # Looked at, all below what people type in.
    "preview": range(12),
    "grid": range(64),
    "examples": range(1000),  # among them are a unit's strongest posters
    "blame": range(10_000, 10_256),  # other posters, with which one's verdict is compared
    # 10,000 for each random seed of a method, from its 50th on beyond the range.
    "references": range(500_000, 1_000_000),
    # Chosen by and measured on.
    "validation": range(1_000_000, 1_100_000),
    "evaluation": range(2_000_000, 2_100_000),
    "threshold": range(2_500_000, 2_600_000),
    "genres": range(2_700_000, 2_700_250),
    "recalibration": range(3_000_000, 3_002_048),
    "calibration": range(3_500_000, 3_600_000),
    # Studies of a generator. They and the above ask different things of the same posters: neither chooses the other's.
    "latent study": range(1_000_000, 1_010_000),  # a study's seed k begins at (k + 1) million. As validation
    "unit means": range(2_000_000, 2_000_064),  # as evaluation, which no mean is fitted to
    # As evaluation: of 5,000 posters 256 are those a pruned generator was fitted on. As unit means, of the same layers.
    "pruning": range(2_000_000, 2_000_256),
    "filter study": range(3_000_000, 3_010_000),  # as recalibration, which sums up maps and picks none
    "encoder test": range(4_500_000, 4_510_000),
    "inversion": range(4_600_000, 4_600_256),
    "collection": range(5_000_000, 5_100_000),  # generated posters beside which a collection of real ones is looked at
    "discriminator study": range(4_700_000, 4_800_000),
    "removal": range(5_100_000, 5_110_000),
    "removal means": range(5_110_000, 5_120_000),  # which replace filters in posters of the range above
    # Posters into which the benchmark plants. The first are as those of recalibration and filter study, which see no D.
    "hosts": range(3_000_000, 3_001_000),
    "donors": range(4_000_000, 4_000_256),
    "concepts": range(4_900_000, 4_902_000),  # generated posters whose concepts are looked for, and are ablated
    "ablation donor": range(4_000_000, 4_000_001),  # as donors: what replaces a unit's map is planted nowhere
}


def reserved(use: str) -> range:
    """The seeds of a use; KeyError if the table does not name it."""
    return RESERVED[use]
