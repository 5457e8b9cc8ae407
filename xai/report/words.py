"""Numbers, verdicts and checks in words: the same on an archive's page and in the dashboard.

    facts(explanation, end)            # ["completeness gap +0.01", "R² 0.93 on 41 segments", ...]
    legend(explanation.meaning)        # "Red speaks for real, blue for fake; grey: little influence."
    promise(method, meaning)           # "How much each pixel adds to or takes from D's logit, ..."
    verdict(1.2)                       # ("real", "+1.20", "76.9%")

One place for the formats of numbers, so that a page and an archive never differ. What a score is called, and what high
and low mean, is said by its meaning: nothing here says "real" of the response of a filter.
"""

from __future__ import annotations

import math

from gan.errors import counted
from xai.methods.base import Attribution, Explanation, scale
from xai.networks.score import Meaning
from xai.render import Scale


def promise(method: Attribution | type[Attribution], meaning: Meaning) -> str:
    """What a map of this method shows of a score."""
    return _about(method.promise, meaning, scale(meaning, method.claims))


def caveat(method: Attribution | type[Attribution], meaning: Meaning) -> str:
    """What a map of this method does not show."""
    return _about(method.caveat, meaning, scale(meaning, method.claims))


def _about(text: str, meaning: Meaning, colours: Scale) -> str:
    for mark, word in (("score", meaning.name), ("above", colours.above_name), ("below", colours.below_name)):
        text = text.replace(f"{{{mark}}}", word)
    return sentence(text)


def legend(meaning: Meaning) -> str:
    """What the colours of a map say."""
    colours = scale(meaning)
    return (
        f"{sentence(colours.above_name)} speaks for {meaning.high}, {colours.below_name} for {meaning.low}; "
        "grey: little influence."
    )


def sentence(text: str) -> str:
    """With a capital letter."""
    return text[:1].upper() + text[1:]


def full_colour(explanation: Explanation, end: float) -> str:
    """At which value the colours end, with its unit: of a share of the score, of its gradient, or of a response."""
    unit = {
        "score": f" {explanation.meaning.unit} a pixel",
        "gradient": f" (gradient of the {explanation.meaning.unit})",
        "response": " (activation)",
    }[explanation.claims]
    return f"full colour: {end:.2g}{unit}"


def facts(explanation: Explanation, end: float) -> list[str]:
    """What there is to know about one picture's map; its colours end at ``end``."""
    parts = []
    if not math.isnan(float(explanation.gap)):
        parts.append(f"completeness gap {float(explanation.gap):+z.1g}")
    if "r2" in explanation.diagnostics:
        segments = int(explanation.diagnostics["segment_count"])
        parts.append(f"R² {float(explanation.diagnostics['r2']):.2f} on {counted(segments, 'segment')}")
    elif "segment_count" in explanation.diagnostics:
        parts.append(counted(int(explanation.diagnostics["segment_count"]), "segment"))
    if "unit" in explanation.diagnostics:
        parts.append(f"filter {int(explanation.diagnostics['unit'])} of {explanation.config['layer']}")
    parts.append(full_colour(explanation, end))
    if not float(explanation.values.abs().max()):
        parts.append("the map is empty: no pixel has an attribution")
    return parts


def sums(explanation: Explanation) -> str:
    """The reference's score and the sum of the attributions; "" where a map is not in the score's units."""
    if not explanation.in_logits or math.isnan(float(explanation.base_score)):
        return ""
    return f"reference {float(explanation.base_score):+z.2f}, attributions {float(explanation.values.sum()):+z.2f}"


def comparison(explanation: Explanation, against: str) -> str:
    """What a map's poster is compared with (``Attribution.comparison``), and the scores; "" for nothing."""
    base, score = float(explanation.base_score), float(explanation.score)
    if not against or math.isnan(base):
        return f"{sentence(against)}." if against else ""
    theirs = f"score {base:+z.2f} on average" if against.startswith("averaged") else f"scores {base:+z.2f}"
    added = f", and the attributions add up to {float(explanation.values.sum()):+z.2f}" if explanation.in_logits else ""
    return f"{sentence(against)}, which {theirs}; the poster scores {score:+z.2f}{added}."


def verdict(logit: float) -> tuple[str, str, str]:
    """D's verdict: "real" or "fake", its logit, and the probability of real that it stands for."""
    probability = 1 / (1 + math.exp(-max(-700.0, logit)))
    return "real" if logit > 0 else "fake", f"{logit:+z.2f}", f"{probability:.1%}"
