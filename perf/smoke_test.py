#!/usr/bin/env python3
"""Every benchmark runs for a blink and writes rows that bench_compare.py can read. No figure is judged.

usage: smoke_test.py NOISEGATE-PERF BENCH_COMPARE.PY DIRECTORY
"""
import json
import math
import pathlib
import subprocess
import sys
import xml.etree.ElementTree

BENCHES = {"aead", "lookup", "replay", "route", "path", "handshake", "ndr"}


def check(condition, message):
    if not condition:
        sys.exit(f"FAILED: {message}")


def once(pairs):
    names = [name for name, _ in pairs]
    check(len(set(names)) == len(names), f"a field is there twice: {names}")
    return dict(pairs)


def main():
    program, compare, directory = sys.argv[1:]
    results = pathlib.Path(directory) / "perf_smoke.json"
    results.unlink(missing_ok=True)
    drawing = results.with_suffix(".svg")
    subprocess.run([program, "all", "--smoke", "--json", results, "--svg", drawing], check=True,
                   stdout=subprocess.DEVNULL)
    xml.etree.ElementTree.parse(drawing)
    rows = json.loads(results.read_text(encoding="utf-8"), object_pairs_hook=once)
    check({row["bench"] for row in rows} == BENCHES, "a bench has no rows")
    for row in rows:
        check(all(row[name] for name in ("cpu", "tsc_ghz", "flags", "commit")), f"machine: {row}")
        for value in row.values():
            check(not isinstance(value, (dict, list)), f"a row is flat: {row}")
            check(not isinstance(value, float) or (math.isfinite(value) and value >= 0),
                  f"a figure is a number: {row}")

    slower = pathlib.Path(directory) / "perf_slower.json"
    for row in rows:
        if "cycles_per_packet" in row:
            row["cycles_per_packet"] *= 2
    slower.write_text(json.dumps(rows), encoding="utf-8")
    compared = subprocess.run([sys.executable, compare, results, slower], check=True, text=True,
                              capture_output=True).stdout
    check("x0.50" in compared, f"what takes twice as long is half as good: {compared}")
    check(" 0 only before, 0 only after" in compared, f"rows have the same names: {compared}")


main()
