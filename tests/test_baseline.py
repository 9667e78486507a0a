"""Baselines: what is accepted, what is refused, and what is kept about it."""

import json
import os
from dataclasses import replace

import pytest

from bench.baseline import LOG, accept, log, show
from bench.case import Case
from bench.errors import SpecError
from bench.gating import Gating
from bench.judge.stored import judge
from bench.record import Run
from bench.store import Store, read

ENVIRONMENT = {
    "device": {"label": "H100", "nvml": {"driver": "580.95"}},
    "torch": {"version": "2.13.0"},
    "git": {"commit": "26d7ec5", "dirty": False},
    "system": {"id": "ef25"},
}


@pytest.fixture
def measured(record, sample):
    """Makes the record of a run on a day, whose steps took so long."""

    def make(day=1, seconds=0.1, environment=ENVIRONMENT, **more):
        run = Run(f"run-{day}", f"2026-10-{day:02}T10:15:00+00:00", "wattmark run", 0, 3, "0.1.0")
        made = record(*([sample(step=seconds)] for _ in range(2)), run=run, **more)
        return replace(made, environment=environment)

    return make


@pytest.fixture
def store(tmp_path):
    """Makes a store of records."""

    def make(name, *records):
        for one in records:
            Store(tmp_path / name).write(one)
        return tmp_path / name

    return make


def files(path):
    return {file.name: file.read_bytes() for file in path.iterdir()} if path.exists() else {}


def test_accepted_records_are_a_store_with_one_record_a_case(measured, store, tmp_path):
    run = store("run", measured(1), measured(2), measured(2, batch_size=8))

    accept([run], tmp_path / "base", "first")

    assert [(one.case.batch_size, one.run.id) for one in read([tmp_path / "base"])] == [(2, "run-2"), (8, "run-2")]
    assert judge(read([tmp_path / "base"]), read([run]), lambda case: Gating(metrics=("time",)))[0]


def test_a_case_that_is_accepted_again_replaces_its_record_and_no_other(measured, store, tmp_path):
    base = tmp_path / "base"
    accept([store("one", measured(1), measured(1, batch_size=8))], base, "first")

    accept([store("two", measured(2))], base, "faster since the fix")

    assert [(one.case.batch_size, one.run.id) for one in read([base])] == [(8, "run-1"), (2, "run-2")]
    assert len(files(base)) == 3  # two records and the log


def test_an_older_run_can_be_made_the_baseline_again(measured, store, tmp_path):
    base = tmp_path / "base"
    accept([store("new", measured(5))], base, "too early")

    accept([store("old", measured(3))], base, "back")

    assert [one.run.id for one in read([base])] == ["run-3"]


def test_a_record_that_was_copied_in_under_another_name_is_replaced_too(measured, store, tmp_path):
    base = store("base", measured(9))
    (file,) = base.iterdir()
    file.rename(base / "mine.record.json")

    accept([store("run", measured(1))], base, "tidy")

    assert [one.run.id for one in read([base])] == ["run-1"]


def test_the_log_says_when_why_from_which_run_and_what_changed(measured, store, tmp_path):
    base = tmp_path / "base"
    accept([store("one", measured(1))], base, "first")
    newer = {**ENVIRONMENT, "torch": {"version": "2.14.0"}}

    entry = accept([store("two", measured(2, seconds=0.05, environment=newer))], base, " torch 2.14,\n twice as fast ")

    assert log(base)[-1] == entry
    assert [one.reason for one in log(base)] == ["first", "torch 2.14, twice as fast"]
    assert entry.accepted.endswith("+00:00")
    (case,) = entry.cases
    assert (case.run, case.replaced) == ("run-2", "run-1")
    assert case.differences == ("torch.version (2.13.0 before, 2.14.0 now)",)
    assert case.change == {"throughput": pytest.approx(1.0), "time.step": pytest.approx(-0.5)}
    assert log(base)[0].cases[0].replaced is None


