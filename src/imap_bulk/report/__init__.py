"""A run, written down: one HTML file that opens offline, the same in JSON Lines, and a provenance record.

recorder.py     takes a run's events and adds them up, in the memory of a few hundred lines
timeline.py     bytes and setbacks over time, in steps that widen as the run goes on
record.py       what is known of a run that is over
page.py         the page, assembled
charts.py       its drawings, in SVG
parts.py        its tables and lists
causes.py       why attempts fail, in a few words each
html.py         elements whose text is always escaped
writing.py      all three, each under its name only when it is whole
lines.py        the same in JSON Lines
provenance.py   W3C PROV-JSON: which files this run has brought or sent
page.css        how the page looks, in light and in dark

What servers call their files and say of them stands in these files: all of it passes through `html.element`, and
the page forbids scripts, requests and every style but its own.
"""

from imap_bulk.report.record import Doing
from imap_bulk.report.recorder import Recorder
from imap_bulk.report.writing import write

__all__ = ["Doing", "Recorder", "write"]
