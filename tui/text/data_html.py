"""The report of a data file as one self-contained HTML page with plots."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape as escape_html

from lockfiles import fixes
from lockfiles.harmless import one_line
from planner.data.checks.finding import Finding
from planner.data.checks.plots import Bar
from planner.data.checks.report import Report
from tui.text.data import offered, used_keys

_WIDTH, _ROW = 640, 22
_LABEL_WIDTH = 200
_NAME_CHARS = 28
_MOST_BARS = 40
_NAMED = 200
"""Maximum number of rows that a finding lists."""
_STYLE = """
:root { color-scheme: light dark; --bar: #3b6fb6; --line: #8884; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 54rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
table { border-collapse: collapse; } th { text-align: left; font-weight: 600; }
th, td { padding: .25rem .9rem .25rem 0; border-bottom: 1px solid var(--line); }
.fault { border-left: 4px solid var(--line); padding: .1rem .8rem; margin: .8rem 0; }
.refused { border-color: #c0392b; } .warning { border-color: #c98a00; }
.fault p { margin: .2rem 0; } code { font-size: .9em; }
svg text { font: 12px system-ui; fill: currentColor; }
rect { fill: var(--bar); }
"""


def _shown(text: object) -> str:
    """Return text escaped for HTML, with invisible characters made visible."""
    return escape_html(one_line(text))


MARK = b"<!doctype html>"
"""The beginning of every page."""


def page(report: Report, name: str) -> str:
    """Return the page."""
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{_shown(name)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{_shown(name)}</h1>",
            *_facts(report),
            "<h2>Findings</h2>",
            *(_fault(finding) for finding in report.findings),
            *([] if report.findings else ["<p>No problems found.</p>"]),
            *_plot(f"Lengths, in {report.unit}", report.histogram),
            *_plot("Rows per label", report.labels),
            *_plot("Rows by number of near-duplicates", report.repeats),
            "</body></html>",
            "",
        ]
    )


def _facts(report: Report) -> Iterator[str]:
    lengths = report.lengths
    formats = ", ".join(f"{found} ({rows:,})" for found, rows in report.formats.items())
    mapped = ", ".join(f"{part}: {column}" for part, column in report.mapping.items())
    facts = {
        "Rows": f"{report.rows:,}",
        "Format": formats,
        "Columns": mapped,
        "Keys": used_keys(report),
        "Length": f"{lengths.minimum:,} to {lengths.maximum:,} {report.unit}, "
        f"median {lengths.median:,}, 95th percentile {lengths.percentile_95:,}; "
        f"{lengths.total:,} in total",
        "Loss masks": f"checked in {report.looked_at:,} rows" if report.looked_at else "",
    }
    yield "<table>"
    for what, said in facts.items():
        if said:
            yield f"<tr><th>{_shown(what)}</th><td>{_shown(said)}</td></tr>"
    yield "</table>"


def _fault(finding: Finding) -> str:
    rows = ", ".join(f"{row:,}" for row in finding.rows[:_NAMED])
    more = " …" if len(finding.rows) > _NAMED else ""
    shown = f"<details><summary>{finding.rows_found:,} rows</summary><p>{rows}{more}</p></details>"
    fix = f"<p>Fix: {_shown(fixes.text(finding.ways))}.</p>" if finding.fix else ""
    return (
        f'<div class="fault {_shown(finding.severity)}"><p><b>{_shown(finding.severity)}</b> '
        f"<code>{_shown(finding.id)}</code> {_shown(finding.said)}</p>"
        f"{fix}{_mend(finding)}"
        f"{shown if finding.rows else ''}</div>"
    )


def _mend(finding: Finding) -> str:
    mend = offered(finding)
    if not mend:
        return ""
    line = f"<code>{_shown(mend.line)}</code>"
    return f"<p>Or in run.toml, under [data]: {line} ({_shown(mend.said)}).</p>"


def _plot(title: str, bars: Sequence[Bar]) -> Iterator[str]:
    """Yield a heading and horizontal bars; nothing without bars."""
    if not bars:
        return
    most = max(bar.rows for bar in bars)
    shown = bars[:_MOST_BARS]
    left = f" (the first {_MOST_BARS} of {len(bars):,})" if len(bars) > _MOST_BARS else ""
    height = _ROW * len(shown)
    yield f"<h2>{_shown(title)}{left}</h2>"
    yield f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{_shown(title)}">'
    yield from _bars(shown, most)
    yield "</svg>"


def _bars(bars: Iterable[Bar], most: int) -> Iterator[str]:
    room = _WIDTH - _LABEL_WIDTH - 70
    for place, bar in enumerate(bars):
        top, width = place * _ROW, max(1, round(room * bar.rows / most))
        base = top + 15
        name = bar.name if len(bar.name) <= _NAME_CHARS else f"{bar.name[: _NAME_CHARS - 1]}…"
        yield f'<text x="{_LABEL_WIDTH - 8}" y="{base}" text-anchor="end">{_shown(name)}</text>'
        yield f'<rect x="{_LABEL_WIDTH}" y="{top + 3}" width="{width}" height="{_ROW - 6}"/>'
        yield f'<text x="{_LABEL_WIDTH + width + 6}" y="{base}">{bar.rows:,}</text>'
