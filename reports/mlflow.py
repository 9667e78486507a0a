"""MLflow: a run for each case, in the experiment that the path names, where ``MLFLOW_TRACKING_URI`` says."""

from __future__ import annotations

import re

from reports.extras import needed
from reports.report import Report
from reports.runs import logged

_LONGEST = 5000  # characters of a tag that every store takes
_NAME = 80  # characters of a name that every store and file system takes


def send(report: Report, name: str) -> None:
    """Log every case that was measured as a run of an experiment."""
    mlflow = needed("mlflow", "mlflow")
    mlflow.set_experiment(name)
    for run in logged(report):
        with mlflow.start_run(run_name=run.name, tags={"wattmark.run": run.group}):
            mlflow.log_params({_name(name): value for name, value in run.parameters.items()})
            mlflow.log_metrics({**run.metrics})
            mlflow.set_tags({f"absent.{metric}": reason[:_LONGEST] for metric, reason in run.absent.items()})


def _name(axis: str) -> str:
    """A name that MLflow takes: it is the name of a file too, in no other folder."""
    return re.sub(r"[^\w.-]|^\.+", "_", axis)[:_NAME] or "_"
