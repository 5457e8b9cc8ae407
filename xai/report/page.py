"""The HTML page of an archive: a head that says what was done, an article a poster, all in one file.

    head(len(findings), settings, methods, versions, skipped)
    article(finding, ends, pixels, overlays)                      # as many as there are
    TAIL

It opens without a network: pictures are data addresses, and there is no script. The templates escape whatever is put
into them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from jinja2 import Environment
from markupsafe import Markup

from gan.errors import counted
from xai.methods.base import Attribution, scale
from xai.methods.references import REFERENCES
from xai.networks.score import LOGIT, Meaning
from xai.render import Pixels, data_uri, quick_png
from xai.report import words
from xai.report.findings import Finding
from xai.trust.verdict import RULE

STYLE = """
:root { color-scheme: light dark; --back: #fff; --text: #1b1d22; --soft: #5b6170; --line: #d9dce3; --card: #f6f7f9;
  --red: #b3191f; --blue: #1f55b5; --pass: #1a7f37; --doubt: #8a5a00; --fail: #6d28d9;
  --orange: #8f4d00; --purple: #5e3d99; }
@media (prefers-color-scheme: dark) { :root { --back: #14161a; --text: #e8eaee; --soft: #a3aab8; --line: #343943;
  --card: #1d2026; --red: #ff8080; --blue: #86b3ff; --pass: #6fd08c; --doubt: #f0c060; --fail: #c4a5fc;
  --orange: #f5b13d; --purple: #b9a2f0; } }
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
.red { color: var(--red); font-weight: 600; } .blue { color: var(--blue); font-weight: 600; }
.orange { color: var(--orange); font-weight: 600; } .purple { color: var(--purple); font-weight: 600; }
.badge { display: inline-block; border: 1px solid; border-radius: 1em; padding: 0 .6em; font-weight: 600; }
.trust, .pass { color: var(--pass); } .caution, .doubt { color: var(--doubt); }
.do-not-trust, .fail { color: var(--fail); }
@media print { article { content-visibility: visible; } }
ul { padding-left: 1.2rem; margin: .5rem 0; } li { margin: .25rem 0; } details { margin: .5rem 0; }
summary { cursor: pointer; } summary:focus-visible { outline: 2px solid currentColor; }
@media (max-width: 480px) { body { padding: .75rem; } .row { grid-template-columns: 1fr 1fr; gap: .5rem; }
  .methods { grid-template-columns: 1fr; } dl { grid-template-columns: 1fr; } article, .card { padding: .75rem; } }
"""
HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>{{ style }}</style>
</head>
<body>
<header>
<h1>{{ title }}</h1>
{{ legend }}
<dl class="card">
{%- for key, value in facts %}
<dt>{{ key }}</dt><dd>{{ value }}</dd>
{%- endfor %}
</dl>
<h2>What the methods show</h2>
{{ methods }}
{%- if skipped %}
<details><summary>{{ skipped | length }} skipped</summary><ul>
{%- for name, reason in skipped %}<li>{{ name }}: {{ reason }}</li>{% endfor -%}
</ul></details>
{%- endif %}
</header>
<main>
"""
LEGEND = """{% set colours = scale(meaning) -%}
<p><span class="{{ colours.above_name }}">{{ words.sentence(colours.above_name) }}</span> speaks for {{ meaning.high }},
<span class="{{ colours.below_name }}">{{ colours.below_name }}</span> for
{{ meaning.low }}; grey: little
influence. Within a poster, maps in the score's units share one colour scale; the others have their own.</p>"""
METHODS = """<div class="methods">
{%- for method, compared, settings in methods %}
<section class="card"><h3>{{ method.title }}</h3><p>{{ words.promise(method, meaning) }}</p>
<p><strong>But:</strong> {{ words.caveat(method, meaning) }}</p><p class="soft">{{ compared }}</p>
<p class="soft">{{ settings }}</p></section>
{%- endfor %}
</div>"""
ARTICLE = """{% macro badge(trust) -%}
<span class="badge {{ trust.verdict | replace(" ", "-") }}">{{ trust.badge }}</span>
{%- endmacro -%}
<article id="{{ finding.stem }}">
<h2>{{ finding.name }}</h2>
<div class="row">
<figure><img src="{{ poster }}" alt="The poster {{ finding.name }}"><figcaption><h3>The poster</h3><p>
{%- if finding.meaning == LOGIT -%}
D finds it <span class="{{ "red" if finding.score > 0 else "blue" }}">{{ kind }}</span>: logit {{ score }}, real with
probability {{ probability }}
{%- else -%}
{{ words.sentence(finding.meaning.name) }}: {{ "{:+z.3g}".format(finding.score) }}
{%- endif -%}
</p></figcaption></figure>
{%- for name, explanation, picture, facts in maps %}
<figure><img src="{{ picture }}" alt="{{ explanation.title }} of {{ finding.name }}"><figcaption>
<h3>{{ explanation.title }}</h3><p>{{ facts }}</p>
{%- if name in finding.trust %}{{ badge(finding.trust[name]) }}{% endif %}
</figcaption></figure>
{%- endfor %}
</div>
{%- for name, trust in finding.trust.items() %}
<details><summary>{{ finding.explanations[name].title }}: {{ badge(trust) }} {{ trust.reason }}</summary><ul>
{%- for result in trust.checks %}
{%- set passes, fails = result.check.limits %}
<li>{{ result.check.starred }}: <strong>{{ result.text }}</strong>,
<span class="{{ result.level }}">{{ result.level }}</span>
<span class="soft">(passes {{ passes }}, fails {{ fails }}). {{ result.check.meaning }}</span></li>
{%- endfor %}
</ul></details>
{%- endfor %}
</article>
"""
TAIL = "</main>\n</body>\n</html>\n"


def printable(value: Any) -> Any:
    """Text without signs that no page can show; a file name can hold anything."""
    if not isinstance(value, str) or isinstance(value, Markup) or value.isprintable():
        return value
    return "".join(sign if sign.isprintable() else "�" for sign in value)


TEMPLATES = Environment(autoescape=True, finalize=printable, keep_trailing_newline=True)
TEMPLATES.globals |= {"words": words, "scale": scale, "LOGIT": LOGIT}
HEAD_TEMPLATE, LEGEND_TEMPLATE, METHODS_TEMPLATE, ARTICLE_TEMPLATE = (
    TEMPLATES.from_string(text) for text in (HEAD, LEGEND, METHODS, ARTICLE)
)


def head(
    posters: int,
    made_by: Mapping[str, Any],
    methods: Sequence[Attribution],
    versions: Mapping[str, str],
    skipped: Sequence[tuple[str, str]],
) -> str:
    """All that stands before the first poster. ``made_by`` is what ``xai.report.archive.settings`` says."""
    meaning = methods[0].score.meaning
    number = counted(posters, "poster")
    return HEAD_TEMPLATE.render(
        title=f"{number}, explained",
        style=Markup(STYLE),  # noqa: S704 - our own
        legend=legend(meaning),
        facts=facts(made_by, meaning, versions),
        methods=introductions(methods, made_by),
        skipped=skipped,
    )


def legend(meaning: Meaning) -> Markup:
    """What the colours of the maps say."""
    return Markup(LEGEND_TEMPLATE.render(meaning=meaning))  # noqa: S704 - escaped by the template


def introductions(methods: Sequence[Attribution], made_by: Mapping[str, Any]) -> Markup:
    """What each method shows and does not show, what it compares with, and its settings."""
    described = [(method, _compared(method), _settings(made_by["methods"][method.name])) for method in methods]
    text = METHODS_TEMPLATE.render(meaning=methods[0].score.meaning, methods=described)
    return Markup(text)  # noqa: S704 - escaped by the template


def article(finding: Finding, ends: Mapping[str, float], pixels: Pixels, pictures: Mapping[str, Pixels]) -> str:
    """One poster: the picture and the overlays side by side. Nothing in it depends on the clock."""
    kind, score, probability = words.verdict(finding.score)
    maps = []
    for name, explanation in finding.explanations.items():
        sums, known = words.sums(explanation), words.facts(explanation, ends[name])
        maps.append((name, explanation, _address(pictures[name]), " · ".join([sums, *known] if sums else known)))
    return ARTICLE_TEMPLATE.render(
        finding=finding,
        poster=_address(pixels),
        kind=kind,
        score=score,
        probability=probability,
        maps=maps,
    )


def _address(picture: Pixels) -> Markup:
    """A picture as a data address, marked as one in which nothing need be escaped."""
    return Markup(data_uri(picture, quick_png))  # noqa: S704 - base64


def facts(made_by: Mapping[str, Any], meaning: Meaning, versions: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What the numbers follow from, by heading."""
    checkpoint, reference = made_by["checkpoint"], made_by["reference"]
    yield "Checkpoint", f"{checkpoint['name']} (SHA-256 {checkpoint['digest'][:12]}…)"
    if "genres" in checkpoint:
        genres = ", ".join(f"{genre} {strength:+g}" for genre, strength in checkpoint["genres"].items())
        yield "Genres", genres or "none"
    yield "What is explained", f"{words.sentence(meaning.name)}; high means {meaning.high}, low {meaning.low}"
    kind = reference["kind"]
    count = f" ({reference['pictures']})" if "pictures" in reference else ""
    other = f", of {reference['other_posters']}, not of its training" if "other_posters" in reference else ""
    yield "Reference", (REFERENCES[kind].words if kind in REFERENCES else kind) + count + other
    if made_by["trust"]:
        yield "Verdicts", RULE
    yield "Versions", ", ".join(f"{name} {version}" for name, version in versions.items())


def _compared(method: Attribution) -> str:
    """What the method compares posters with: many pictures, or their mean."""
    if method.score.size is None or not method.needs_reference:
        return ""
    return words.sentence(method.comparison(torch.zeros(1, 3, *method.score.size))) + "."


def _settings(config: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{key} {'chosen automatically' if value is None else value}"
        for key, value in config.items()
        if key not in ("method", "reference")
    )
