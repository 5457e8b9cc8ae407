"""A report of a study to hand in: one HTML file that opens without a network, and prints on A4.

    report = StudyReport("What D looks at", "A. Student", date(2026, 3, 1), notes="**Skies** count.",
                         checkpoint=checkpoint, findings=findings, methods=methods,
                         found=[Section("What I found", entries=(Entry.of(figure, "seen on *nine* posters"),))],
                         sections=sections.measured(checkpoint, Measured.beside(folder, checkpoint.digest)))
    Path("report.html").write_text(html(report), encoding="utf-8")

The page is made of the pieces of an archive's (xai.report.page): posters, verdicts and maps are the same in both.
Whatever a person typed, or a file is called, is escaped; notes are Markdown of a small kind (xai.report.markdown).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from markupsafe import Markup

from gan.checkpoints.record import Checkpoint
from xai.figures.figure import Bar, Figure, Panel
from xai.figures.picture import number
from xai.methods.base import Attribution
from xai.render import data_uri
from xai.report import page
from xai.report.archive import drawn, settings, versions
from xai.report.findings import Finding
from xai.report.markdown import rendered

ROWS = 20  # of a table that are shown
STRIP = 6  # frames of an animation that stand for it

STYLE = """
body { max-width: 66rem; } article { content-visibility: visible; } a { color: inherit; }
.panels { display: grid; grid-template-columns: repeat(var(--across), minmax(0, 1fr)); gap: .6rem; max-width: 62rem; }
.panels figcaption { line-height: 1.3; padding-top: .2rem; }
.panels img { max-width: none; }
.panels img.chart { image-rendering: auto; }
.entry { border-top: 1px solid var(--line); padding: .8rem 0; break-inside: avoid; }
.entry h3 { margin-bottom: .3rem; }
.bar { height: .5rem; border: 1px solid var(--line); max-width: 12rem; image-rendering: auto; width: 100%; }
.notes { border-left: 3px solid var(--line); padding-left: .8rem; margin: .6rem 0; }
.notes pre { white-space: pre-wrap; } blockquote { margin: .4rem 1rem; font-style: italic; }
table { border-collapse: collapse; font-size: .875rem; } .scroll { overflow-x: auto; }
th, td { text-align: left; overflow-wrap: break-word; padding: .15rem .7rem .15rem 0; vertical-align: top;
  border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; }
