"""The command `wattmark`: the only place that knows both measuring and reporting."""

from bench.cli import gate as gate  # each module adds its commands
from bench.cli import measure as measure
from bench.cli.app import main as main
