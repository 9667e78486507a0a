"""Any picture as SVG."""

from __future__ import annotations

from reports.chart import Chart
from reports.chart_svg import svg
from reports.history import History
from reports.history_svg import history_svg
from reports.pareto import Pareto
from reports.pareto_svg import pareto_svg
from reports.parts import StepParts
from reports.parts_svg import parts_svg
from reports.profile.pictures import Split
from reports.profile.split_svg import split_svg
from reports.roofline import Roofline
from reports.roofline_svg import roofline_svg
from reports.steps import StepTimes
from reports.steps_svg import steps_svg
from reports.timeline import Timeline
from reports.timeline_svg import timeline_svg

Picture = Chart | History | Pareto | Roofline | Split | StepParts | StepTimes | Timeline


def draw(picture: Picture) -> str:
    """The picture as one ``<svg>`` element, its texts escaped."""
    if isinstance(picture, Split):
        return split_svg(picture)
    if isinstance(picture, Timeline):
        return timeline_svg(picture)
    if isinstance(picture, StepParts):
        return parts_svg(picture)
    if isinstance(picture, StepTimes):
        return steps_svg(picture)
    if isinstance(picture, Roofline):
        return roofline_svg(picture)
    if isinstance(picture, History):
        return history_svg(picture)
    return pareto_svg(picture) if isinstance(picture, Pareto) else svg(picture)
