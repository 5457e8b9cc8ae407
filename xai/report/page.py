"""The HTML page of an archive: a head that says what was done, an article a poster, all in one file.

    head(len(findings), settings, versions, skipped) + article(finding, ends, pixels, overlays, logit=True) + TAIL

It opens without a network: pictures are data addresses, and there is no script.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from xai.methods import METHODS
from xai.methods.base import Explanation
from xai.methods.references import REFERENCES
from xai.render import Pixels, data_uri
from xai.report.findings import Finding
from xai.trust.checks import CheckResult
from xai.trust.verdict import RULE, Trust

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


def head(
    posters: int, made_by: Mapping[str, Any], versions: Mapping[str, str], skipped: Sequence[tuple[str, str]]
) -> str:
    """All that stands before the first poster. ``made_by`` is what ``xai.report.archive.settings`` says."""
    logit = made_by["target"]["kind"] == "logit"
    number = "1 poster" if posters == 1 else f"{posters:,} posters"
    facts = _facts(made_by, versions)
    return HEAD.format(
        title=f"{number}, explained",
        style=STYLE,
        high="real" if logit else "a high score",
        low="fake" if logit else "a low one",
        facts="\n".join(f"<dt>{_text(key)}</dt><dd>{_text(value)}</dd>" for key, value in facts),
        methods="\n".join(_legend(name, config) for name, config in made_by["methods"].items()),
        skipped=_skipped(skipped),
    )


def article(
    finding: Finding, ends: Mapping[str, float], pixels: Pixels, pictures: Mapping[str, Pixels], logit: bool
) -> str:
    """One poster: the picture and the overlays side by side. Nothing in it depends on the clock."""
    name = _text(finding.name)
    caption = f"<h3>The poster</h3><p>{_judgement(finding.score, logit)}</p>"
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


def _facts(made_by: Mapping[str, Any], versions: Mapping[str, str]) -> Iterator[tuple[str, str]]:
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
    kind = reference["kind"]
    count = f" ({reference['pictures']})" if "pictures" in reference else ""
    yield "Compared with", (REFERENCES[kind].words if kind in REFERENCES else kind) + count
    if made_by["trust"]:
        yield "Verdicts", RULE
    yield "Versions", ", ".join(f"{name} {version}" for name, version in versions.items())


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


def _judgement(score: float, logit: bool) -> str:
    if not logit:
        return f"Score {score:+.3g}"
    kind, probability = "real" if score > 0 else "fake", 1 / (1 + math.exp(-max(-700.0, score)))
    return f'D finds it <span class="{kind}">{kind}</span>: logit {score:+.2f}, probability {probability:.1%}'


def _figure(picture: Pixels, alt: str, caption: str) -> str:
    return f'<figure><img src="{data_uri(picture)}" alt="{alt}"><figcaption>{caption}</figcaption></figure>\n'


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


def _check(result: CheckResult) -> str:
    check = result.check
    interval = "" if math.isnan(result.low) else f" ({result.low:.2g} to {result.high:.2g})"
    value = "not measured" if math.isnan(result.value) else f"{result.value:.2g}{interval}"
    sign, opposite = ("≥", "<") if check.higher else ("≤", ">")
    limits = f"passes {sign} {check.passes:g}, fails {opposite} {check.fails:g}"
    title = check.title + (" *" if check.essential else "")
    return (
        f'<li>{_text(title)}: <strong>{value}</strong>, <span class="{result.level}">{result.level}</span> '
        f'<span class="soft">({_text(limits)}). {_text(check.meaning)}</span></li>'
    )


def _text(value: Any) -> str:
    """Safe within HTML; a file name can hold anything, also what no page can show."""
    text = str(value)
    if not text.isprintable():
        text = "".join(sign if sign.isprintable() else "�" for sign in text)
    return html.escape(text)