def test_the_log_names_no_user_and_no_folder(measured, store, tmp_path):
    accept([store("run", measured(1))], tmp_path / "base", "first")

    text = (tmp_path / "base" / LOG).read_text()

    assert str(tmp_path) not in text
    assert os.environ.get("HOME", "nowhere") not in text
    assert set(json.loads(text)["log"][0]) == {"accepted", "reason", "wattmark", "cases"}


def test_a_record_that_was_disturbed_is_accepted_with_its_caveats_in_the_log(measured, store, tmp_path, sample):
    one = measured(1)
    busy = (replace(one.replicates[0], samples=(sample(covariates={"foreign_share": 0.4}),)), one.replicates[1])
    base = tmp_path / "base"

    (case,) = accept([store("run", replace(one, replicates=busy))], base, "first").cases

    assert any("other programs used up to 40%" in caveat for caveat in case.caveats)
    assert (show(base)[0].caveats, log(base)[0].cases[0].caveats) == (case.caveats, case.caveats)


@pytest.mark.parametrize("status", ["failed", "crashed", "timeout", "interrupted"])
def test_what_failed_or_was_not_finished_is_refused_and_nothing_is_changed(status, measured, store, tmp_path):
    base = tmp_path / "base"
    accept([store("one", measured(1))], base, "first")
    before = files(base)
    broken = store("two", measured(2, batch_size=8), measured(2, status=status, reason="because of this"))

    with pytest.raises(SpecError, match=f"is {status} \\(because of this\\)"):
        accept([broken], base, "second")

    assert files(base) == before


def test_a_case_that_ran_out_of_memory_is_an_answer_and_a_baseline(measured, store, tmp_path):
    run = store("run", measured(1, status="oom", reason="out of memory"))

    accept([run], tmp_path / "base", "the limit of this card")

    findings, notes = judge(read([tmp_path / "base"]), read([run]), lambda case: Gating())
    assert (findings, len(notes)) == ([], 1)


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_reason_is_needed(reason, measured, store, tmp_path):
    with pytest.raises(SpecError, match="--reason"):
        accept([store("run", measured(1))], tmp_path / "base", reason)

    assert not (tmp_path / "base").exists()


def test_an_empty_store_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()

    with pytest.raises(SpecError, match=r"holds no \*\.record\.json"):
        accept([tmp_path / "empty"], tmp_path / "base", "first")


@pytest.mark.parametrize("text", ["{}", "[]", "not JSON", '{"schema": "another", "log": []}'])
def test_a_log_that_is_not_ours_is_refused_and_kept(text, measured, store, tmp_path):
    base = store("base", measured(1))
    (base / LOG).write_text(text)
    before = files(base)

    with pytest.raises(SpecError, match=LOG):
        accept([store("run", measured(2))], base, "second")
    with pytest.raises(SpecError, match=LOG):
        show(base)

    assert files(base) == before


def test_a_baseline_is_shown_with_its_numbers_reasons_and_environment(measured, store, tmp_path):
    base = tmp_path / "base"
    accept([store("run", measured(1), measured(1, batch_size=8))], base, "first")
    accept([store("more", measured(2, seconds=0.05))], base, "second")

    rows = {row.case: row for row in show(base)}

    small, large = (str(Case("toys:Mlp", "cpu", "fp32", batch)) for batch in (2, 8))
    assert (rows[small].run, rows[small].reason) == ("run-2", "second")
    assert (rows[large].run, rows[large].reason) == ("run-1", "first")
    assert rows[small].environment == {
        "device": "H100", "torch": "2.13.0", "driver": "580.95", "commit": "26d7ec5",
    }  # fmt: skip
    assert rows[small].values["time.step"] == pytest.approx(0.05)
    assert json.loads(json.dumps(rows[small].to_json(), allow_nan=False))["accepted"] == rows[small].accepted


def test_a_record_that_nobody_accepted_is_shown_as_such(measured, store):
    (row,) = show(store("base", measured(1, environment={})))

    assert (row.accepted, row.reason, row.environment) == (None, None, {})


def test_no_baseline_is_one_line(tmp_path):
    with pytest.raises(SpecError, match="no such store"):
        show(tmp_path / "nowhere")
