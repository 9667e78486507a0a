"""The command `wattmark`: the only place that knows both measuring and reporting."""

from bench.cli import measure as measure  # noqa: I001  # each module adds its commands, in the order of `--help`
from bench.cli import peaks as peaks
from bench.cli import gate as gate
from bench.cli import baseline as baseline
from bench.cli import plan as plan
from bench.cli import profile as profile
from bench.cli.app import main as main
