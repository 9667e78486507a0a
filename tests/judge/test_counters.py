"""Judging exact counts: equal or not, with what it is that came; and never green where nothing was compared."""

import pytest

from bench.case import Case
from bench.counted import COUNTERS
from bench.gating import Gating
from bench.judge.counters import compare
from bench.judge.finding import Judgement
from bench.record import absent

CASE = Case("bert:Classify", "cpu", "fp32", 2)
OPERATORS = {"aten.mm.default": 90, "aten.add.Tensor": 12}


def counted(value, **histogram):
    return {"value": value, "source": "made", **({"histogram": histogram} if histogram else {})}


def operators(**changes):
    histogram = {name: count for name, count in {**OPERATORS, **changes}.items() if count}
    return counted(sum(histogram.values()), **histogram)


def counters(**changes):
    """The counters of a CPU's step, with some of them changed; names have _ for a dot."""
    made = {name: counted(1000) for name in COUNTERS} | {"operators": operators(), "faults": counted(2)}
    for name in ("graph.breaks", "graph.recompiles", "kernels"):
        made[name] = absent("not here")
    return made | {name.replace("_", "."): one for name, one in changes.items()}


def found(base, head, **gating):
    return {finding.metric: finding for finding in compare(CASE, base, head, Gating(**gating))}


def code(base, head, **gating):
    findings = tuple(compare(CASE, base, head, Gating(**gating)))
    return Judgement("1", "", "", "counters", {}, {}, findings).exit_code


def test_equal_counts_are_unchanged_and_pass():
    findings = found(counters(), counters())

    assert {finding.verdict for finding in findings.values()} == {"unchanged"}
    assert findings.keys() == COUNTERS.keys() - {"graph.breaks", "graph.recompiles", "kernels"}
    assert findings["flop.computed"].effect == 0
    assert findings["flop.computed"].unit == "FLOP"
    assert code(counters(), counters()) == 0


def test_one_more_is_regressed_and_one_less_is_improved():
    more, less = (found(counters(), counters(flop_computed=counted(one)))["flop.computed"] for one in (1001, 999))

    assert (more.verdict, more.base, more.head) == ("regressed", 1000, 1001)
    assert more.effect == pytest.approx(0.001)
    assert less.verdict == "improved"
    assert code(counters(), counters(flop_computed=counted(1001))) == 1
    assert code(counters(), counters(flop_computed=counted(999))) == 0


def test_what_came_what_went_and_what_there_is_more_of_is_named_the_largest_change_first():
    head = operators(**{"aten.mm.default": 96, "aten.gelu.default": 4, "aten.add.Tensor": 0})
    reasons = found(counters(), counters(operators=head))["operators"].reasons

    assert reasons == ("operators: gone: aten.add.Tensor 12, aten.mm.default 90 -> 96, new: aten.gelu.default 4.",)


def test_five_changes_are_named_and_the_rest_counted():
    head = operators(**{f"aten.new{number}.default": 9 - number for number in range(8)})
    (reason,) = found(counters(), counters(operators=head))["operators"].reasons

    assert reason.count("new: ") == 5
    assert "aten.new4.default 5 and 3 more." in reason


def test_as_many_operators_that_are_others_are_no_change_proven_and_none_disproven():
    head = counters(operators=operators(**{"aten.mm.default": 89, "aten.bmm.default": 1}))
    swapped = found(counters(), head)["operators"]

    assert swapped.verdict == "inconclusive"
    assert swapped.reasons == ("operators: new: aten.bmm.default 1, aten.mm.default 90 -> 89.",)
    assert code(counters(), head) == 3


def test_as_many_kernels_under_other_names_are_as_many_kernels():
    base, head = (counters(kernels=counted(3, **{name: 3})) for name in ("sgemm", "sgemm_tn"))
    kernels = found(base, head)["kernels"]

    assert kernels.verdict == "unchanged"
    assert kernels.reasons == ("kernels: gone: sgemm 3, new: sgemm_tn 3.",)


def test_the_first_finding_is_the_cause():
    head = counters(
        allocated_step=counted(2000),
        flop_dispatched=counted(2000),
        operators=operators(**{"aten.mm.default": 96}),
        parameters=absent("lost"),
    )
    order = [finding.metric for finding in compare(CASE, counters(), head, Gating())]

    assert order[:4] == ["operators", "flop.dispatched", "allocated.step", "parameters"]
    base = counters(graph_breaks=counted(0))
    (first, *_) = compare(CASE, base, {**head, "graph.breaks": counted(1, print=1)}, Gating())
    assert (first.metric, first.verdict, first.effect) == ("graph.breaks", "regressed", None)
    assert first.reasons == ("graph.breaks: new: print 1.",)