section > h2 { margin-top: 1.6rem; break-after: avoid; } h3 { break-after: avoid; }
@page { size: A4; margin: 15mm 14mm; }
@media print { :root { --back: #fff; --text: #000; --soft: #444; --line: #bbb; --card: #fff; --red: #b3191f;
  --blue: #1f55b5; --pass: #1a7f37; --doubt: #8a5a00; --fail: #6d28d9; --orange: #8f4d00; --purple: #5e3d99; }
  body { padding: 0; max-width: none; font-size: 10.5pt; } .app { display: none; }
  .row { grid-template-columns: repeat(3, 1fr); } .methods { grid-template-columns: 1fr 1fr; }
  article, .card { padding: .6rem; } article figure, .panels figure, tr, .card { break-inside: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""
PART = """{% macro part(section) %}
<section><h2>{{ section.title }}</h2>
{%- if section.text %}<p>{{ section.text }}</p>{% endif %}
{%- for entry in section.entries %}
<div class="entry"><h3>{{ entry.figure.title }}</h3>
{%- if entry.figure.panels %}
<div class="panels" style="--across: {{ [entry.figure.across, entry.figure.panels | length] | min }}">
{%- for panel in entry.figure.panels %}
<figure><img{% if panel.chart %} class="chart"{% endif %} src="{{ uri(panel.pixels) }}"
 alt="{{ panel.caption or entry.figure.title }}"><figcaption>
{{- panel.caption -}}
{%- if panel.bar %}<br><img class="bar" src="{{ uri(panel.bar.colours[None]) }}" alt="colour scale">
{{- scale_of(panel.bar) }}{% endif -%}
</figcaption></figure>
{%- endfor %}
</div>
{%- endif %}
{%- if entry.figure.columns %}
<div class="scroll"><table><tr>
{%- for name in entry.figure.columns %}<th>{{ name }}</th>{% endfor %}</tr>
{%- for row in entry.figure.rows %}
<tr>{% for value in row %}<td>{{ written(value) }}</td>{% endfor %}</tr>
{%- endfor %}
</table></div>
{%- if entry.left_out %}<p class="soft">{{ entry.left_out }} more rows are left out.</p>{% endif %}
{%- endif %}
{%- if entry.figure.note %}<p class="soft">{{ entry.figure.note }}</p>{% endif %}
{%- if entry.note %}<div class="notes">{{ rendered(entry.note) }}</div>{% endif %}
<p class="soft">{{ entry.figure.source.line }}
{%- if report.app and entry.figure.source.link %}
<a class="app" href="{{ report.app }}/{{ entry.figure.source.link }}">See it in PosterLens</a>{% endif %}</p>
</div>
{%- endfor %}
</section>
{% endmacro %}"""
TEMPLATE = (
    PART
    + """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{{ report.title }}</title>
<style>{{ style }}</style>
</head>
<body>
<header>
<h1>{{ report.title }}</h1>
<p>{{ byline }}</p>
<dl class="card">
{%- for key, value in facts %}
<dt>{{ key }}</dt><dd>{{ value }}</dd>
{%- endfor %}
</dl>
</header>
<main>
{%- if report.notes %}
<section><h2>Notes</h2><div class="notes">{{ rendered(report.notes) }}</div></section>
{%- endif %}
{%- for section in report.found %}{{ part(section) }}{% endfor %}
{%- if report.findings %}
<section><h2>Posters and what the methods show of them</h2>
{{ legend }}
{{ articles }}
<h3>What the methods show</h3>
{{ methods }}
</section>
{%- endif %}
{%- for section in report.sections %}{{ part(section) }}{% endfor %}
</main>
</body>
</html>
"""
)


@dataclass(frozen=True, eq=False)
class Entry:
    """A figure in a report, with a person's note (Markdown). left_out : rows of its table that are not shown."""

    figure: Figure
    note: str = ""
    left_out: int = 0

    @classmethod
    def of(cls, figure: Figure, note: str = "") -> Entry:
        """What a report shows of a figure: some frames in place of an animation, the first rows, no arrays."""
        panels, across = figure.panels, figure.across
        if not panels and figure.frames is not None:
            last = len(figure.frames.pixels) - 1
            places = sorted({round(place * last / (STRIP - 1)) for place in range(STRIP)})
            panels = tuple(Panel(figure.frames.pixels[place], figure.frames.captions[place]) for place in places)
            across = STRIP
        rows = len(next(iter(figure.columns.values()), ()))
        columns = {name: list(values)[:ROWS] for name, values in figure.columns.items()}
        shown = replace(figure, panels=panels, across=across, columns=columns, arrays={}, frames=None)
        return cls(shown, note, max(0, rows - ROWS))


@dataclass(frozen=True, eq=False)
class Section:
    """Part of a report. text : a sentence or two, plain."""

    title: str
    text: str = ""
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, eq=False)
class StudyReport:
    """All that a report holds.

    day : of the report. notes : Markdown. found : what a person added. findings : of posters, each explained by all
    of ``methods``; both may be empty. sections : what was measured of the checkpoint. app : address of the dashboard,
    to which figures link; "" for none.
    """

    title: str
    author: str
    day: date
    checkpoint: Checkpoint
    notes: str = ""
    found: Sequence[Section] = ()
    sections: Sequence[Section] = ()
    findings: Sequence[Finding] = ()
    methods: Sequence[Attribution] = ()
    app: str = ""


def html(report: StudyReport) -> str:
    """The report as one page."""
    app = report.app.rstrip("/") if report.app.startswith(("http://", "https://")) else ""
    return TEMPLATE_OF_REPORT.render(
        report=replace(report, app=app),
        style=Markup(page.STYLE + STYLE),  # noqa: S704 - our own
        byline=", ".join(filter(None, (report.author, f"{report.day:%d %B %Y}".lstrip("0")))),
        facts=_facts(report),
        legend=page.legend(report.findings[0].meaning) if report.findings else "",
        articles=Markup("").join(Markup(page.article(one, *drawn(one))) for one in report.findings),  # noqa: S704 - escaped there
        methods=page.introductions(report.methods, settings(report.checkpoint, report.methods))
        if report.findings
        else "",
    )


def _facts(report: StudyReport) -> list[tuple[str, str]]:
    checkpoint = report.checkpoint
    height, width = checkpoint.config.size
    facts = [
        ("Checkpoint", f"{checkpoint.name} (SHA-256 {checkpoint.digest})"),
        ("Posters", f"{width} × {height} pixels"),
        ("Trained for", f"{checkpoint.info['kimg']:g} thousand posters" if "kimg" in checkpoint.info else "unknown"),
    ]
    if report.findings:
        made_by = settings(report.checkpoint, report.methods, any(one.trust for one in report.findings))
        facts += [*page.facts(made_by, report.findings[0].meaning, versions())][1:]  # the first is the checkpoint
    else:
        facts.append(("Versions", ", ".join(f"{name} {version}" for name, version in versions().items())))
    return facts


def scale_of(bar: Bar) -> str:
    """A colour bar in words."""
    ends = ((number(bar.low), bar.low_means), (number(bar.high), bar.high_means))
    return ", ".join(filter(None, (" to ".join(" ".join(filter(None, end)) for end in ends), bar.label)))


def written(value: object) -> str:
    """A cell of a table: numbers with four digits."""
    if isinstance(value, bool) or not isinstance(value, float):
        return str(value)
    return "–" if value != value else f"{value:.4g}"


page.TEMPLATES.globals |= {"rendered": rendered, "uri": data_uri, "scale_of": scale_of, "written": written}
TEMPLATE_OF_REPORT = page.TEMPLATES.from_string(TEMPLATE)
