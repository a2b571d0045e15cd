"""Draws how time and memory grow: python plots.py FOLDER, which holds results.json. In a Python that has matplotlib."""

import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib.pyplot as plt


def main() -> None:
    folder = Path(sys.argv[1])
    growth: dict[str, dict[str, Any]] = json.loads((folder / "results.json").read_text(encoding="utf-8"))["growth"]
    figure, rows = plt.subplots(len(growth), 2, figsize=(10, 4 * len(growth)), squeeze=False, layout="constrained")
    for (title, points), (time, memory) in zip(growth.items(), rows, strict=True):
        counts = [int(count) for count in points]
        for axes, value, unit in ((time, "wall", "seconds"), (memory, "peak", "peak memory, MB")):
            axes.plot(counts, [median(run[value] for run in runs) for runs in points.values()], marker="o")
            axes.set(title=title, xscale="log", ylabel=unit, ylim=(0, None))
            axes.grid(alpha=0.3)
    figure.savefig(folder / "growth.svg")


if __name__ == "__main__":
    main()
