"""The pages, in the order of the menu: one line each, for the router, the Start page and the tests.

PAGES["compare"].question
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """file : its script in app_pages/, and its address. icon : of Material Symbols. question : what it answers.

    heading : above the page, where that is not the title.
    """

    file: str
    title: str
    icon: str
    question: str
    heading: str = ""

    @property
    def path(self) -> str:
        return f"app_pages/{self.file}.py"


_ALL = (
    Page(
        "start", "Start", "home", "A GAN learned to paint movie posters: what does it see, and what does it draw?",
        heading="PosterLens",
    ),
    Page(
        "compare", "Compare", "compare",
        "Which parts of this poster does D's answer come from, and can the maps be trusted?",
    ),
    Page(
        "discriminator", "Discriminator", "policy",
        "Which filters carried the verdict on this poster, and what does each of them look for?",
    ),
    Page(
        "collection", "Collection", "grid_view",
        "Which posters look alike to D, in which ways does it say fake, and what does G never draw?",
    ),
    Page("generator", "Generator", "brush", "What does each filter draw, and what is the poster without it?"),
    Page("latent", "Latent", "tune", "What does each latent dimension control?"),
    Page("prune", "Prune", "content_cut", "Which filters of the generator can go, and when does it show?"),
    Page("training", "Training", "monitoring", "How did the two networks learn, from noise to posters?"),
    Page(
        "slow_motion", "Slow motion", "slow_motion_video",
        "What does one update change: what does D see, whom does it believe, and what does it ask G to change?",
    ),
)  # fmt: skip
PAGES = {page.file: page for page in _ALL}
