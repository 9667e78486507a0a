"""A textfile for Prometheus' node exporter: a gauge for every metric, with its case as labels, in base units.

What is absent has no sample but a comment with its reason, as far as the format can say one
(prometheus.io/docs/instrumenting/exposition_formats, and naming: base units in the plural, at the end of the name).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bench.metric import METRICS
from bench.record import STATUSES
from reports.cases import CaseRow
from reports.report import Report

_UNITS = {"s": "seconds", "B": "bytes", "W": "watts", "J": "joules", "Hz": "hertz", "°C": "celsius", "FLOP": "flops"}


def export(report: Report) -> bytes:
    """The file as UTF-8 text."""
    return ("\n".join(_lines(report)) + "\n").encode()


def _lines(report: Report) -> Iterator[str]:
    yield from _family("wattmark_case", "1 for the status that a case ended with, 0 for the others.")
    for row in report.cases:
        for status in STATUSES:
            yield _sample("wattmark_case", {**_labels(row), "status": status}, float(row.status.text == status))
    for name, metric in METRICS.items():
        rows = [row for row in report.cases if row.ok]
        if not any(row.values[name].value is not None for row in rows):
            continue
        family = _name(name, metric.unit)
        yield from _family(family, metric.meaning)
        for row in rows:
            value = row.values[name]
            if value.value is None:
                yield f"# {_line(f'{name} is absent for {row.full_name}: {value.reason}')}"
            else:
                yield _sample(family, _labels(row), value.value)
        for bound, side in (("low", "Lower"), ("high", "Upper")):
            found = [(row, end) for row in rows if (end := getattr(row.values[name], bound)) is not None]
            if found:
                yield from _family(f"{family}_{bound}", f"{side} end of the 95 % interval over replicates.")
                yield from (_sample(f"{family}_{bound}", _labels(row), end) for row, end in found)


def _family(name: str, meaning: str) -> Iterator[str]:
    yield f"# HELP {name} {_line(meaning)}"
    yield f"# TYPE {name} gauge"


def _name(metric: str, unit: str) -> str:
    """A metric's name with its base unit; what it is for one of is a label where it is an item.

    >>> _name("time.step", "s"), _name("throughput", "item/s"), _name("energy.item", "J/item")
    ('wattmark_time_step_seconds', 'wattmark_throughput_per_second', 'wattmark_energy_item_joules')
    >>> _name("intensity", "FLOP/B")
    'wattmark_intensity_flops_per_byte'
    """
    base, _, per = unit.partition("/")
    unit = _UNITS.get(base, "") + (f"_per_{_UNITS[per].removesuffix('s')}" if per in _UNITS else "")
    return "_".join(["wattmark", *metric.split("."), *([unit.strip("_")] if unit else [])])


def _labels(row: CaseRow) -> dict[str, str]:
    named = {
        "run": row.run,
        "case": row.case,
        "workload": row.workload,
        "device": row.device,
        "label": row.device_label,
    }
    named |= {"precision": row.precision, "batch_size": str(row.batch_size), "item": row.item}
    return named


def _sample(name: str, labels: Mapping[str, str], value: float) -> str:
    told = ",".join(f'{label}="{_quoted(text)}"' for label, text in labels.items())
    return f"{name}{{{told}}} {value!r}"


def _quoted(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _line(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")
