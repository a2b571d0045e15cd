"""Writes the figures of the last `make bench` into docs/performance.md: `make bench-docs`."""

import json
import re
import sys

from bench import report
from bench.__main__ import OUT
from bench.image import ROOT
from bench.results import Results

DOCUMENT = ROOT / "docs/performance.md"
_PART = re.compile(r"(<!-- measured -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> int:
    """Write them, and return the exit code."""
    try:
        found = json.loads((OUT / "results.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        sys.stderr.write("There are no figures yet: run `make bench`.\n")
        return 1
    figures = report.markdown(Results.from_json(found))
    text = DOCUMENT.read_text(encoding="utf-8")
    written = _PART.sub(lambda part: f"{part[1]}\n{figures}\n{part[2]}", text)
    DOCUMENT.write_text(written, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
