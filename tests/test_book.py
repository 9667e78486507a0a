"""A run's records as they grow."""

from dataclasses import asdict, replace

import pytest

from bench.book import Book
from bench.case import Case
from bench.caveats import caveats
from bench.engines import Ended
from bench.job import Outcome
from bench.rates import values
from bench.record import Flops, Reading, Replicate, Run, Sample
from bench.store import Store

RUN = Run("r1", "2026-11-23T12:00:00+00:00", "wattmark run", 1, 2, "0.1.0")
CASE = Case("toys:Mlp", "cpu", "fp32", 4, {"width": 8})
LARGER = Case("toys:Mlp", "cpu", "fp32", 8, {"width": 8})


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


@pytest.fixture
def book(store):
    return Book(store, RUN, {"cpu": {"host": "here"}})


def well(index, flops=((7, 5),)):
    return Ended(
        asdict(Outcome(Replicate(index, "ok"), 3, {"sha256": "x"}, {"parameters": 1}, flops)), stderr="a warning"
    )


def test_each_replicate_is_on_disk_before_the_next_one_starts(book, store):
    book.add(CASE, 0, well(0))
    (first,) = store
    assert (first.status, first.reason, len(first.replicates)) == ("interrupted", "1 of 2 replicates measured", 1)

    book.add(CASE, 1, well(1))
    (second,) = store
    assert (second.status, second.reason, len(second.replicates), second.version) == ("ok", None, 2, 3)


def test_a_case_that_has_measured_is_not_said_to_be_out_of_memory_because_a_smaller_one_is_now(book, store):
    """As when somebody else took the memory between two rounds."""
    book.add(LARGER, 0, well(0))
    book.add(CASE, 0, Ended(None, "oom", "out of memory"))

    assert book.imply_oom(LARGER) is None
    assert [len(record.replicates) for record in store if record.case == LARGER] == [1]
    assert book.needs(LARGER, 1)


@pytest.mark.parametrize("status", ["crashed", "timeout", "oom", "unsupported", "failed"])
def test_one_bad_replicate_ends_the_case_and_keeps_what_was_measured(book, status):
    book.add(CASE, 0, well(0))
    record = book.add(CASE, 1, Ended(None, status, "because", "Traceback"))

    assert (record.status, record.reason) == (status, "because")
    assert [replicate.status for replicate in record.replicates] == ["ok", status]
    assert record.replicates[1].stderr == "Traceback"
    assert not book.needs(CASE, 2)


def measured(index, seconds=1.0, **more):
    """A replicate of four steps in one window of 1 s, or of what is said."""
    sample = Sample(0, 4, seconds, (0.25,) * 4, {"row": 16.0}, **more)
    return Ended(asdict(Outcome(Replicate(index, "ok", samples=(sample,)), 3)))


def test_a_measured_case_whose_numbers_can_be_is_ok(book):
    book.add(CASE, 0, measured(0))

    assert book.add(CASE, 1, measured(1)).status == "ok"


def test_a_case_with_an_impossible_number_has_failed_and_publishes_none(book, store):
    book.add(CASE, 0, measured(0))
    record = book.add(CASE, 1, measured(1, seconds=0.25))  # the work of four steps over the time of one

    assert record.status == "failed"
    assert record.reason.startswith("implausible: the steps took 1 s together, in a window of 0.25 s")
    assert {found.value for found in values(record)} == {None}
    assert {found.reason for found in values(record)} == {record.reason}
    (written,) = store
    assert written == record
    assert len(written.samples) == 2  # the raw numbers stay, to be looked into


def test_a_case_with_an_impossible_number_is_not_measured_again(book):
    record = book.add(CASE, 0, measured(0, seconds=0.25))

    assert record.status == "failed"
    assert not book.needs(CASE, 1)


def test_a_rate_above_the_boards_peak_fails_the_case(store):
    board = {"device": {"label": "NVIDIA H100 80GB HBM3"}}
    book = Book(store, RUN, {"cuda:0": board})
    case = replace(CASE, device="cuda:0", precision="bf16")

    assert book.add(case, 0, measured(0, flop=int(0.5e15))).status == "interrupted"
    assert "above the dense bf16 peak of H100 SXM5" in book.add(case, 1, measured(1, flop=int(1.5e15))).reason


def test_a_doubt_that_leaves_the_rest_standing_does_not_fail_the_case(book):
    none = {"energy": Reading(0.0, "counter")}
    book.add(CASE, 0, measured(0, readings=none))

    record = book.add(CASE, 1, measured(1, readings=none))

    assert record.status == "ok"
    assert any("energy is 0 J" in caveat for caveat in caveats(record))


