"""The capacity plan: its arithmetic by hand, from demand to money and from tokens to days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from made_records import H100, failure, many, record

from bench.errors import SpecError
from bench.record import Record
from reports import build as report_of
from reports.plan import build, read, usual
from reports.plan.candidates import USABLE, targets
from reports.plan.inputs import ALL, Inputs, Quantity, Source
from reports.plan.plan import SHEETS, Plan
from reports.plan.planfile import template
from reports.plan.step import IN_TRAINING, NO_POINT, NOT_TRAINING, Step, evaluate, formula

TODAY = date(2026, 11, 24)
STEPS = {step.name: step for steps in SHEETS.values() for step in steps}

# One workload on one device, as it would be known after the operating point was found.
KNOWN: dict[str, Quantity] = {
    **{name: entry.default for name, entry in ALL.items()},
    "mode": "online", "demand": 1000.0, "peak_to_mean": 2.0, "growth": 0.5, "horizon": 2.0, "target_utilisation": 0.6,
    "pue": 1.5, "electricity_price": 0.2, "carbon_intensity": 400.0, "depreciation": 4.0,
    "devices_per_node": 8, "nodes_per_rack": 4, "host_power": 400.0, "rent": 2.5, "price": 3e4, "node_price": 8000.0,
    "training_items": 3.6e9, "deadline": 24.0, "scaling_efficiency": 0.8, "overhead": 0.05,
    "point": 100.0, "throughput": 110.0, "low": 100.0, "time": 0.08, "power": 300.0, "maximum": 350.0, "idle": 60.0,
    "flop_item": 2e10, "token_item": 128.0, "measured_parameters": 1.1e8, "problem": "a", "device": "b",
}  # type: ignore[dict-item]  # fmt: skip


def follow(**changes: Any) -> dict[str, Any]:
    """All steps of the plan, each fed with those before it."""
    known: dict[str, Any] = {**KNOWN, **changes}
    for name, step in STEPS.items():
        known[name] = evaluate(step, known, peers=[])
    return known


def test_a_fleet_by_hand():
    known = follow()

    assert known["mean_demand"] == pytest.approx(2250)
    assert known["peak_demand"] == pytest.approx(4500)
    assert known["devices"] == 75  # 4500 / (100 * 0.6)
    assert known["nodes"] == 10
    assert known["busy"] == pytest.approx(2250 / 7500)


def test_devices_that_are_out_of_order_and_spare_ones_come_on_top():
    assert follow(availability=0.9, spares=2)["devices"] == 86  # 75 / 0.9 = 83.3


def test_offline_work_has_no_peak_and_no_objective():
    known = follow(mode="offline", peak_to_mean=None, slo=1.0)

    assert (known["peak_demand"], known["utilisation"], known["devices"]) == (pytest.approx(2250), 0.6, 38)


def test_an_objective_bounds_the_utilisation_by_a_queue():
    # M/D/1: a step takes 80 ms, so 20 ms are left to wait: 2 * 20 / (80 + 2 * 20).
    assert follow(slo=100.0)["utilisation"] == pytest.approx(1 / 3)
    assert follow(slo=1000.0)["utilisation"] == 0.6
    assert follow(slo=80.0)["utilisation"] == "a step takes all of the objective"
    assert follow(slo=80.0)["devices"] == "a step takes all of the objective"


def test_power_by_hand():
    known = follow(rack_power=7.0)

    assert known["node_power"] == 8 * 350 + 400
    assert known["it_power"] == pytest.approx((75 * 350 + 10 * 400) / 1000)
    assert known["facility_power"] == pytest.approx(30.25 * 1.5)
    assert (known["in_rack"], known["racks"]) == (2, 5)  # 7 kW hold two nodes of 3.2 kW
    assert known["mean_power"] == pytest.approx(60 + 240 * 0.3)
    assert known["energy"] == pytest.approx((75 * 132 + 10 * 400) * 1.5 * 8.76)
    assert known["carbon"] == pytest.approx(known["energy"] * 400 / 1e6)


def test_a_rack_holds_what_its_room_and_its_power_allow():
    assert follow(rack_power=None)["in_rack"] == 4
    assert follow(rack_power=100.0)["in_rack"] == 4
    assert follow(rack_power=3.0)["racks"] == "a node draws more than a rack may"


@pytest.mark.parametrize(("policy", "watts"), [("measured maximum", 350.0), ("measured mean", 300.0), ("rated", 700.0)])
def test_power_is_provided_as_the_policy_says(policy: str, watts: float):
    assert follow(power_policy=policy, rated_power=700.0)["provided"] == watts
    lacking = follow(power_policy=policy, rated_power=None, power="no meter", maximum="no meter")["provided"]
    assert lacking in ("maximum power not measured", "power not measured", "enter the rated power in Inputs")


def test_cost_by_hand():
    known = follow(demand_charge=10.0)

    assert known["rented"] == pytest.approx(75 * 2.5 * 8760)
    assert known["capital"] == pytest.approx((75 * 30_000 + 10 * 8000) / 4)
    assert known["electricity"] == pytest.approx(known["energy"] * 0.2 + 45.375 * 10 * 12)
    assert known["owned"] == pytest.approx(known["capital"] + known["electricity"])
    assert known["rented_per_million"] == pytest.approx(75 * 2.5 / (2250 * 3600) * 1e6)
    assert known["saturated"] == pytest.approx(2.5 / 360_000 * 1e6)
    assert known["cheaper"] == "buy"
    assert known["cheapest"] == known["owned"]
    assert known["break_even"] == pytest.approx(known["owned"] / known["rented"])


def test_the_cheaper_of_what_has_a_price():
    assert follow(price=None)["cheapest"] == follow()["rented"]
    assert follow(price=None)["cheaper"] == "enter the price of a device in Inputs"
    assert follow(rent=None)["cheapest"] == follow()["owned"]
    assert follow(price=None, rent=None)["cheapest"] == "enter the rent in Inputs"
    assert follow(rent=0.1)["cheaper"] == "rent"


def test_a_training_run_by_hand():
    known = follow(mode="training")

    hours = 3.6e9 / (100 * 0.8 * 0.95) / 3600
    assert known["device_hours"] == pytest.approx(hours)
    assert known["training_devices"] == 549  # hours / 24
    assert known["days"] == pytest.approx(hours / 549 / 24)
    assert known["training_energy"] == pytest.approx((549 * 300 + 69 * 400) * hours / 549 * 1.5 / 1000)
    assert known["training_carbon"] == pytest.approx(known["training_energy"] * 0.4)
    assert known["training_rent"] == pytest.approx(hours * 2.5)
    assert known["training_electricity"] == pytest.approx(known["training_energy"] * 0.2)
    assert known["training_flop"] == pytest.approx(3.6e9 * 2e10)
    assert known["training_tokens"] == pytest.approx(3.6e9 * 128)
    assert known["optimal_tokens"] == pytest.approx(20 * 1.1e8)
    assert known["token_share"] == pytest.approx(3.6e9 * 128 / 2.2e9)


def test_a_model_that_was_not_measured_is_planned_by_data_times_model_over_compute():
    known = follow(mode="training", tokens=1e12, parameters=7e9)

    assert known["training_flop"] == pytest.approx(6 * 7e9 * 1e12)
    assert known["compute"] == pytest.approx(2e12)
    assert known["device_hours"] == pytest.approx(4.2e22 / (2e12 * 0.8 * 0.95) / 3600)
    assert known["token_share"] == pytest.approx(1e12 / 1.4e11)
    assert known["optimal_parameters"] == pytest.approx((4.2e22 / 120) ** 0.5)
    assert known["optimal_budget"] == pytest.approx(20 * (4.2e22 / 120) ** 0.5)
    # The budget spends the same FLOPs.
    assert 6 * known["optimal_parameters"] * known["optimal_budget"] == pytest.approx(4.2e22)


def test_mfu_and_a_peak_stand_in_for_measured_compute():
    assert follow(mode="training", tokens=1e12, parameters=7e9, mfu=0.4, peak=1e15)["compute"] == pytest.approx(4e14)
    assert follow(mode="training", mfu=0.4)["compute"] == pytest.approx(2e12)


def test_training_and_serving_are_planned_apart():
    serving, training = follow(), follow(mode="training")

    assert {training[step.name] for step in SHEETS["Fleet"]} == {IN_TRAINING}
    assert {serving[step.name] for step in SHEETS["Training"]} == {NOT_TRAINING}


def test_scenarios_by_hand():
    known = follow()

    assert (known["low_devices"], known["high_devices"]) == (38, 150)
    assert known["high_power"] == pytest.approx((150 * 350 + 19 * 400) * 1.5 / 1000)
    assert known["low_rent"] == pytest.approx(38 * 2.5 * 8760)
    assert (known["devices_by_mean"], known["devices_by_low"]) == (69, 75)


def test_a_hair_above_a_whole_number_is_no_further_device():
    known = follow(demand=0.3, peak_to_mean=1.0, growth=0.0, point=0.1, target_utilisation=1.0)

    assert known["devices"] == 3


@pytest.mark.parametrize(
    ("lacking", "empty", "told"),
    [
        ("power", ("mean_power", "energy", "carbon", "electricity", "owned"), "power not measured"),
        ("idle", ("mean_power", "energy"), "idle power not measured"),
        ("demand", ("mean_demand", "peak_demand", "devices", "nodes", "racks"), "enter the mean demand in Inputs"),
        ("peak_to_mean", ("peak_demand", "devices"), "enter the peak to mean demand in Inputs"),
        ("rent", ("rented", "rented_per_million", "saturated"), "enter the rent in Inputs"),
        ("carbon_intensity", ("carbon",), "enter the carbon intensity in Inputs"),
    ],
)
def test_what_is_missing_is_said_in_all_that_follows(lacking: str, empty: tuple[str, ...], told: str):
    known = follow(**{lacking: None})

    assert {known[name] for name in empty} == {told}
    numbers = {name for name in STEPS if isinstance(known[name], (int, float))}
    assert all(known[name] != 0 for name in numbers - {"rank"})


def test_without_an_operating_point_nothing_is_zero():
    known = follow(point=NO_POINT, throughput=NO_POINT, low=NO_POINT, time=NO_POINT, power=NO_POINT, maximum=NO_POINT)

    after = [step.name for sheet in ("Fleet", "Power") for step in SHEETS[sheet]][2:]
    assert {known[name] for name in after} == {NO_POINT}


def case(**changes: Quantity) -> Quantity:
    known: dict[str, Quantity] = {
        **KNOWN, "throughput": 100.0, "low": 90.0, "memory": 70e9, "device_memory": 80.0, "memory_headroom": 0.1,
        "p50": 0.08, "p95": 0.09, "p99": "it takes 1000 steps", "percentile": "p95", **changes,
    }  # fmt: skip
    return evaluate(USABLE, known)


def test_a_case_is_usable_by_its_lower_bound_if_it_fits_with_head_room():
    assert case() == 90.0
    assert case(confidence="mean") == 100.0
    assert case(memory=72e9) == 90.0
    assert case(memory=72.1e9) == "does not fit the memory"
    assert case(low="no interval") == "no lower bound"
    assert case(memory="no driver") == "memory not measured"
    assert case(device_memory=None) == "enter the device memory in Inputs"
    assert case(throughput="oom") == "oom"


def test_a_case_is_usable_if_it_keeps_the_objective_at_the_percentile_asked_for():
    assert case(slo=95.0) == 90.0
    assert case(slo=85.0) == "slower than the objective"
    assert case(slo=85.0, percentile="p50") == 90.0
    assert case(slo=85.0, percentile="p99") == "p99 not measured"
    assert case(slo=85.0, mode="offline") == 90.0


def plan_of(records: list[Record], **changes: Quantity) -> Plan:
    report = report_of(records)
    return build(report, with_(usual(report.cases, TODAY), **changes))


def with_(inputs: Inputs, **changes: Quantity) -> Inputs:
    """The inputs with values changed, of everything that has an input of that name."""

    def laid(values: Mapping[str, Quantity]) -> dict[str, Quantity]:
        return {name: changes.get(name, value) for name, value in values.items()}

    return replace(
        inputs,
        general=laid(inputs.general),
        workload={owner: laid(values) for owner, values in inputs.workload.items()},
        device={owner: laid(values) for owner, values in inputs.device.items()},
    )


def test_the_operating_point_is_the_highest_lower_bound_and_not_the_highest_mean():
    steady = record(batch_size=8, seconds=(0.1, 0.1001, 0.0999))
    shaky = record(batch_size=16, seconds=(0.18, 0.26, 0.18))

    assert plan_of([steady, shaky]).rows[0]["batch_size"] == 8
    assert plan_of([steady, shaky], confidence="mean").rows[0]["batch_size"] == 16


def test_different_work_is_planned_apart():
    rows = report_of([record(parameters={"sequence_length": length}) for length in (128, 512)]).cases

    assert [target.problem for target in targets(rows)] == [
        "bert:Pretrain sequence_length=128", "bert:Pretrain sequence_length=512",
    ]  # fmt: skip


def test_a_target_without_a_candidate_counts_why():
    (row,) = plan_of([failure("oom", "out of memory"), record(memory=16e9), record(batch_size=1, seconds=(0.1,))]).rows

    assert row["place"] == (
        "none of the 3 qualifies: 1 not measured, 1 do not fit the memory, 0 are slower than the objective, "
        "1 without what it takes"
    )
    assert row["devices"] == "enter the mean demand in Inputs" or row["devices"] == NO_POINT


def test_devices_are_ranked_by_cost_within_their_workload():
    records = [record(seconds=(0.1, 0.101, 0.1)), record(environment=H100, seconds=(0.01, 0.0101, 0.01))]
    report = report_of(records)
    inputs = with_(usual(report.cases, TODAY), demand=1000.0, peak_to_mean=1.0, rent=2.0)

    assert [row["rank"] for row in build(report, inputs).rows] == [2, 1]


def results(plan: Plan) -> dict[str, str]:
    return {check.name: check.result for check in plan.checks}


def test_checks_say_what_to_look_at():
    whole = results(plan_of(many()))

    assert whole["points"] == "1 of 6 without one"
    assert whole["edge"] == "5 of 6 at the largest measured: a larger one may do better"
    assert whole["age"] == whole["mixed"] == whole["sources"] == "ok"
    assert whole["lacking"].endswith("wait for an input")


def test_an_old_measurement_and_a_price_without_a_source_fail_their_checks():
    report = report_of([record()])
    inputs = with_(usual(report.cases, date(2027, 12, 1)), rent=2.0)

    assert results(build(report, inputs))["age"] == "1 of 1 older than allowed"
    assert results(build(report, inputs))["sources"] == "1 of 2 without a date or a source"
    (label,) = inputs.device
    told = replace(inputs, sources={**inputs.sources, ("device", label, "rent"): Source(TODAY, "a list of prices")})
    assert results(build(report, told))["sources"] == "ok"


def test_operating_points_of_one_device_from_two_environments_fail_a_check():
    other = {**H100, "torch": {"version": "2.12.0", "threads": 16}}
    mixed = [record(environment=H100), record("resnet:Classify", environment=other)]

    assert results(plan_of(mixed))["mixed"] == "2 of 2 beside one from another environment"


def test_a_step_is_guarded_by_what_it_needs_and_whom_it_is_for():
    step = Step("x", "X", "", "", ("energy", "pue"), "{energy}*{pue}", lambda k: k.energy * k.pue, "serving")

    assert formula(step, {"energy": "A1", "pue": "input_pue", "mode": "B1"}) == (
        '=IF(B1="training","planned in Training",IF(ISNUMBER(A1),IF(ISNUMBER(input_pue),A1*input_pue,'
        '"enter the PUE in Inputs"),A1))'
    )


# The file of inputs.


def given(tmp_path: Path, text: str) -> Inputs:
    file = tmp_path / "plan.toml"
    file.write_text(text, encoding="utf-8")
    return read(file, report_of(many()).cases, TODAY)


def test_the_template_reads_back_as_the_inputs_that_it_was_made_of(tmp_path: Path):
    inputs = usual(report_of(many()).cases, TODAY)

    assert given(tmp_path, template(inputs)) == inputs


USED = 'value = 1, date = 2026-01-01, source = "a list"'


def test_every_input_of_the_template_can_be_filled_in_by_taking_its_hash_away(tmp_path: Path):
    filled = []
    for entry in template(usual(report_of(many()).cases, TODAY)).splitlines():
        if entry.startswith("# ") and " = " in entry:
            entry = entry[2:].replace("= 0.0 ", "= 1 ").replace('value = 0.0, date = 2026-01-01, source = ""', USED)
        filled.append(entry)

    inputs = given(tmp_path, "\n".join(filled))

    assert all(value is not None for values in inputs.device.values() for value in values.values())
    assert all(value is not None for value in inputs.general.values())


def test_a_workloads_name_stands_for_all_its_problems_and_a_full_name_wins(tmp_path: Path):
    inputs = given(
        tmp_path,
        '[workload."bert:Pretrain"]\ndemand = 5\ngrowth = 0.5\n'
        '[workload."bert:Pretrain sequence_length=512"]\ndemand = 7\n',
    )

    assert inputs.workload["bert:Pretrain sequence_length=128"]["demand"] == 5
    assert inputs.workload["bert:Pretrain sequence_length=512"]["demand"] == 7
    assert inputs.workload["bert:Pretrain sequence_length=512"]["growth"] == 0.5


def test_a_price_keeps_its_date_and_source(tmp_path: Path):
    price = '{ value = 0.21, date = 2026-10-01, source = "tariff 7" }'
    inputs = given(tmp_path, f"[general]\nelectricity_price = {price}\n")

    assert inputs.general["electricity_price"] == 0.21
    assert inputs.sources["general", "", "electricity_price"] == Source(date(2026, 10, 1), "tariff 7")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[general]\nelectricity_price = 0.2", "needs its date and source"),
        ('[general]\nelectricity_price = { value = 1, date = "today", source = "x" }', "date is a date such as"),
        ('[general]\nelectricity_price = { value = 1, date = 2026-01-01, source = " " }', "says where it is from"),
        ("[general]\ntarget_utilisation = 1.5", "is a number of at least 0.01 and at most 1"),
        ("[general]\ntarget_utilisation = true", "is a number of at least 0.01"),
        ("[general]\ntarget_utilisation = nan", "is a number of at least 0.01"),
        ("[general]\nhorizon = inf", "is a number of at least 0"),
        ('[general]\nconfidence = "median"', "is one of lower bound, mean"),
        ("[general]\ntarget_utilization = 0.7", "did you mean target_utilisation?"),
        ("[genral]\npue = 1.2", "did you mean general?"),
        ('[workload."bert:Pretrian"]\ndemand = 1', "did you mean bert:Pretrain?"),
        ('[device."H100"]\nrent = 1', "there is no device 'H100'"),
        ("general = 3", "[general] is a table, not 3"),
        ("today = 3", "is no date such as"),
        ("[general", "is no TOML"),
    ],
)
def test_a_mistake_in_the_file_is_one_line_that_says_where_and_what_would_be_right(
    tmp_path: Path, text: str, told: str
):
    with pytest.raises(SpecError) as caught:
        given(tmp_path, text)

    assert told in str(caught.value)
    assert "plan.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_the_users_mistake(tmp_path: Path):
    with pytest.raises(SpecError, match="cannot be read"):
        read(tmp_path / "none.toml", report_of(many()).cases, TODAY)