def test_page_faults_may_differ_by_as_much_as_the_same_code_does():
    def verdict(base, head):
        return found(counters(faults=counted(base)), counters(faults=counted(head)))["faults"].verdict

    assert [verdict(2, head) for head in (0, 66, 67)] == ["unchanged", "unchanged", "regressed"]
    assert [verdict(40_000, head) for head in (42_000, 42_001, 37_999)] == ["unchanged", "regressed", "improved"]


def test_a_tolerated_difference_says_that_it_is_one():
    findings = found(counters(), counters(faults=counted(40)))

    assert findings["faults"].reasons == ("faults: up to 64 more or less counts as none.",)
    assert findings["flop.computed"].reasons == ()


def test_peak_memory_is_judged_where_memory_is_gated_and_by_its_margin():
    head = counters(memory_peak=counted(1010))

    assert found(counters(), head)["memory.peak"].verdict == "regressed"
    assert found(counters(), head, margin={"memory": 0.01})["memory.peak"].verdict == "unchanged"
    assert found(counters(), head, margin={"memory": 0.0099})["memory.peak"].verdict == "regressed"
    assert "memory.peak" not in found(counters(), head, metrics=("time",))
    assert "allocated.step" in found(counters(), head, metrics=("time",))


def test_a_counter_may_have_a_margin_of_its_own():
    head = counters(allocated_step=counted(1050))

    assert found(counters(), head)["allocated.step"].verdict == "regressed"
    judged = found(counters(), head, margin={"allocated.step": 0.05})["allocated.step"]
    assert (judged.verdict, judged.margin) == ("unchanged", 0.05)


@pytest.mark.parametrize("missing", [absent("two steps in a row differed"), None])
def test_a_counter_that_only_one_side_has_is_incomparable_and_says_why(missing):
    head = counters()
    head["operators"] = missing
    if missing is None:
        del head["operators"]
    finding = found(counters(), head)["operators"]

    assert (finding.verdict, finding.base, finding.head) == ("incomparable", 102, None)
    why = "two steps in a row differed" if missing else "it has no such counter"
    assert finding.reasons == (f"operators was not counted on head: {why}.",)
    assert code(counters(), head) == 3
    assert found(head, counters())["operators"].verdict == "incomparable"


def test_a_counter_that_neither_side_has_is_no_finding():
    assert "kernels" not in found(counters(), counters())


@pytest.mark.parametrize(
    ("base", "head", "reason"),
    [
        (None, None, "Nothing was counted on base and head."),
        ({"parameters": absent("not told")},) * 2 + ("Nothing that is gated was counted on either side: not told.",),
        ({}, {}, "Nothing that is gated was counted on either side: there are no counters."),
    ],
)
def test_a_case_without_counters_is_never_green(base, head, reason):
    (finding,) = compare(CASE, base, head, Gating())

    assert (finding.verdict, finding.reasons) == ("incomparable", (reason,))
    assert code(base, head) == 3


@pytest.mark.parametrize("side", ["base", "head"])
def test_a_case_that_one_side_did_not_count_is_incomparable_in_every_counter(side):
    sides = {"base": counters(), "head": counters(), side: None}
    findings = compare(CASE, sides["base"], sides["head"], Gating())

    assert {finding.verdict for finding in findings} == {"incomparable"}
    assert code(sides["base"], sides["head"]) == 3


def test_every_counter_that_is_counted_has_its_meaning_and_less_is_exact_but_for_faults():
    for counter in COUNTERS.values():
        assert counter.meaning.endswith(".")
        assert counter.unit in ("1", "B", "FLOP")
        assert (counter.share, counter.least) == ((0.05, 64.0) if counter.name == "faults" else (0.0, 0.0))


def test_a_counter_that_came_later_is_left_out_where_one_side_was_counted_before_there_was_any():
    old = counters()
    del old["bytes.dispatched"]

    assert found(old, counters()).keys() == found(counters(), counters()).keys() - {"bytes.dispatched"}
    assert code(old, counters()) == 0
    head = counters(bytes_dispatched=absent("two steps in a row differed"))
    assert found(counters(), head)["bytes.dispatched"].verdict == "incomparable"
    assert found(counters(), counters(bytes_dispatched=counted(1001)))["bytes.dispatched"].verdict == "regressed"
