"""The pages, in the order of the menu: one line each, for the router, the Start page and the tests.

PAGES["compare"].question
PARTS["verdict"].page       # what every page is about a part of: noise, generator, poster, discriminator, verdict
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Page:
    """file : its script in app_pages/, and its address. icon : of Material Symbols. question : what it answers.

    heading : above the page, where that is not the title. about : the parts of the machine (``PARTS``) it is about.
    needs : of a checkpoint's networks (``xai.capabilities``); such a page is about a poster. sections : what parts of
    it need besides, by their names.
    """

    file: str
    title: str
    icon: str
    question: str
    heading: str = ""
    about: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    sections: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return f"app_pages/{self.file}.py"


_ALL = (
    Page(
        "start", "Start", "home", "A GAN learned to paint movie posters: what does it see, and what does it draw?",
        heading="PosterLens", about=("noise", "generator", "poster", "discriminator", "verdict"),
    ),
    Page(
        "compare", "Compare", "compare",
        "Which parts of this poster does D's answer come from, and can the maps be trusted?",
        about=("poster", "verdict"), needs=("score",), sections={"What gave this fake away": ("both_chains",)},
    ),
    Page(
        "discriminator", "Discriminator", "policy",
        "Which filters carried the verdict on this poster, and what does each of them look for?",
        about=("discriminator",), needs=("discriminator", "discriminator_chain"),
    ),
    Page(
        "collection", "Collection", "grid_view",
        "Which posters look alike to D, in which ways does it say fake, and what does G never draw?",
        about=("discriminator",), needs=("discriminator", "discriminator_chain"),
    ),
    Page(
        "generator", "Generator", "brush", "What does each filter draw, and what is the poster without it?",
        about=("generator",), needs=("generator", "generator_layers"),
        sections=dict.fromkeys(
            ("All filters", "Inputs to this filter", "What a dimension drives", "What contributes to this region"),
            ("generator_chain",),
        ),
    ),
    Page(
        "latent", "Latent", "tune", "What does each latent dimension control?", about=("noise",), needs=("generator",),
    ),
    Page(
        "prune", "Prune", "content_cut", "Which filters of the generator can go, and when does it show?",
        about=("generator",), needs=("generator", "dcgan_generator"),
    ),
    Page(
        "training", "Training", "monitoring", "How did the two networks learn, from noise to posters?",
        about=("generator", "discriminator"),
    ),
    Page(
        "slow_motion", "Slow motion", "slow_motion_video",
        "What does one update change: what does D see, whom does it believe, and what does it ask G to change?",
        about=("generator", "poster", "discriminator"),
    ),
    Page("report", "Report", "description", "What have you found out about the generator and the discriminator?"),
    Page("glossary", "Glossary", "dictionary", "What do the words on these pages mean?"),
)  # fmt: skip
PAGES = {page.file: page for page in _ALL}


@dataclass(frozen=True)
class Part:
    """A part of the machine, in the order in which a poster passes through it.

    page : to which it leads. terms : of the glossary, that say what it is.
    """

    name: str
    icon: str
    page: str
    terms: tuple[str, ...]


_PARTS = (
    Part("noise", "grain", "latent", ("latent",)),
    Part("generator", "brush", "generator", ("generator",)),
    Part("poster", "image", "compare", ("generated poster", "real poster")),
    Part("discriminator", "policy", "discriminator", ("discriminator",)),
    Part("verdict", "gavel", "compare", ("verdict", "logit")),
)
PARTS = {part.name: part for part in _PARTS}
