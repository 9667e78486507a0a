"""Matrices: axes to cases, and every mistake one line before anything runs."""

import re

import pytest

from bench import matrix
from bench.case import PRECISIONS
from bench.entry import Axis, read_value
from bench.errors import SpecError
from bench.matrix import Override, expand, load, override, parse, searches
from bench.run import axes_of, check


def made(*tables, **settings):
    return parse({"cases": list(tables), **settings}, "test", axes_of)


MLP = {"workload": "toys:Mlp"}


def test_the_product_of_the_axes_is_the_cases():
    found = expand(made({**MLP, "precision": ["fp32", "bf16"], "batch_size": [1, 2], "width": [8, 16]}), ["cpu"])

    assert len({case.id for case in found}) == 8
    assert {(case.precision, case.batch_size, case.parameters["width"]) for case in found} == {
        (p, b, w) for p in ("fp32", "bf16") for b in (1, 2) for w in (8, 16)
    }


@pytest.mark.parametrize(
    "settings", [{"replicates": 2.5}, {"replicates": True}, {"budget": float("inf")}, {"timeout": 0}]
)
def test_what_is_no_number_of_replicates_or_seconds_is_refused(settings):
    (name,) = settings
    with pytest.raises(SpecError, match=f"{name} = .*; a (whole )?number above 0 is needed"):
        made(MLP, **settings)


def test_a_file_that_is_no_text_is_refused_in_one_line(tmp_path):
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecError, match="cannot be read"):
        load(str(tmp_path / "mine.toml"), axes_of)


def test_an_axis_may_be_of_two_types():
    either = Axis("limit", None, int | None, None)

    assert [read_value(value, "limit", either, "here") for value in (None, 3)] == [None, 3]
    with pytest.raises(SpecError, match=r"limit = 2\.5; a value of type int or None is needed"):
        read_value(2.5, "limit", either, "here")


def test_axes_that_are_left_out_are_in_the_case_by_their_default():
    (case,) = expand(made(MLP), ["cpu"])

    assert case.parameters == {"width": 64, "bias": True, "kind": "plain"}
    assert case.batch_size == 4


@pytest.mark.parametrize(
    ("devices", "together"),
    [
        (["cpu", "cuda:0", "cuda:1", "cuda:2"], [("cuda:0", 3)]),
        (["cuda:1", "cuda:2"], [("cuda:1", 2)]),
        (["cpu", "cuda:0"], []),
        (["cuda:0", "cuda:2"], []),  # the ranks would lie on devices that nobody asked for
        (["cpu", "mps"], []),
    ],
)
def test_an_entry_for_all_accelerators_is_one_case_from_the_first_of_them_on(devices, together):
    entries = {"workload": "peak:Collective", "on": "all accelerators"}, {"workload": "peak:Stream"}
    cases = expand(made(*entries), devices)

    found = [case for case in cases if case.workload == "peak:Collective"]
    assert [(case.device, case.devices) for case in found] == together


def test_an_entry_is_for_the_cpu_or_for_accelerators_or_for_both():
    found = made(
        {**MLP, "on": "cpu", "batch_size": 1}, {**MLP, "on": "accelerator", "batch_size": 64}, {**MLP, "width": 9}
    )

    assert {(case.device, case.batch_size) for case in expand(found, ["cpu", "cuda:0"])} == {
        ("cpu", 1),
        ("cpu", 4),
        ("cuda:0", 64),
        ("cuda:0", 4),
    }


def test_the_same_case_given_twice_is_one_case():
    assert len(expand(made(MLP, MLP), ["cpu", "cpu"])) == 1


def test_the_command_line_takes_the_place_of_the_files_values():
    wanted = Override(precision=["bf16"], batch_size=["7"], axes={"width": ["3", "5"]})
    found = expand(override(made({**MLP, "precision": "fp32"}), wanted, axes_of), ["cpu"])

    assert {(c.precision, c.batch_size, c.parameters["width"]) for c in found} == {("bf16", 7, 3), ("bf16", 7, 5)}


def test_a_workload_asked_for_by_name_leaves_out_the_others_and_brings_its_defaults():
    wanted = Override(workloads=["toys:Limited"])
    found = expand(override(made(MLP), wanted, axes_of), ["cpu"])

    assert [(case.workload, case.batch_size) for case in found] == [("toys:Limited", 4)]


def test_an_axis_is_set_only_where_a_workload_has_it():
    both = made(MLP, {"workload": "toys:Faulty"})
    found = expand(override(both, Override(axes={"fault": ["oom"]}), axes_of), ["cpu"])

    assert [case.parameters.get("fault") for case in found] == [None, "oom"]


