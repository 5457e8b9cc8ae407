"""The words of this field as PosterLens uses them: the one source of tooltips, the Glossary page and docs/glossary.md.

    explanation("logit", "seed")           # two paragraphs of Markdown, for help=
    terms_in("What does G draw?")          # the terms that stand in a text: (TERMS["generator"],)
    documentation()                        # docs/glossary.md

A text is explained by the terms found in it, so that a new sentence on a page is explained without further ado.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """A word and two plain sentences.

    also : other words for it, that are explained by it as well. page : where it is seen at work (pages.PAGES).
    """

    name: str
    text: str
    also: tuple[str, ...] = ()
    page: str = ""

    @property
    def anchor(self) -> str:
        """Its place on the Glossary page and in the documentation."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")

    @property
    def sentences(self) -> str:
        """Its other words and what it means."""
        return (f"Also: {', '.join(self.also)}. " if self.also else "") + self.text

    def matches(self, words: str) -> bool:
        """Whether each of the words stands in it, in any case."""
        about = f"{self.name} {self.sentences}".casefold()
        return all(word in about for word in words.casefold().split())


_ALL = (
    Term(
        "GAN",
        "A generative adversarial network: two neural networks that learn by playing against each other. The generator "
        "learns to draw posters that pass for real, the discriminator to tell them from real ones.",
        ("DCGAN",), "training",
    ),
    Term(
        "generator",
        "The network that draws: it turns 100 random numbers into a poster, layer by layer, from coarse to fine. It is "
        "never shown a real poster: in training it learns only from how its own posters are judged.",
        ("G",), "generator",
    ),
    Term(
        "discriminator",
        "The network that judges: it looks at a poster and says how real it seems. It has been shown real posters and "
        "the generator's, and has learned to tell one from the other.",
        ("D",), "discriminator",
    ),
    Term(
        "latent",
        "The list of random numbers, usually 100, from which the generator draws one poster. The same latent always "
        "gives the same poster, and a nearby one a similar poster.",
        ("noise",), "latent",
    ),
    Term(
        "latent dimension",
        "One of the places in the latent, counted from 0; the number that stands there is its latent value. Values are "
        "drawn from the standard normal distribution: most lie between -2 and 2, and 0 is the middle.",
        ("latent value",), "latent",
    ),
    Term(
        "seed",
        "A whole number that names one latent, and so one generated poster. The same seed gives the same poster for "
        "ever and on every machine, so it can be told to somebody else.",
        (), "start",
    ),
    Term(
        "generated poster",
        "A poster that the generator drew. To the discriminator all of them are fake, however good they look.",
        ("fake",), "start",
    ),
    Term(
        "real poster",
        "A poster of a film, made by people. The networks see it shrunk to their own size, such as 64 × 64 pixels.",
        ("real",), "start",
    ),
    Term(
        "held-out poster",
        "A real poster that was put aside and never used in training. Only such posters show whether a network has "
        "learned something general, and has not learned its examples by heart.",
        ("held-out",), "start",
    ),
    Term(
        "verdict",
        "What the discriminator answers about a poster: real or fake, and how sure it is. It is no truth about the "
        "poster, only what this network has learned.",
        (), "compare",
    ),
    Term(
        "logit",
        "The number that the discriminator computes for a poster before it is turned into a probability: the higher, "
        "the more real, and 0 stands for 50%. All explanations are about the logit, because it does not saturate: a "
        "step of 1 always counts as much.",
        (), "compare",
    ),
    Term(
        "probability",
        "The logit squeezed to a number between 0% and 100%: how likely it is that the poster is real, as far as this "
        "discriminator can tell. Near both ends it hardly moves, even where the logit still does.",
        (), "discriminator",
    ),
    Term(
        "calibration",
        "A discriminator is calibrated if its probabilities come true: of the posters to which it gives 70%, about 70% "
        "are real. Without it a logit of 0 is no border between real and fake; only differences count.",
        ("calibrated",), "discriminator",
    ),
    Term(
        "decision threshold",
        "The logit above which a poster is called real. In a calibrated discriminator it is 0; else the best one is "
        "found by trying.",
        ("threshold",), "discriminator",
    ),
    Term(
        "layer",
        "One step of a network: it takes the maps of the layer before and makes new ones. The generator's layers make "
        "maps larger and finer, the discriminator's smaller and coarser.",
        (), "generator",
    ),
    Term(
        "convolution",
        "The step of which both networks are made: a small grid of weights slides over the maps of the layer before, "
        "and computes the same sum at every place. So what is learned at one corner of a poster is known at all "
        "others.",
        (), "discriminator",
    ),
    Term(
        "activation function",
        "A simple bend after each convolution, such as ReLU, which turns everything below zero into zero. Without it "
        "all layers together could do no more than a single one.",
        ("nonlinearity", "ReLU", "LeakyReLU", "activation layer"), "generator",
    ),
    Term(
        "filter",
        "One channel of a layer: it looks for one thing at every place, or, in the generator, draws one. A layer has "
        "some dozens to hundreds of them, counted from 0.",
        ("unit", "channel"), "discriminator",
    ),
    Term(
        "response",
        "The number that a filter gives at one place: how strongly it finds there what it looks for. A strong response "
        "alone does not say that it matters to the verdict.",
        ("activation",), "discriminator",
    ),
    Term(
        "activation map",
        "All responses of one filter to one poster, laid out as a picture. It shows where the filter fires, not "
        "whether anything follows from it.",
        ("response map",), "generator",
    ),
    Term(
        "receptive field",
        "The part of the poster that a filter can see from one place of its map. It grows from layer to layer: the "
        "first sees a few pixels, the last nearly the whole poster.",
        (), "discriminator",
    ),
    Term(
        "attribution",
        "A share of the verdict, given to a pixel or to a part of the poster: how much it speaks for real or for fake. "
        "Several methods compute attributions, and they need not agree.",
        ("attribution map", "map"), "compare",
    ),
    Term(
        "contribution",
        "What one filter or one latent dimension adds to a result, such as the logit, compared with a reference or "
        "with its absence. Contributions to the logit are above 0 where they speak for real, and those of all filters "
        "of a layer add up to its difference from the reference's.",
        (), "discriminator",
    ),
    Term(
        "reference",
        "What a poster is compared with, such as a grey picture or several other posters: \"why this logit\" has an "
        "answer only beside another one. Another reference gives another answer.",
        ("baseline",), "compare",
    ),
    Term(
        "completeness",
        "A method is complete if its attributions add up to exactly the difference between the logit of the poster and "
        "that of the reference. What is missing is the completeness gap; it should be close to 0.",
        ("completeness gap",), "compare",
    ),
    Term(
        "trust",
        "A verdict on a map, not on a poster: whether it passed checks such as hiding the pixels that it marks, and "
        "looking whether the logit follows. A map can look convincing and fail.",
        ("trusted",), "compare",
    ),
    Term(
        "segment",
        "A patch of neighbouring pixels of similar colour, treated as one. LIME hides segments in many combinations, "
        "and learns from the answers which of them count.",
        (), "compare",
    ),
    Term(
        "gradient",
        "How much a result changes if one input changes a tiny little. It is exact at this poster, and may be quite "
        "different further away.",
        ("Jacobian",), "latent",
    ),
    Term(
        "ablation",
        "Taking one filter out, and looking what changes: its map is replaced by its mean, by zero, or by that of "
        "another poster. If nothing changes, the filter did not matter here.",
        ("ablated",), "generator",
    ),
    Term(
        "pruning",
        "Cutting filters out of a network for good, to make it smaller and faster. It goes well as long as those that "
        "are left can do the work of those that went.",
        ("pruned",), "prune",
    ),
    Term(
        "sweep",
        "One latent dimension moved through its whole range, from -3 to 3, while all others stay. The posters on the "
        "way show what it controls.",
        (), "latent",
    ),
    Term(
        "influence",
        "How much a small step of a latent dimension changes this poster: the root mean square of the gradient of all "
        "pixels. The Latent page ranks dimensions by it; over their whole range, or over all posters, another "
        "dimension may come first.",
        (), "latent",
    ),
    Term(
        "direction",
        "A move that changes many latent dimensions at once, chosen so that one property of the poster changes, such "
        "as its brightness. Single dimensions seldom have a meaning; directions sometimes do.",
        (), "latent",
    ),
    Term(
        "inversion",
        "The way back: looking for the latent whose poster comes nearest to a given picture. For a real poster the "
        "nearest is seldom near, and shows what the generator cannot draw.",
        ("find this poster",), "latent",
    ),
    Term(
        "exemplar",
        "A poster on which a filter responds most strongly, or matters most, among thousands. Nine of them together "
        "hint at what it looks for.",
        (), "discriminator",
    ),
    Term(
        "concept",
        "Something that people have a word for, such as a title or a face. A filter is said to stand for one only "
        "where two separate tests agree; most filters have none.",
        (), "discriminator",
    ),
    Term(
        "counterfactual",
        "The smallest change that turns the verdict to its opposite: fewest filters replaced, or the shortest move of "
        "the latent. It shows what the verdict hangs on.",
        (), "discriminator",
    ),
    Term(
        "checkpoint",
        "The weights of both networks as they stood at one moment of the training, stored as files. Everything on "
        "these pages is about one checkpoint, chosen in the sidebar.",
        (), "start",
    ),
    Term(
        "weights",
        "The numbers in a network that training sets, some millions of them. A network is its layers and its weights, "
        "and nothing else.",
        (), "prune",
    ),
    Term(
        "loss",
        "The number that training tries to make small: how often, and how badly, a network was wrong. In a GAN the "
        "losses of the two pull against each other, so a low one need not mean better posters.",
        (), "training",
    ),
    Term(
        "fd_lite1",
        "The Fréchet distance between generated and held-out posters, measured in the features of a network that was "
        "trained on photos: lower is closer. It compares whole collections, not single posters, and is not FID, which "
        "uses another network.",
        ("fd", "Fréchet distance"), "start",
    ),
    Term(
        "features",
        "What an image network, trained on something else, says about a picture, as a long list of numbers. Two "
        "pictures with similar features look alike to it.",
        ("feature", "feature extractor"), "start",
    ),
    Term(
        "precision",
        "The proportion of generated posters that lie among real ones: do they look like posters? A generator that "
        "draws one good poster again and again has a high precision.",
        (), "start",
    ),
    Term(
        "recall",
        "The proportion of real posters that lie among generated ones: could the generator have drawn them? Low recall "
        "means that whole kinds of posters are missing.",
        (), "start",
    ),
    Term(
        "coverage",
        "The proportion of real posters with a generated one nearby. Like recall it asks whether every kind is there, "
        "but a few odd generated posters cannot raise it.",
        (), "start",
    ),
    Term(
        "density",
        "How many generated posters lie where real ones lie close together. Like precision it asks whether they look "
        "real, but a single odd real poster cannot raise it.",
        (), "start",
    ),
    Term(
        "ROC AUC",
        "Of a real and a generated poster, how often the real one has the higher logit. 100% is perfect, 50% is "
        "guessing; a good generator pushes it down.",
        ("AUC",), "discriminator",
    ),
    Term(
        "interval",
        "The range in which a measured value could as well lie, had other posters been measured: in 95 of 100 such "
        "ranges the true value lies inside. Two values whose intervals overlap a lot cannot be told apart.",
        ("95% interval",), "start",
    ),
    Term(
        "memorization",
        "A network that has learned its training posters by heart: a generator that copies them, or a discriminator "
        "that knows them again. It shows in how differently training posters and held-out ones are treated.",
        ("memorized",), "collection",
    ),
    Term(
        "genre adherence",
        "How far requesting a genre moves generated posters towards it; at 100% they differ from the others as much as "
        "real posters of the genre do. At 0% the request has no effect.",
        ("adherence",), "start",
    ),
    Term(
        "collection",
        "Thousands of posters, and what every filter of the discriminator answers to each of them. With it one can ask "
        "which posters look alike to D, and what G never draws.",
        (), "collection",
    ),
)  # fmt: skip
TERMS = {term.name: term for term in _ALL}
_BY_WORD = {word.casefold(): term for term in _ALL for word in (term.name, *term.also)}


