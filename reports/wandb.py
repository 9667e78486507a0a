"""Weights & Biases: a run for each case, in the project that the path names; ``WANDB_MODE=offline`` keeps it here."""

from __future__ import annotations

from reports.extras import needed
from reports.report import Report
from reports.runs import Logged, logged


def send(report: Report, name: str) -> None:
    """Log every case that was measured as a run of a project."""
    wandb = needed("wandb", "wandb")
    for run in logged(report):
        _log(wandb, name, run)


def _log(wandb: object, project: str, run: Logged) -> None:
    # Nothing of the machine that makes the report belongs to what was measured elsewhere.
    settings = wandb.Settings(  # type: ignore[attr-defined]
        console="off", silent=True, disable_git=True, disable_code=True, x_disable_stats=True, x_disable_meta=True
    )
    with wandb.init(  # type: ignore[attr-defined]
        project=project, name=run.name, group=run.group, config=dict(run.parameters), settings=settings
    ) as logging:
        logging.log(dict(run.metrics))
        logging.summary.update({f"{metric}.absent": reason for metric, reason in run.absent.items()})
