"""What reports of many records cost: `nox -s reporting`.

1. A store of 1,000 records, read from disk.
2. The page of 1,000 cases, opened by Chromium: from the navigation to the first paint and to the load event. First,
   since minutes of computing leave a shared machine slower than it was found.
3. Tables of results: what it takes to derive them from records in memory (totals of windows, intervals over replicates,
   what cannot be, caveats, every number worded), and then to lay their finished cells out, as Markdown and as HTML.
4. Documents, from records in memory, with their sizes: Markdown, CSV and the page. Like the tables, of 1,000 and of
   10,000 records.

Each line has the median of some repeats, each on records that nothing was derived of, the same as a multiple of what
`json.loads` takes for the same records' text in the same run, which is what a machine's speed cancels out of, and the
goal where there is one. Reports derive what they show, so that tables cost less than pages.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median

from bench.record import Record
from bench.store import Store
from reports import build, exporter
from reports.grid import grid
from reports.md import grid as lines

sys.path.append(str(Path(__file__).parent.parent / "reports"))

from made_records import many

SIZES = (1_000, 10_000)
GOALS = {("laid out", 10_000): 0.5, ("html", 10_000): 10.0, "opened": 1.0}  # s, on two cores


def records(count: int) -> list[Record]:
    """So many records, no two of one case: those of the tests, over and over, told apart by an axis."""
    made = many()
    return [
        replace(one, case=replace(one.case, parameters={**one.case.parameters, "seed": at // len(made)}))
        for at in range(count)
        if (one := made[at % len(made)])
    ]


def main() -> None:
    """Print a line for each thing that is measured."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--repeats", type=int, default=3)
    repeats = arguments.parse_args().repeats
    with tempfile.TemporaryDirectory() as folder:
        texts = [one.to_json() for one in records(SIZES[0])]
        store = Store(Path(folder) / "store")
        for one in records(SIZES[0]):
            store.write(one)
        alone = timed(lambda: [json.loads(text) for text in texts], repeats)
        line(f"store of {SIZES[0]} records read", timed(lambda: list(store), repeats), alone, None)
        for what, seconds in opened(Path(folder) / "page.html", repeats):
            line(what, seconds, None, GOALS["opened"])
    for count in SIZES:
        texts = [one.to_json() for one in records(count)]
        alone = timed(lambda texts=texts: [json.loads(text) for text in texts], repeats)
        print(f"{count:>6} records   {alone:.3f} s for json.loads of their text")
        for what, seconds in tables(count, repeats):
            line(what, seconds, alone, GOALS.get(("laid out", count)) if "laid out" in what else None)
        for form in ("md", "csv", "html"):
            seconds, size = exported(form, count, repeats)
            line(f"{form} of {size / 1e6:.2f} MB", seconds, alone, GOALS.get((form, count)))


def tables(count: int, repeats: int) -> Iterator[tuple[str, float]]:
    """Seconds from records to tables of finished cells, and from there to each layout."""
    found = []
    for _ in range(repeats):
        made, begin = records(count), time.perf_counter()
        results = build(made).results
        found.append(time.perf_counter() - begin)
    yield "tables of results derived", median(found)
    yield "laid out as Markdown", timed(lambda: ["\n".join(lines(table.brief)) for table in results], repeats)
    yield "laid out as HTML", timed(lambda: [grid(table, "results", hints=False) for table in results], repeats)


def exported(form: str, count: int, repeats: int) -> tuple[float, int]:
    """Seconds from records to a finished form, and its bytes."""
    found = []
    for _ in range(repeats):
        made, begin = records(count), time.perf_counter()
        content = exporter(Path(form)).export(build(made))  # type: ignore[union-attr]
        found.append(time.perf_counter() - begin)
    return median(found), len(content)


def opened(page: Path, repeats: int) -> Iterator[tuple[str, float]]:
    """Seconds from the navigation to the first paint and to the load event, as the browser itself takes them."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        print("       page not opened: there is no Chromium here")
        return
    from playwright.sync_api import sync_playwright

    page.write_bytes(exporter(Path("html")).export(build(records(SIZES[0]))))  # type: ignore[union-attr]
    asked = (
        "[performance.getEntriesByName('first-contentful-paint')[0].startTime, "
        "performance.getEntriesByType('navigation')[0].loadEventEnd]"
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        found = []
        for _ in range(max(repeats, 5)):
            tab = browser.new_context().new_page()
            tab.goto(page.as_uri())
            tab.wait_for_function("performance.getEntriesByName('first-contentful-paint').length > 0")
            found.append(tab.evaluate(asked))
            tab.close()
        browser.close()
    for what, times in zip(("first paint", "load event"), zip(*found, strict=True), strict=True):
        yield f"page of {SIZES[0]} cases, {what}", median(times) / 1000


def timed(run: Callable[[], object], repeats: int) -> float:
    """Median seconds of a function."""
    found = []
    for _ in range(repeats):
        begin = time.perf_counter()
        run()
        found.append(time.perf_counter() - begin)
    return median(found)


def line(what: str, seconds: float, alone: float | None, goal: float | None) -> None:
    """One thing that was measured, beside its goal."""
    beside = f"{seconds / alone:6.1f} times json.loads" if alone else " " * 24
    judged = "" if goal is None else f"   goal {goal:g} s: {'met' if seconds < goal else 'not met'}"
    print(f"       {what:<36} {seconds:7.3f} s {beside}{judged}")


if __name__ == "__main__":
    main()