def test_why_a_replicate_ended_badly_goes_before_what_the_others_measured(book):
    book.add(CASE, 0, Ended(None, "crashed", "killed"))

    assert book.add(CASE, 1, measured(1, seconds=0.25)).reason == "killed"


def test_stderr_is_kept_of_what_went_wrong_and_not_of_what_went_well(book):
    record = book.add(CASE, 0, well(0))

    assert record.replicates[0].stderr == ""


def test_nothing_that_names_the_user_is_kept(book, store, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    inputs, model = {"name": "/home/ann/reviews", "sha256": "x"}, {"parameters": 1, "weights": "/home/ann/bert"}
    bad = Replicate(0, "failed", "ValueError: /home/ann/reviews")

    book.add(CASE, 0, Ended(asdict(Outcome(bad, 3, inputs, model)), stderr='File "/home/ann/thing.py"'))
    book.add(LARGER, 0, Ended(None, "crashed", "killed", 'File "/home/ann/thing.py"'))

    assert "ann" not in "".join(record.to_json() for record in store)
    assert next(iter(store)).replicates


def test_a_resumed_book_needs_only_the_replicates_that_are_missing(book, store):
    book.add(CASE, 1, well(1))
    resumed = Book(store, RUN, {"cpu": {}}, list(store))

    assert resumed.needs(CASE, 0)
    assert not resumed.needs(CASE, 1)
    assert resumed.add(CASE, 0, well(0)).status == "ok"


def test_a_larger_batch_of_a_case_that_ran_out_of_memory_is_not_run_but_is_a_row(book, store):
    book.add(CASE, 0, Ended(None, "oom", "no memory"))

    implied = book.imply_oom(LARGER)

    assert implied is not None
    assert (implied.status, implied.replicates) == ("oom", ())
    assert implied.reason == "implied, not run: batch size 4 ran out of memory"
    assert len(list(store)) == 2


@pytest.mark.parametrize(
    "other",
    [
        Case("toys:Mlp", "cpu", "fp32", 2, {"width": 8}),
        Case("toys:Mlp", "cpu", "bf16", 8, {"width": 8}),
        Case("toys:Mlp", "cpu", "fp32", 8, {"width": 4}),
    ],
)
def test_an_oom_implies_nothing_for_smaller_batches_or_other_cases(book, other):
    book.add(CASE, 0, Ended(None, "oom", "no memory"))

    assert book.imply_oom(other) is None


def test_flops_are_counted_once_for_a_case(book):
    assert book.flops(CASE) is None
    book.add(CASE, 0, well(0, flops=((3, 3), (4, 2))))
    assert list(book.flops(CASE)) == [Flops(3, 3), Flops(4, 2)]


@pytest.mark.parametrize(
    ("device", "status", "tells"),
    [
        ("cpu", "ok", True),
        ("cuda:0", "ok", True),
        ("cuda:0", "oom", True),
        ("cpu", "oom", False),
        ("cuda:0", "crashed", False),
    ],
)
def test_a_profile_is_taken_once_of_what_went_well_and_on_cuda_of_what_ran_out_of_memory(store, device, status, tells):
    book, case = Book(store, RUN, {device: {"host": "here"}}), replace(CASE, device=device)
    assert not book.tells_more(case)
    for index in range(2):
        book.add(case, index, well(index) if status == "ok" else Ended(None, status, "because"))

    assert book.tells_more(case) is tells
    book.add_profile(case, Ended(asdict(Outcome(Replicate(0, "ok"), profile={"steps": 3}))))
    assert not book.tells_more(case)


def test_no_profile_is_taken_of_a_case_that_never_ran(store):
    book = Book(store, RUN, {"cuda:0": {"host": "here"}})
    small, large = (replace(one, device="cuda:0") for one in (CASE, LARGER))
    book.add(small, 0, Ended(None, "oom", "because"))
    book.imply_oom(large)

    assert not book.tells_more(large)


def test_a_replicate_that_sends_what_does_not_fit_fails_with_its_place_and_stops_nothing(book, store):
    sent = {**well(0).result, "version": "two"}

    record = book.add(CASE, 0, Ended(sent, stderr="a warning"))

    assert record.status == "failed"
    assert record.reason == "what the replicate sent does not fit: Expected `int | null`, got `str` - at `$.version`"
    assert record.replicates[0].stderr == "a warning"
    assert book.add(LARGER, 0, well(0)).status == "interrupted"  # the run goes on
    assert len(list(store)) == 2
