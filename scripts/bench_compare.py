#!/usr/bin/env python3
"""Compares two files that noisegate-perf --json wrote, row by row.

usage: scripts/bench_compare.py BEFORE.json AFTER.json [--threshold PERCENT]

For every row of both: the figure before and after, and how many times better it became (more than 1 is
better, whatever the figure's direction). Rows that changed by less than the threshold (default 5 %, about
what a quiet machine wavers by) are left out; the last line sums up all of them.
"""
import argparse
import json
import math
import sys

# What names a row; everything else is what came out.
KEYS = ("bench", "op", "engine", "contender", "aead", "role", "step", "family", "order", "case",
        "ends", "relay", "bytes", "burst", "sessions", "prefixes", "load_percent")
# The figure that is compared: the first that the row has, and whether more of it is better.
FIGURES = (("cycles_per_packet", False), ("cycles_per_lookup", False), ("cycles_per_counter", False),
           ("cycles", False), ("packets_per_second", True), ("latency_p50_us", False),
           ("lost", False), ("mb_per_second", True), ("relay_mib_over_start", False))


def key_of(row):
    return tuple((k, row[k]) for k in KEYS if k in row)


def figure_of(row):
    for name, more_is_better in FIGURES:
        if name in row:
            return name, more_is_better, row[name]
    return None


def load(path):
    with open(path, encoding="utf-8") as file:
        return {key_of(row): row for row in json.load(file)}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--threshold", type=float, default=5.0, metavar="PERCENT")
    arguments = parser.parse_args()
    before, after = load(arguments.before), load(arguments.after)

    logs = []
    for key, row in after.items():
        figure = figure_of(row)
        if key not in before or figure is None or figure_of(before[key]) is None:
            continue
        name, more_is_better, new = figure
        old = figure_of(before[key])[2]
        if old <= 0 or new <= 0:
            continue
        gain = new / old if more_is_better else old / new
        logs.append(math.log(gain))
        if abs(gain - 1) * 100 >= arguments.threshold:
            label = " ".join(str(value) for _, value in key)
            print(f"{label:60} {name:20} {old:12.1f} {new:12.1f}  x{gain:.2f}")
    if not logs:
        sys.exit("the files have no row in common")
    mean = math.exp(sum(logs) / len(logs))
    print(f"{len(logs)} rows in both, geometric mean x{mean:.2f}; "
          f"{len(before.keys() - after.keys())} only before, "
          f"{len(after.keys() - before.keys())} only after")


if __name__ == "__main__":
    main()
