"""Progress: what a person sees while a run goes on."""

import io

import pytest
from rich.console import Console

from bench import progress as module
from bench.case import Case
from bench.progress import Progress, short_names

ONE = Case("toys:Mlp", "cpu", "fp32", 1, {"width": 8, "kind": "plain"})
TWO = Case("toys:Mlp", "cpu", "fp32", 1, {"width": 9, "kind": "plain"})


@pytest.fixture
def screen(monkeypatch):
    """A terminal of 100 columns, and a clock that the test moves."""
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    console = Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)
    return console, now


def text(console):
    return console.file.getvalue()


def test_it_shows_the_case_what_is_done_the_time_to_go_and_the_latest_throughput(screen, record):
    console, now = screen
    with Progress(console) as progress:
        progress.plan([ONE, TWO], replicates=2)
        progress.begin(ONE, 0)
        now[0] += 30
        progress.listen("sample", {"seconds": 2.0, "work": {"sequence": 8.0}})
        now[0] += 30
        progress.end(record([], status="interrupted", reason="1 of 2", parameters=ONE.parameters, batch_size=1))
        progress.begin(TWO, 0)

    shown = text(console)
    assert "toys:Mlp cpu fp32 b1 width=8  replicate 1 of 2" in shown
    assert "latest 4 sequence/s" in shown
    assert "1 of 4" in shown
    assert "about 3 min 00 s to go" in shown


def test_a_case_that_ended_early_takes_its_other_replicates_with_it(screen, record):
    console, _ = screen
    with Progress(console) as progress:
        progress.plan([ONE, TWO], replicates=3)
        progress.begin(ONE, 0)
        progress.end(record([], status="oom", reason="too [big]", parameters=ONE.parameters, batch_size=1))

    assert "3 of 6  toys:Mlp cpu fp32 b1 width=8  oom too [big]" in text(console)


def test_windows_do_not_make_it_draw_more_often_than_every_two_seconds(screen, monkeypatch):
    console, now = screen
    drawn = []
    with Progress(console) as progress:
        monkeypatch.setattr(progress._live, "update", lambda *_, **__: drawn.append(now[0]))
        progress.plan([ONE], replicates=1)
        progress.begin(ONE, 0)
        for _ in range(100):
            now[0] += 0.1
            progress.listen("sample", {"seconds": 0.1, "work": {"sequence": 1.0}})

    assert len(drawn) <= 1 + 10 / 2


def test_without_a_terminal_each_case_is_one_line(record):
    console = Console(file=io.StringIO(), width=40)
    with Progress(console) as progress:
        progress.say("loading torch and the models, which takes longer than forty columns")
        progress.plan([ONE], replicates=1)
        progress.begin(ONE, 0)
        progress.end(record(parameters=ONE.parameters, batch_size=1))

    assert text(console).splitlines() == [
        "loading torch and the models, which takes longer than forty columns",
        "   1 of 1  toys:Mlp cpu fp32 b1  ok 4 sequence/s",
    ]


def test_names_leave_out_what_does_not_tell_cases_apart():
    assert list(short_names([ONE, TWO]).values()) == ["toys:Mlp cpu fp32 b1 width=8", "toys:Mlp cpu fp32 b1 width=9"]
    assert list(short_names([ONE]).values()) == ["toys:Mlp cpu fp32 b1"]