def test_max_is_searched_for_and_the_fixed_sizes_stay():
    found = made({**MLP, "batch_size": [2, "max"]})

    assert [case.batch_size for case in expand(found, ["cpu"])] == [2]
    assert [case.batch_size for case in searches(found, ["cpu"])] == [1]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            {**MLP, "widht": 8},
            "unknown key 'widht'; one of batch_size, bias, gate, kind, on, precision, width, ",
        ),
        ({**MLP, "width": "8"}, "width = '8'; a value of type int is needed"),
        ({**MLP, "width": True}, "width = True; a value of type int is needed"),
        ({**MLP, "kind": "narrow"}, "kind = 'narrow'; one of plain, wide"),
        ({**MLP, "precision": "fp8"}, "precision 'fp8'; one of " + ", ".join(PRECISIONS)),
        ({**MLP, "batch_size": 0}, "batch size 0; a whole number above 0, or max"),
        ({**MLP, "on": "gpu"}, 'on = \'gpu\'; one of "cpu", "accelerator", "all accelerators", or left out for any'),
        ({**MLP, "on": "all accelerators"}, "needs a workload with the axis 'world_size', and toys:Mlp has none"),
        ({"width": 8}, "names no workload"),
        ({"workload": "toys:Nothing"}, "it has toys:Mlp, toys:Faulty, toys:Limited"),
        ({"workload": "nowhere:Thing"}, "no module workloads.nowhere or nowhere"),
        ({"workload": "toys"}, "needs the form module:Class"),
    ],
)
def test_a_mistake_in_the_file_is_one_line_that_says_where_and_what_would_be_right(table, message):
    with pytest.raises(SpecError) as refused:
        made(table)

    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (
            Override(axes={"depth": ["3"]}),
            "no workload of this matrix has the axis 'depth'; their axes are bias, kind, width",
        ),
        (Override(axes={"width": ["wide"]}), "width = 'wide'; a value of type int is needed"),
        (Override(axes={"bias": ["maybe"]}), "bias = 'maybe'; a value of type bool is needed"),
        (Override(axes={"batch_size": ["3"]}), "give it as --batch"),
        (Override(batch_size=["many"]), "batch size 'many'"),
        (Override(precision=["fp31"]), "precision 'fp31'"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line(wanted, message):
    with pytest.raises(SpecError) as refused:
        override(made(MLP), wanted, axes_of)

    assert message in str(refused.value)


def test_a_value_that_the_workload_itself_refuses_is_the_users_mistake():
    with pytest.raises(SpecError, match="toys:Mlp: width = 0; 1 or more is needed"):
        check(expand(made({**MLP, "width": 0}), ["cpu"]))


def test_a_matrix_without_cases_for_the_devices_is_refused():
    with pytest.raises(SpecError, match="no case for cpu; its entries are for: accelerator"):
        expand(made({**MLP, "on": "accelerator"}), ["cpu"])


def test_settings_are_numbers_above_zero():
    with pytest.raises(SpecError, match="budget = 0"):
        made(MLP, budget=0)


@pytest.mark.parametrize("name", matrix.names())
def test_every_shipped_matrix_is_valid_and_has_cases_for_the_cpu_and_for_accelerators(name):
    loaded = load(name, axes_of)

    assert loaded.description
    for device in ("cpu", "cuda:0"):
        check(expand(loaded, [device]))


def test_a_matrix_that_is_not_there_is_refused_with_the_names_that_are(tmp_path):
    with pytest.raises(SpecError, match="full, peaks, quick, smoke"):
        load("fast", axes_of)
    (tmp_path / "bad.toml").write_text("[[cases]")
    with pytest.raises(SpecError, match="not TOML"):
        load(str(tmp_path / "bad.toml"), axes_of)


def test_the_gate_table_holds_for_all_cases_and_a_case_may_say_otherwise():
    data = {
        "gate": {"metrics": ["time", "energy"], "margin": {"time": 0.05}},
        "cases": [MLP, {**MLP, "width": 8, "gate": {"margin": {"energy": 0.1}, "sequential": True}}],
    }

    first, second = matrix.gated(matrix.parse(data, "mine", axes_of), ["cpu"])

    assert first[1].metrics == second[1].metrics == ("time", "energy")
    assert (first[1].margin_of("time"), first[1].margin_of("energy")) == (0.05, 0.05)
    assert (second[1].margin_of("time"), second[1].margin_of("energy")) == (0.05, 0.1)
    assert (first[1].sequential, second[1].sequential) == (False, True)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"metrics": ["speed"]}, "[gate]: metrics = ['speed']; a list of time, throughput, memory, energy is needed"),
        ({"margin": {"time": 3}}, "a table of shares from 0 to below 1 is needed"),
        ({"margin": 0.03}, "a table of shares"),
        ({"pairs": 2}, "[gate]: pairs = 2; a whole number from 4 to 64 is needed"),
        ({"pairs": True}, "a whole number from 4 to 64 is needed"),
        ({"seconds": 0}, "a number of seconds above 0 is needed"),
        ({"sequential": 1}, "true or false"),
        ({"minimum": -0.1}, "a share from 0 to below 1 is needed"),
        (
            {"margin": {"tiem": 0.1}},
            "nothing has a margin called 'tiem'; one of time, throughput, memory, energy, ",
        ),
        ({"margin": {"memory.peak": 0.1}}, "nothing has a margin called 'memory.peak'"),  # it is called memory
        ({"margins": {}}, "unknown key 'margins'; one of contaminated, margin, metrics, minimum, pairs"),
        ([], "a table is needed"),
    ],
)
def test_a_mistake_in_a_gate_table_is_one_line(table, message):
    with pytest.raises(SpecError, match=re.escape(message)):
        matrix.parse({"gate": table, "cases": [MLP]}, "mine", axes_of)
    with pytest.raises(SpecError, match=re.escape(message.replace("[gate]", "gate"))):
        matrix.parse({"cases": [{**MLP, "gate": table}]}, "mine", axes_of)


def test_a_way_to_compute_that_is_as_usual_is_not_named_so_that_older_cases_keep_their_ids():
    def axes(name):
        own = {"batch_size": Axis("batch_size", 1, int, None), "depth": Axis("depth", 18, int, None)}
        return {**own, "variant": Axis("variant", "plain", str, None)}

    made = expand(parse({"cases": [{"workload": "w", "variant": ["plain", "tuned"]}]}, "m", axes), ["cpu"])

    assert [case.parameters for case in made] == [{"depth": 18}, {"depth": 18, "variant": "tuned"}]
    assert made[0].id == expand(parse({"cases": [{"workload": "w"}]}, "m", lambda name: axes(name)), ["cpu"])[0].id