def _pattern() -> re.Pattern[str]:
    """Each word for a term, the longest first, also in the plural; a single letter only as a capital."""
    words = sorted((word for term in _ALL for word in (term.name, *term.also)), key=len, reverse=True)
    letters = [word for word in words if len(word) == 1]
    longer = "|".join(re.escape(word) for word in words if len(word) > 1)
    return re.compile(rf"\b((?i:{longer})|[{''.join(letters)}])s?\b")


_WORDS = _pattern()


def terms_in(text: str) -> tuple[Term, ...]:
    """The terms that stand in a text, each once, in the order in which they come."""
    return tuple(dict.fromkeys(_BY_WORD[found.group(1).casefold()] for found in _WORDS.finditer(text)))


def explained(text: str) -> str | None:
    """Markdown that explains the terms of a text; None where it has none."""
    return explanation(*(term.name for term in terms_in(text))) or None


def explanation(*names: str) -> str:
    """Markdown that explains these terms; KeyError where there is none of that name."""
    return "\n\n".join(f"**{name}**: {TERMS[name].text}" for name in names)


def search(words: str) -> list[Term]:
    """The terms in which each of the words stands, by alphabet."""
    return sorted((term for term in _ALL if term.matches(words)), key=lambda term: term.name.casefold())


def documentation() -> str:
    """The glossary as a page of the documentation."""
    lines = ["# Glossary", "", "The words of this field as PosterLens uses them; the Glossary page shows the same."]
    for term in search(""):
        lines += ["", f"## {term.name}", "", term.sentences]
    return "\n".join(lines) + "\n"
