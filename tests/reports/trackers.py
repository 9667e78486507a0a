"""What programs that keep experiments have of them, read from their own files."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bench.record import Record
from bench.store import content

ROOT = Path(__file__).parents[2]
_BLOCK = 32_768  # bytes of a log of LevelDB


@dataclass(frozen=True)
class Run:
    """One case as a tracker has it: ``absent`` are the reasons that it was given, ``step`` is where its numbers are."""

    name: str
    group: str
    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    absent: Mapping[str, str]
    step: int | None = None


def tensorboard_runs(folder: Path) -> list[Run]:
    """The runs in a folder, by TensorBoard's reader of event files."""
    from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    log = EventMultiplexer().AddRunsFromDirectory(str(folder))
    log.Reload()
    found = []
    for name, tags in log.Runs().items():
        content = log.GetAccumulator(name).SummaryMetadata("_hparams_/session_start_info").plugin_data.content
        start = HParamsPluginData.FromString(content).session_start_info
        parameters = {key: getattr(value, value.WhichOneof("kind")) for key, value in start.hparams.items()}
        scalars = {tag: log.Scalars(name, tag)[0] for tag in tags["scalars"]}
        metrics = {tag: scalar.value for tag, scalar in scalars.items()}
        found.append(Run(name, "", parameters, metrics, {}, scalars["throughput"].step))
    return found


def mlflow_runs(records: Sequence[Record], folder: Path) -> list[Run]:
    """What MLflow has in a store of files, by its own client."""
    from mlflow import MlflowClient

    uri = folder.joinpath("mlflow").as_uri()
    settings = {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_TRACKING_URI": uri}
    _send(records, folder, "told.mlflow", settings)
    with patch.dict(os.environ, settings):
        client = MlflowClient(uri)
        experiment = client.get_experiment_by_name("told")
        runs = client.search_runs([experiment.experiment_id])
    found = []
    for name, data in ((run.info.run_name, run.data) for run in runs):
        absent = {tag.removeprefix("absent."): text for tag, text in data.tags.items() if tag.startswith("absent.")}
        found.append(Run(name, data.tags["wattmark.run"], data.params, data.metrics, absent))
    return found


def wandb_runs(records: Sequence[Record], folder: Path) -> list[Run]:
    """What Weights & Biases would send once it may."""
    from wandb.proto.wandb_internal_pb2 import Record as Entry

    _send(records, folder, "told.wandb", {"WANDB_MODE": "offline", "WANDB_DIR": str(folder), "WANDB_SILENT": "true"})
    found = []
    for path in folder.rglob("*.wandb"):
        entries = [Entry.FromString(whole) for whole in _entries(path.read_bytes())]
        (run,) = (entry.run for entry in entries if entry.HasField("run"))
        logged = [item for entry in entries if entry.HasField("history") for item in entry.history.item]
        summary = [item for entry in entries if entry.HasField("summary") for item in entry.summary.update]
        metrics = {item.key or item.nested_key[0]: json.loads(item.value_json) for item in logged}
        config = {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in run.config.update}
        absent = {
            item.key.removesuffix(".absent"): json.loads(item.value_json) for item in summary if ".absent" in item.key
        }
        ours = [{name: value for name, value in part.items() if name[:1] != "_"} for part in (config, metrics)]
        found.append(Run(run.display_name, run.run_group, ours[0], ours[1], absent))
    return found


def _entries(log: bytes) -> Iterator[bytes]:
    """The entries of a file of Weights & Biases: after 7 bytes, a log of LevelDB."""
    assert log[:4] == b":W&B"
    at, whole = 7, b""
    while at + 7 <= len(log):
        left = _BLOCK - at % _BLOCK
        if left < 7:  # too little for the head of another part
            at += left
            continue
        _, length, kind = struct.unpack_from("<IHB", log, at)
        whole += log[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # all of it, or its last part
            yield whole
            whole = b""


def _send(records: Sequence[Record], folder: Path, name: str, settings: Mapping[str, str]) -> None:
    """Send a report from a process of its own: what programs like these leave behind in one is theirs."""
    for number, record in enumerate(records):
        folder.joinpath(f"{number}.json").write_bytes(content(record))
    script = (
        "import pathlib, sys, reports, bench.store\n"
        "records = bench.store.read(sorted(pathlib.Path().glob('*.json')))\n"
        "reports.write(records, None, [pathlib.Path(sys.argv[1])])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, name],
        env={**os.environ, "PYTHONPATH": str(ROOT), **settings},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
