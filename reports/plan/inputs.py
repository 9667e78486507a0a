"""What a planner decides or knows: policies, facility, demand, devices. Nothing here was measured.

Policies are choices and have a usual value. Facts of the planner's world (demand, prices, PUE, carbon intensity) have
none: as long as they are not given, what depends on them says so. A price or a carbon figure comes with its date and
its source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from bench.case import PRECISIONS

Quantity = float | str | None  # a number, the reason why there is none, or an input that was not given
Quantities = Mapping[str, Quantity]

MODES = ("online", "offline", "training")
ANY = "any"  # precision
LONGEST = 20  # characters of a text
LARGEST = 1e18  # number that an input takes, where it says no other: what follows from such numbers is finite


@dataclass(frozen=True)
class Input:
    """One input: ``default`` is None where only the user can know it. Of what is ``sourced`` a date and a source are
    asked for, and of a price also that it is not old. ``whole`` numbers count things; ``words`` are a text."""

    name: str
    title: str
    unit: str
    meaning: str
    default: Quantity = None
    least: float = 0.0
    most: float = LARGEST
    format: str = "#,##0.00"
    choices: tuple[str, ...] = ()
    sourced: Literal["", "price", "figure"] = ""
    optional: bool = False
    whole: bool = False
    words: bool = False

    @property
    def wanted(self) -> str:
        """What a formula says that needs it and does not have it."""
        words = self.title if self.title.isupper() else f"{self.title[0].lower()}{self.title[1:]}"
        return f"enter the {words} in Inputs"

    def takes(self, value: object) -> bool:
        """Whether a value makes sense here."""
        if self.choices:
            return value in self.choices
        if self.words:
            return isinstance(value, str) and 0 < len(value.strip()) <= LONGEST and value.isprintable()
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not self.least <= value <= self.most:
            return False
        return not self.whole or value == int(value)

    @property
    def limits(self) -> str:
        """What it takes, in words."""
        if self.choices:
            return f"is one of {', '.join(self.choices)}"
        if self.words:
            return f"is a line of at most {LONGEST} characters"
        most = f" and at most {self.most:g}" if self.most < LARGEST else ""
        return f"is a {'whole ' * self.whole}number of at least {self.least:g}{most}"


GENERAL = (
    Input("currency", "Currency", "", "Of all prices, such as EUR.", "money", words=True),
    Input("confidence", "Throughput to plan by", "", "Lower end of the 95 % interval over replicates, or the mean.",
          "lower bound", choices=("lower bound", "mean")),
    Input("target_utilisation", "Target utilisation", "share", "How busy devices may be when demand is at its peak.",
          0.7, 0.01, 1, "0%"),
    Input("memory_headroom", "Memory head-room", "share", "Share of device memory to leave free.", 0.1, 0, 0.99, "0%"),
    Input("availability", "Availability", "share", "Share of the time that a device works.", 1.0, 0.01, 1, "0.0%"),
    Input("spares", "Spare devices", "devices", "Of each workload that serves, beyond what its demand needs.", 0, 0,
          1e9, "#,##0", whole=True),
    Input("horizon", "Horizon", "years", "How far ahead demand is planned for.", 1.0, 0, 30),
    Input("power_policy", "Power to provide", "", "What a device may draw at once: as measured, or its rated power.",
          "measured maximum", choices=("measured maximum", "measured mean", "rated")),
    Input("power_margin", "Power margin", "share", "To provide on top: for what a mean or a sensor does not show.",
          0.0, 0, 10, "0%"),
    Input("depreciation", "Depreciation", "years", "Over which what is bought is paid.", None, 0.1, 50),
    Input("upkeep", "Upkeep", "share per year", "Of the price of what is bought: support and repair. Empty: none.",
          None, 0, 1, "0.0%", sourced="price", optional=True),
    Input("housing", "Housing", "{currency} per kW and month",
          "Of what is bought: room and cooling, by the power of the machines. Empty: none.", None, sourced="price",
          optional=True),
    Input("low_demand", "Low demand", "ratio", "Of the scenario with less demand or data, over what is given.", 0.5, 0,
          1e6),
    Input("high_demand", "High demand", "ratio", "Of the scenario with more demand or data.", 2.0, 0, 1e6),
    Input("pue", "PUE", "ratio", "Power of the facility over that of its machines.", None, 1.0, 10),
    Input("rack_power", "Power of a rack", "kW",
          "What a rack may draw all the time, often 80 % of its breaker. Empty: no limit.", None, 0.01, optional=True),
    Input("electricity_price", "Electricity price", "{currency} per kWh", "Of what is bought.", None, sourced="price",
          format="#,##0.0000"),
    Input("demand_charge", "Demand charge", "{currency} per kW and month",
          "Of what is bought: for the power of the facility. Empty: there is none.", None, sourced="price",
          optional=True),
    Input("carbon_intensity", "Carbon intensity", "g CO2e/kWh", "Of the electricity used.", None, sourced="price"),
    Input("tokens_per_parameter", "Compute-optimal tokens per parameter", "ratio",
          "Beyond which a larger model learns more from the same compute: about 20 for dense language models.",
          20.0, 0.01, 1e6, "#,##0.0", sourced="figure"),
    Input("oldest", "Oldest measurement", "days", "What was measured longer ago than this fails a check.", 365, 0, 1e5,
          "#,##0"),
    Input("oldest_price", "Oldest price", "days", "A price or carbon figure older than this fails a check.", 365, 0,
          1e5, "#,##0"),
)  # fmt: skip

WORKLOAD = (
    Input("mode", "Mode", "", "Online answers requests, offline works through a stream, training has an end.",
          "online", choices=MODES),
    Input("allowed_precision", "Precision", "", "Which may be used: whether what it computes is good enough, you know.",
          ANY, choices=(ANY, *PRECISIONS)),
    Input("largest_batch", "Largest batch size", "", "That may be used. Empty: any.", None, 1, 1e9, "#,##0",
          optional=True, whole=True),
    Input("demand", "Mean demand", "items/s", "Of the workload's own items, averaged over a year. Not of training."),
    Input("growth", "Growth of demand", "share per year", "30 % a year for 2 years plans for 1.69 times the demand.",
          0.0, -0.99, 10, "0%"),
    Input("peak_to_mean", "Peak to mean demand", "ratio", "Of online demand: devices are counted for the peak.", None,
          1.0, 1e6),
    Input("minimum", "Fewest devices", "devices", "For high availability, before spare ones. Not of training.", 0, 0,
          1e9, "#,##0", whole=True),
    Input("slo", "Latency objective", "ms",
          "Of online demand: what an answer may take, waiting and step. Empty: no limit.", None, 0.001, 1e9,
          optional=True),
    Input("percentile", "Percentile of the objective", "", "Which share of answers must keep it.", "p99",
          choices=("p50", "p95", "p99")),
    Input("training_items", "Items to train on", "items", "Of a training run, over all epochs.", None, 0,
          format="#,##0", optional=True),
    Input("parameters", "Parameters of the planned model", "", "With tokens: plans a model that was not measured.",
          None, 1, format="#,##0", optional=True),
    Input("tokens", "Tokens to train on", "tokens", "With parameters, instead of items.", None, 0, format="#,##0",
          optional=True),
    Input("deadline", "Deadline", "h", "In which a training run must end.", None, 0.01, 1e6),
    Input("scaling_efficiency", "Scaling efficiency", "share",
          "Throughput of a device among many over one alone: at the number of devices that comes out.", None, 0.01, 1,
          "0%"),
    Input("overhead", "Lost time", "share", "Of a training run, for checkpoints and restarts.", 0.0, 0, 0.99, "0%"),
    Input("mfu", "MFU", "share", "Without padding. With a device's peak: plans by them, not by what was measured.",
          None, 0.001, 1, "0.0%", optional=True),
)  # fmt: skip

DEVICE = (
    Input("device_memory", "Device memory", "GB", "As the device reports it.", None, 0.001, 1e6),
    Input("devices_per_node", "Devices per node", "devices", "Of one machine.", None, 1, 1e6, "#,##0", whole=True),
    Input("nodes_per_rack", "Nodes per rack", "nodes", "By room; the power of a rack may allow fewer.", None, 1, 1e6,
          "#,##0", whole=True),
    Input("host_power", "Host power", "W per node", "What a node draws besides its measured devices.", None, 0, 1e6),
    Input("rated_power", "Rated power", "W per device", "For power that is provided by rating.", None, 0.001, 1e6),
    Input("peak", "Peak", "FLOP/s", "Dense, of the precision that is planned for, with MFU.", None, 1,
          format="0.00E+00", sourced="figure", optional=True),
    Input("rent", "Rent", "{currency} per device-hour", "Electricity and housing included.", None, sourced="price"),
    Input("price", "Price of a device", "{currency} per device", "To buy it.", None, sourced="price"),
    Input("node_price", "Price of a node", "{currency} per node", "To buy it, without its devices.", None,
          sourced="price"),
)  # fmt: skip

SECTIONS: dict[str, tuple[Input, ...]] = {"general": GENERAL, "workload": WORKLOAD, "device": DEVICE}
ALL = {entry.name: entry for entries in SECTIONS.values() for entry in entries}


@dataclass(frozen=True)
class Source:
    """When and where a figure was found."""

    date: date
    source: str


# arXiv 2203.15556, table 3: 20.2 tokens per parameter at 10^9 parameters, 21.2 at 10^12.
CHINCHILLA = Source(date(2022, 3, 29), "Hoffmann et al. 2022, Training Compute-Optimal Large Language Models")


@dataclass(frozen=True)
class Inputs:
    """All inputs: ``general`` ones by name, the others by what a workload or a device is called and then by name.

    ``sources`` belong to the place of an input: its section, whose it is, and its name.
    """

    today: date
    general: Quantities
    workload: Mapping[str, Quantities]
    device: Mapping[str, Quantities]
    sources: Mapping[tuple[str, str, str], Source] = field(default_factory=dict)

    @property
    def sections(self) -> Mapping[str, Mapping[str, Quantities]]:
        """All inputs by section and whose they are."""
        return {"general": {"": self.general}, "workload": self.workload, "device": self.device}

    def in_currency(self, unit: str) -> str:
        """A unit with the currency in its place."""
        return unit.replace("{currency}", str(self.general["currency"]))

    def of(self, problem: str, device: str) -> dict[str, Quantity]:
        """All inputs for a workload on a device."""
        return {**self.general, **self.workload[problem], **self.device[device]}


def defaults(section: str) -> dict[str, Quantity]:
    """The usual values of a section's inputs."""
    return {entry.name: entry.default for entry in SECTIONS[section]}
