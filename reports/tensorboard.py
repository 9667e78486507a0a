"""A log for TensorBoard: a run for each case, with its metrics as scalars at its batch size, and as hyperparameters.

The files are made of TensorBoard's own protocol buffers, since its writer names files after the host.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

from reports.extras import needed
from reports.report import Report
from reports.runs import Logged, logged

_PLUGIN = "hparams"
_LONGEST = 100  # characters of a name that every file system takes


def export(report: Report) -> dict[str, bytes]:
    """An event file for each case that was measured, in a folder named after it."""
    return {
        f"{number} {re.sub(r'[^A-Za-z0-9=.]+', '-', run.name)[:_LONGEST]}/events.out.tfevents.wattmark": _events(run)
        for number, run in enumerate(logged(report), start=1)
    }


def _events(run: Logged) -> bytes:
    proto = needed("tensorboard.compat.proto.event_pb2", "tensorboard")
    writing = needed("tensorboard.summary.writer.record_writer", "tensorboard")
    file = io.BytesIO()
    writer = writing.RecordWriter(file)
    writer.write(proto.Event(wall_time=run.moment, file_version="brain.Event:2").SerializeToString())
    for summary in (*_hyperparameters(run), *_scalars(run)):
        event = proto.Event(wall_time=run.moment, step=run.parameters["batch_size"], summary=summary)
        writer.write(event.SerializeToString())
    return file.getvalue()


def _scalars(run: Logged) -> Iterator[Any]:
    summary = needed("tensorboard.compat.proto.summary_pb2", "tensorboard")
    for name, value in run.metrics.items():
        yield summary.Summary(value=[summary.Summary.Value(tag=name, simple_value=value)])


def _hyperparameters(run: Logged) -> Iterator[Any]:
    """What the plugin of hyperparameters looks for: which there are, and the values of this run."""
    api = needed("tensorboard.plugins.hparams.api_pb2", "tensorboard")
    data = needed("tensorboard.plugins.hparams.plugin_data_pb2", "tensorboard")
    experiment = api.Experiment(
        hparam_infos=[api.HParamInfo(name=name) for name in run.parameters],
        metric_infos=[api.MetricInfo(name=api.MetricName(tag=name)) for name in run.metrics],
    )
    start = data.SessionStartInfo(start_time_secs=run.moment)
    for name, value in run.parameters.items():
        if isinstance(value, (int, float)):
            start.hparams[name].number_value = value
        else:
            start.hparams[name].string_value = str(value)
    end = data.SessionEndInfo(status=api.STATUS_SUCCESS, end_time_secs=run.moment)
    yield _tagged("_hparams_/experiment", data.HParamsPluginData(experiment=experiment, version=0))
    yield _tagged("_hparams_/session_start_info", data.HParamsPluginData(session_start_info=start, version=0))
    yield _tagged("_hparams_/session_end_info", data.HParamsPluginData(session_end_info=end, version=0))


def _tagged(tag: str, content: Any) -> Any:
    summary = needed("tensorboard.compat.proto.summary_pb2", "tensorboard")
    plugin = summary.SummaryMetadata.PluginData(plugin_name=_PLUGIN, content=content.SerializeToString())
    return summary.Summary(value=[summary.Summary.Value(tag=tag, metadata=summary.SummaryMetadata(plugin_data=plugin))])
