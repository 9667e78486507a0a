"""The capacity plan: its arithmetic by hand, from demand to money and from tokens to days."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from made_plans import TODAY, with_
from made_records import H100, RUN, failure, many, record

from bench.record import Reading, Record
from reports import build as report_of
from reports.plan import build, usual
from reports.plan.candidates import candidates, targets
from reports.plan.inputs import ALL, Quantities, Quantity, Source
from reports.plan.plan import RANKS, SHEETS, Plan
from reports.plan.point import JUDGED, SERVED_IN, TAKEN, none_in
from reports.plan.scenarios import what_if
from reports.plan.step import IN_TRAINING, NO_POINT, NOT_TRAINING, Step, evaluate, formula

STEPS = {step.name: step for steps in SHEETS.values() for step in steps}

# One workload on one device, as it would be known after the operating point was found.
KNOWN: dict[str, Quantity] = {
    **{name: entry.default for name, entry in ALL.items()},
    "mode": "online", "demand": 1000.0, "peak_to_mean": 2.0, "growth": 0.5, "horizon": 2.0, "target_utilisation": 0.6,
    "pue": 1.5, "electricity_price": 0.2, "carbon_intensity": 400.0, "depreciation": 4.0,
    "devices_per_node": 8, "nodes_per_rack": 4, "host_power": 400.0, "rent": 2.5, "price": 3e4, "node_price": 8000.0,
    "training_items": 3.6e9, "deadline": 24.0, "scaling_efficiency": 0.8, "overhead": 0.05,
    "point": 100.0, "throughput": 110.0, "low": 100.0, "time": 0.08, "power": 300.0, "maximum": 350.0, "idle": 60.0,
    "flop_item": 2e10, "token_item": 128.0, "measured_parameters": 1.1e8, "problem": "a", "device": "b", "number": 1,
    **{name: none_in(precision) for name, precision in SERVED_IN.items()}, "served_fp32": 20.0, "served_bf16": 60.0,
    "utilisation": 0.6, "allowed": 0.9, "memory": 10e9, "memory_high": 10e9, "device_memory": 80.0, "batch_size": 1,
}  # type: ignore[dict-item]  # fmt: skip


def follow(**changes: Any) -> dict[str, Any]:
    """All steps of the plan, each fed with those before it."""
    known: dict[str, Any] = {**KNOWN, **changes}
    for name, step in STEPS.items():
        if name not in RANKS:
            known[name] = evaluate(step, known)
    return known


def test_a_fleet_by_hand():
    known = follow()

    assert known["mean_demand"] == pytest.approx(2250)
    assert known["peak_demand"] == pytest.approx(4500)
    assert known["devices"] == 75  # 4500 / (100 * 0.6)
    assert known["nodes"] == 10
    assert known["busy"] == pytest.approx(2250 / 7500)


def test_devices_that_take_what_waits_run_part_filled_steps_and_work_more_than_full_ones_would():
    known = follow(batch_size=8)
    arriving = 8 * 2250 / 7500  # requests during a step

    assert known["busy"] == pytest.approx(arriving / (arriving + math.exp(-arriving)))
    assert known["mean_power"] == pytest.approx(60 + 240 * known["busy"])
    assert follow(batch_size=8, mode="offline")["busy"] == pytest.approx(2250 / 3800)  # whose steps are full
    assert follow(batch_size=8, demand=0.0, minimum=1)["busy"] == 0


def test_devices_that_are_out_of_order_and_spare_ones_come_on_top():
    assert follow(availability=0.9, spares=2)["devices"] == 86  # 75 / 0.9 = 83.3


def test_offline_work_has_no_peak_and_no_objective():
    known = follow(mode="offline", peak_to_mean=None, slo=1.0)

    assert (known["peak_demand"], known["utilisation"], known["devices"]) == (pytest.approx(2250), 0.6, 38)


def test_no_fewer_devices_than_wanted_are_planned_and_spare_ones_come_on_top():
    assert follow(minimum=100, spares=2)["devices"] == 102
    assert follow(minimum=75)["devices"] == 75
    assert follow(minimum=2, demand=0.0)["devices"] == 2
    assert follow(demand=0.0)["devices"] == 0


def test_the_least_demand_needs_a_device():
    assert follow(demand=1e-9)["devices"] == 1
    assert follow(demand=0.0)["busy"] == "no devices"


def test_fleet_says_what_bounds_the_utilisation():
    assert follow()["bound"] == "the target"
    assert follow(utilisation=0.59)["bound"] == "the objective"


def test_copies_are_counted_in_the_memory_that_is_left_and_change_nothing_else():
    known = follow(memory_high=9e9, memory_headroom=0.1)

    assert known["copies"] == 8  # 72 GB hold exactly eight of 9 GB
    assert known["devices"] == follow(memory_high=72e9)["devices"]


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
    assert follow(rack_power=6.4)["in_rack"] == 2  # exactly


def test_racks_need_no_watts_as_long_as_nothing_limits_theirs():
    unmeasured = {"maximum": "no meter", "power": "no meter"}

    assert follow(rack_power=None, **unmeasured)["racks"] == 3
    assert follow(rack_power=10.0, **unmeasured)["racks"] == "maximum power not measured"


@pytest.mark.parametrize(("policy", "watts"), [("measured maximum", 350.0), ("measured mean", 300.0), ("rated", 700.0)])
def test_power_is_provided_as_the_policy_says(policy: str, watts: float):
    assert follow(power_policy=policy, rated_power=700.0)["provided"] == watts
    more = follow(power_policy=policy, rated_power=700.0, power_margin=0.2)
    assert more["provided"] == pytest.approx(1.2 * watts)
    assert more["it_power"] == pytest.approx((75 * 1.2 * watts + 10 * 400) / 1000)
    assert more["energy"] == follow()["energy"]  # what is provided is not what is drawn
    lacking = follow(power_policy=policy, rated_power=None, power="no meter", maximum="no meter")["provided"]
    assert lacking in ("maximum power not measured", "power not measured", "enter the rated power in Inputs")


def test_cost_by_hand():
    known = follow(demand_charge=10.0)

    assert known["rented"] == pytest.approx(75 * 2.5 * 8760)
    assert known["capital"] == pytest.approx((75 * 30_000 + 10 * 8000) / 4)
    assert known["electricity"] == pytest.approx(known["energy"] * 0.2)
    assert known["charges"] == pytest.approx(45.375 * 10 * 12)
    assert known["owned"] == pytest.approx(known["capital"] + known["electricity"] + known["charges"])
    assert known["rented_per_million"] == pytest.approx(75 * 2.5 / (2250 * 3600) * 1e6)
    assert known["saturated"] == pytest.approx(2.5 / 360_000 * 1e6)
    assert known["cheaper"] == "buy"
    assert known["cheapest"] == known["owned"]
    assert known["break_even"] == pytest.approx(known["owned"] / known["rented"])


def test_upkeep_and_housing_add_to_what_is_bought():
    known = follow(upkeep=0.05, housing=90.0)

    assert known["capital"] == pytest.approx((75 * 30_000 + 10 * 8000) * (1 / 4 + 0.05))
    assert known["charges"] == pytest.approx(30.25 * 90 * 12)
    assert known["owned"] == pytest.approx(known["capital"] + known["electricity"] + known["charges"])
    assert follow()["charges"] == "none entered"
    assert follow()["owned"] == pytest.approx(follow()["capital"] + follow()["electricity"])


def test_a_charge_that_cannot_be_known_leaves_the_sum_unknown():
    known = follow(demand_charge=10.0, power_policy="rated")  # the power provided is not known, the energy is

    assert isinstance(known["electricity"], float)
    assert known["charges"] == known["owned"] == "enter the rated power in Inputs"


def test_energy_and_cost_of_a_million_items_count_idle_time_hosts_and_the_facility():
    known = follow()

    assert known["energy_per_million"] == pytest.approx(known["energy"] / (2250 * 3600 * 8760) * 1e6)
    assert follow(demand=0.0, minimum=1)["energy_per_million"] == "no demand"


def test_the_cheaper_of_what_has_a_price():
    assert follow(price=None)["cheapest"] == follow()["rented"]
    assert follow(price=None)["cheaper"] == "enter the price of a device in Inputs"
    assert follow(rent=None)["cheapest"] == follow()["owned"]
    assert follow(price=None, rent=None)["cheapest"] == "enter the rent in Inputs"
    assert follow(rent=0.1)["cheaper"] == "rent"
    even = follow()["owned"] / 75 / 8760
    assert follow(rent=even)["cheaper"] == follow(rent=even * (1 + 1e-12))["cheaper"] == "equal"


def test_a_training_run_by_hand():
    known = follow(mode="training")

    hours = 3.6e9 / (100 * 0.8 * 0.95) / 3600
    assert known["device_hours"] == pytest.approx(hours)
    assert known["training_devices"] == 549  # hours / 24
    assert known["days"] == pytest.approx(hours / 549 / 24)
    assert known["training_energy"] == pytest.approx((549 * 300 + 69 * 400) * hours / 549 * 1.5 / 1000)
    assert known["training_carbon"] == pytest.approx(known["training_energy"] * 0.0004)
    assert known["training_racks"] == 18  # 69 nodes, 4 in a rack
    assert known["run_power"] == pytest.approx((549 * 350 + 69 * 400) / 1000)
    assert known["run_facility_power"] == pytest.approx(known["run_power"] * 1.5)
    assert known["training_rent"] == pytest.approx(hours * 2.5)
    assert known["training_electricity"] == pytest.approx(known["training_energy"] * 0.2)
    assert known["training_capital"] == pytest.approx((549 * 30_000 + 69 * 8000) / 4 * known["days"] / 365)
    assert known["training_charges"] == "none entered"
    assert known["training_owned"] == pytest.approx(known["training_capital"] + known["training_electricity"])
    assert known["training_cheaper"] == "buy"
    assert known["training_cheapest"] == known["training_owned"]
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
    by_items = follow(mode="training", mfu=0.4, peak=1e15)
    assert by_items["basis"] == "items and MFU"
    assert by_items["device_hours"] == pytest.approx(3.6e9 * 2e10 / (4e14 * 0.8 * 0.95) / 3600)
    # A peak alone says nothing; an MFU alone is not silently left out.
    assert follow(mode="training", peak=1e15)["compute"] == pytest.approx(2e12)
    assert follow(mode="training", mfu=0.4)["device_hours"] == "enter the peak in Inputs"


def test_a_run_by_mfu_needs_no_operating_point_and_any_other_does():
    model = {"mode": "training", "tokens": 1e12, "parameters": 7e9, "point": NO_POINT}

    assert isinstance(follow(**model, mfu=0.4, peak=1e15)["training_devices"], int)
    assert follow(**model)["training_devices"] == NO_POINT


def test_charges_by_power_are_a_runs_share_of_the_year():
    known = follow(mode="training", demand_charge=10.0, housing=90.0)

    monthly = known["run_facility_power"] * 10 + known["run_power"] * 90
    assert known["training_charges"] == pytest.approx(monthly * 12 * known["days"] / 365)
    assert known["training_owned"] == pytest.approx(
        known["training_capital"] + known["training_electricity"] + known["training_charges"]
    )


def test_a_run_of_nothing_takes_no_device_and_is_no_error():
    known = follow(mode="training", training_items=0)

    assert (known["training_devices"], known["days"]) == (0, "nothing to train")


def test_training_and_serving_are_planned_apart():
    serving, training = follow(), follow(mode="training")

    own = {step.name for step in SHEETS["Fleet"]} - {"fewest"}
    assert {training[name] for name in own} == {IN_TRAINING}
    assert {serving[step.name] for step in SHEETS["Training"] if step.name not in RANKS} == {NOT_TRAINING}


def test_scenarios_by_hand():
    known = follow()

    assert (known["low_devices"], known["high_devices"]) == (38, 150)
    assert known["high_power"] == pytest.approx((150 * 350 + 19 * 400) * 1.5 / 1000)
    assert known["low_rented"] == pytest.approx(38 * 2.5 * 8760)
    assert known["high_capital"] == pytest.approx((150 * 30_000 + 19 * 8000) / 4)
    assert [known[f"base_{name}"] for name in ("devices", "nodes", "power", "rented", "capital")] == [
        known[name] for name in ("devices", "nodes", "facility_power", "rented", "capital")
    ]
    assert (known["devices_by_mean"], known["devices_by_low"]) == (69, 75)
    assert (known["devices_bf16"], known["devices_fp32"]) == (75, 225)  # 4500 / 60, 4500 / 20
    assert known["devices_tf32"] == "none qualifies in tf32"


def test_scenarios_of_a_training_run_are_of_less_and_more_data():
    known = follow(mode="training", spares=5, minimum=1000)  # which are for what serves

    assert (known["low_devices"], known["base_devices"], known["high_devices"]) == (275, 549, 1097)
    assert known["base_power"] == pytest.approx(known["run_facility_power"])
    assert known["low_rented"] == IN_TRAINING
    assert (known["devices_by_mean"], known["devices_by_low"]) == (499, 549)
    busy = {"utilisation": 1.0, "served_bf16": 100.0, "served_fp32": 50.0}
    assert [follow(mode="training", **busy)[f"devices_{name}"] for name in ("bf16", "fp32")] == [549, 1097]
    by_mfu = follow(mode="training", mfu=0.4, peak=1e15)
    assert by_mfu["devices_by_mean"] == by_mfu["devices_bf16"] == "planned by MFU"


def test_what_if_reaches_the_plan_at_its_own_demand_and_utilisation():
    for known in (follow(availability=0.9, spares=2), follow(mode="training", training_items=3e9)):
        assert what_if(known, 1.0, known["planned_share"]) == known["base_devices"]
        assert what_if(known, 2.0, known["planned_share"]) == known["high_devices"]

    assert what_if(follow(), 1.0, 0.3) == 150  # half as busy
    assert what_if(follow(), 1.0, 0.9) == 50
    assert what_if(follow(allowed=0.89), 1.0, 0.9) == "beyond the objective"
    assert what_if(follow(mode="training"), 1.0, 0.4) == 1097  # half as efficient
    assert what_if(follow(demand=None), 1.0, 0.4) == "enter the mean demand in Inputs"


def test_each_precision_is_planned_by_the_case_that_serves_most_in_it():
    cases = [
        record(batch_size=8, seconds=(0.1, 0.101, 0.1)),
        record(batch_size=32, seconds=(0.35, 0.351, 0.35)),
        record(batch_size=16, precision="bf16", seconds=(0.1, 0.101, 0.1)),
        failure("oom", "out of memory", precision="bf16", batch_size=64),
    ]
    plan = plan_of(cases, mode="offline", demand=1e4, target_utilisation=0.5)
    (row,) = plan.rows
    served = [case.known["served"] for case in plan.candidates]

    assert row["precision"] == "bf16"
    assert (row["served_fp32"], row["served_bf16"]) == (max(served[:2]), served[2])
    assert row["devices_fp32"] == math.ceil(1e4 / served[1])
    assert row["devices_bf16"] == row["devices"] == math.ceil(1e4 / served[2])
    assert row["served_fp16"] == row["devices_fp16"] == "fp16 not measured"
    (strict,) = plan_of(cases, mode="offline", demand=1e4, target_utilisation=0.5, allowed_precision="fp32").rows
    assert strict["devices_fp32"] == strict["devices"] == row["devices_fp32"]
    assert strict["devices_bf16"] == "none qualifies in bf16"


def known_of(*records: Record) -> list[Quantities]:
    return [case.known for case in candidates(report_of(records).cases)]


def test_several_devices_together_are_no_device_to_plan_with():
    (alone,), (eight,) = (known_of(record(parameters=axes)) for axes in ({}, {"world_size": 8}))

    assert alone["throughput"] == pytest.approx(80, rel=0.02)
    assert {eight[name] for name in ("throughput", "low", "memory", "memory_high", "time")} == {"of 8 devices together"}


def test_a_case_is_planned_by_its_newest_run():
    later = replace(RUN, id="later", started="2026-11-25T10:00:00+00:00")
    before, now = known_of(record(seconds=(0.1, 0.1, 0.1)), record(seconds=(0.2, 0.2, 0.2), run=later))

    assert before["throughput"] == "measured again by a newer run"
    assert now["throughput"] == pytest.approx(40)


def test_memory_is_planned_by_its_upper_bound():
    one = record(memory=10e9)
    sizes = (10e9, 10e9, 11e9)
    varied = replace(
        one,
        replicates=tuple(
            replace(replicate, readings={"memory.host": Reading(size, "made")})
            for replicate, size in zip(one.replicates, sizes, strict=True)
        ),
    )
    (known,), (single,) = known_of(varied), known_of(replace(one, replicates=one.replicates[:1]))

    assert known["memory"] == 10e9
    assert known["memory_high"] > 11e9
    assert single["memory_high"] == 10e9  # without an interval, what there is


def test_padding_is_nothing_to_learn_from():
    one = record()
    real = replace(
        one,
        replicates=tuple(
            replace(
                replicate,
                samples=tuple(
                    replace(s, work={**s.work, "real_token": s.work["token"] / 4}, required=(s.flop or 0) // 5)
                    for s in replicate.samples
                ),
            )
            for replicate in one.replicates
        ),
    )

    assert known_of(one)[0]["token_item"] == pytest.approx(128)
    assert known_of(real)[0]["token_item"] == pytest.approx(32)
    assert known_of(one)[0]["flop_item"] == pytest.approx(1.5e10)
    assert known_of(real)[0]["flop_item"] == pytest.approx(3e9)  # what a run by tokens is planned at a second


def test_an_operating_point_says_how_it_was_measured():
    axes = {"variant": "tuned", "pipeline": "2"}

    assert known_of(record(parameters=axes))[0]["setting"] == "fp32 · tuned · pipeline 2 · batch 8"


def test_a_hair_above_a_whole_number_is_no_further_device():
    known = follow(demand=0.3, peak_to_mean=1.0, growth=0.0, point=0.1, utilisation=1.0)

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
    numbers = {name for name in STEPS if isinstance(known.get(name), (int, float))}
    assert all(known[name] != 0 for name in numbers - {"fewest"})  # which is entered


def test_without_an_operating_point_nothing_is_zero():
    known = follow(**dict.fromkeys(TAKEN, NO_POINT))

    after = {step.name for sheet in ("Fleet", "Power") for step in SHEETS[sheet]}
    entered = {"mean_demand", "peak_demand", "fewest", "in_rack"}  # which do not hang on what was measured
    assert {known[name] for name in after - entered} == {NO_POINT}


def judged(**changes: Quantity) -> dict[str, Quantity]:
    """What is said of a measured case: it takes 70 GB of 80, and 80 ms a step."""
    known: dict[str, Quantity] = {
        **KNOWN, "throughput": 100.0, "low": 90.0, "memory_high": 70e9, "memory_headroom": 0.1, "precision": "bf16",
        "batch_size": 8, "p50": 0.08, "p95": 0.09, "p99": "it takes 1000 steps", "percentile": "p95", **changes,
    }  # fmt: skip
    for step in JUDGED:
        known[step.name] = evaluate(step, known)
    return known


def case(**changes: Quantity) -> Quantity:
    return judged(**changes)["point"]


def test_a_case_is_usable_by_its_lower_bound_if_it_fits_with_head_room():
    assert case() == 90.0
    assert case(confidence="mean") == 100.0
    assert case(memory_high=72e9) == 90.0
    assert case(memory_high=72.1e9) == "does not fit the memory"
    assert case(low="no interval") == "no lower bound"
    assert case(memory_high="no driver") == "memory not measured"
    assert case(device_memory=None) == "enter the device memory in Inputs"
    assert case(throughput="oom") == "oom"


def test_a_case_is_usable_if_it_keeps_the_objective_at_the_percentile_asked_for():
    assert case(slo=95.0) == 90.0
    assert case(slo=85.0) == "slower than the objective"
    assert case(slo=85.0, percentile="p50") == 90.0
    assert case(slo=85.0, percentile="p99") == "p99 not measured"
    assert case(slo=85.0, mode="offline") == 90.0


def test_a_case_is_usable_in_the_precision_and_up_to_the_batch_size_allowed():
    assert case(allowed_precision="bf16") == 90.0
    assert case(allowed_precision="fp32") == "of another precision"
    assert case(largest_batch=8) == 90.0
    assert case(largest_batch=7) == "larger than the batch size allowed"


def test_the_step_that_must_keep_an_objective_is_the_slower_of_percentile_and_mean():
    assert judged(slo=500.0)["step"] == 0.09
    assert judged(slo=500.0, time=0.1)["step"] == 0.1
    assert judged()["step"] == judged(slo=500.0, mode="offline")["step"] == "no objective"


def test_only_online_work_with_an_objective_has_its_utilisation_bounded_by_it():
    bounded = judged(slo=200.0)

    assert 0 < bounded["utilisation"] < 0.6
    assert bounded["served"] == pytest.approx(90.0 * bounded["utilisation"])
    assert judged(slo=100_000.0)["utilisation"] == 0.6
    assert judged()["utilisation"] == judged(slo=200.0, mode="offline")["utilisation"] == 0.6
    assert judged(mode="training")["utilisation"] == 1
    assert judged(slo=85.0)["utilisation"] == "slower than the objective"


def plan_of(records: list[Record], **changes: Quantity) -> Plan:
    report = report_of(records)
    return build(report, with_(usual(report.cases, TODAY), **changes))


def test_the_operating_point_is_the_highest_lower_bound_and_not_the_highest_mean():
    steady = record(batch_size=8, seconds=(0.1, 0.1001, 0.0999))
    shaky = record(batch_size=16, seconds=(0.18, 0.26, 0.18))

    assert plan_of([steady, shaky]).rows[0]["batch_size"] == 8
    assert plan_of([steady, shaky], confidence="mean").rows[0]["batch_size"] == 16


def test_the_operating_point_serves_most_at_the_utilisation_that_the_objective_leaves():
    # Batch 16 is faster, and has next to no time left to wait: 84 of 90 ms.
    records = [record(batch_size=8, seconds=(0.05, 0.05, 0.05)), record(batch_size=16, seconds=(0.084, 0.084, 0.084))]
    online = plan_of(records, slo=90.0, percentile="p50").rows[0]

    assert online["batch_size"] == 8
    assert plan_of(records, slo=90.0, percentile="p50", mode="offline").rows[0]["batch_size"] == 16
    assert plan_of(records).rows[0]["batch_size"] == 16


def test_of_cases_that_serve_the_same_the_first_is_the_operating_point():
    equal = [record(batch_size=8, seconds=(0.1,) * 3), record(batch_size=24, seconds=(0.3,) * 3)]

    assert plan_of(equal, confidence="mean").rows[0]["batch_size"] == 8
    hair = [record(batch_size=8, seconds=(0.1 * (1 + 1e-13),) * 3), record(batch_size=16, seconds=(0.2,) * 3)]
    assert plan_of(hair, confidence="mean").rows[0]["batch_size"] == 8


def test_different_work_is_planned_apart():
    rows = report_of([record(parameters={"sequence_length": length}) for length in (128, 512)]).cases

    assert [target.problem for target in targets(rows)] == [
        "bert:Pretrain sequence_length=128", "bert:Pretrain sequence_length=512",
    ]  # fmt: skip


def test_a_target_without_a_candidate_counts_why():
    records = [
        failure("oom", "out of memory"),
        failure("crashed", "signal 11", batch_size=128),
        record(memory=16e9),
        record(batch_size=1, seconds=(0.1,)),
        record(batch_size=2, seconds=(1.0, 1.0, 1.0)),
        record(batch_size=4, seconds=(0.01, 0.01, 0.01), steps=1),
        record(batch_size=512),
        record("bert:Pretrain", "fp32", 16),
    ]

    (row,) = plan_of(records, slo=500.0, percentile="p50", allowed_precision="fp32", largest_batch=8).rows
    assert row["place"] == (
        "none of 8 qualifies: 1 oom, 1 crashed, 2 with a batch larger than the batch size allowed, "
        "1 too large for the memory, 1 slower than the objective, 1 without the percentile of the objective, "
        "1 without a lower bound"
    )
    assert row["devices"] == "enter the mean demand in Inputs" or row["devices"] == NO_POINT
    (other,) = plan_of(records[2:3], allowed_precision="bf16").rows
    assert other["place"] == "none of 1 qualifies: 1 of another precision"


def test_devices_are_ranked_by_cost_within_their_workload():
    records = [record(seconds=(0.1, 0.101, 0.1)), record(environment=H100, seconds=(0.01, 0.0101, 0.01))]
    report = report_of(records)
    inputs = with_(usual(report.cases, TODAY), demand=1000.0, peak_to_mean=1.0, rent=2.0)

    assert [row["rank"] for row in build(report, inputs).rows] == [2, 1]
    assert [row["rank"] for row in build(report, with_(inputs, rent=0.0)).rows] == [1, 2]  # equal: as they stand
    assert [row["rank"] for row in build(report, with_(inputs, rent=None)).rows] == ["enter the rent in Inputs"] * 2


def test_names_that_differ_by_their_capitals_alone_are_of_different_workloads():
    records = [record("mine:Model"), record("mine:model", seconds=(0.2, 0.2, 0.2))]

    assert [row["rank"] for row in plan_of(records, demand=1000.0, peak_to_mean=1.0, rent=2.0).rows] == [1, 1]


SERVED = {"demand": 1000.0, "peak_to_mean": 1.0, "rent": 2.0, "devices_per_node": 8}


def test_the_only_device_of_a_workload_needs_no_price_to_be_the_first_of_them():
    plan = plan_of([record()], demand=1000.0, peak_to_mean=1.0, rent=None)
    (row,) = plan.rows

    assert row["rank"] == 1
    assert plan.totals["devices"] == row["devices"] > 0
    assert plan.totals["cheapest"] == "1 of 1 workloads are without it"


def test_totals_add_up_what_serves_each_workload_on_its_cheapest_device():
    records = [record(), record(environment=H100, seconds=(0.01, 0.0101, 0.01)), record("resnet:Classify")]
    plan = plan_of(records, **SERVED)

    slow, fast, other = plan.rows
    assert (slow["rank"], fast["rank"], other["rank"]) == (2, 1, 1)
    assert plan.totals["devices"] == fast["devices"] + other["devices"]
    assert plan.totals["cheapest"] == pytest.approx(fast["rented"] + other["rented"])
    assert plan.totals["energy"] == "2 of 2 workloads are without it"


def test_a_total_that_lacks_a_workload_is_no_number():
    report = report_of([record(), record("resnet:Classify")])
    inputs = with_(usual(report.cases, TODAY), **SERVED)
    _, second = inputs.workload
    lacking = replace(inputs, workload={**inputs.workload, second: {**inputs.workload[second], "demand": None}})
    training = replace(inputs, workload={**inputs.workload, second: {**inputs.workload[second], "mode": "training"}})

    assert build(report, lacking).totals["devices"] == "1 of 2 workloads are without it"
    assert build(report, training).totals["devices"] == build(report, training).rows[0]["devices"]
    assert plan_of([record()], mode="training").totals["devices"] == "nothing is served"


def results(plan: Plan) -> dict[str, str]:
    return {check.name: check.result for check in plan.checks}


def test_checks_say_what_to_look_at():
    whole = results(plan_of(many()))

    assert whole["points"] == "1 of 6 without one"
    assert whole["edge"] == "4 of 5 at the largest that was tried: a larger one may do better"
    assert {whole[name] for name in ("age", "mixed", "units", "racks", "limits", "sources", "prices")} == {"ok"}
    assert whole["lacking"].endswith("wait for an input")


def test_an_old_measurement_and_a_price_without_a_source_fail_their_checks():
    report = report_of([record()])
    inputs = with_(usual(report.cases, date(2027, 12, 1)), rent=2.0)

    assert results(build(report, with_(inputs, oldest=None)))["age"] == "ok"
    assert results(build(report, inputs))["age"] == "1 of 1 older than allowed"
    assert results(build(report, inputs))["sources"] == "1 of 2 without a date or a source"
    (label,) = inputs.device
    told = replace(inputs, sources={**inputs.sources, ("device", label, "rent"): Source(TODAY, "a list of prices")})
    assert results(build(report, told))["sources"] == "ok"


def test_a_price_that_is_old_fails_its_check_and_a_figure_of_the_literature_does_not():
    report = report_of([record()])
    inputs = with_(usual(report.cases, TODAY), rent=2.0)
    (label,) = inputs.device

    def dated(day: date) -> str:
        source = {("device", label, "rent"): Source(day, "a list of prices")}
        return results(build(report, replace(inputs, sources={**inputs.sources, **source})))["prices"]

    assert dated(date(2025, 11, 23)) == "1 of 1 older than allowed"
    assert dated(date(2025, 11, 24)) == "ok"  # 365 days


def test_a_batch_size_is_at_the_edge_unless_a_larger_one_was_tried_in_its_precision():
    small, large = record(batch_size=8), record(batch_size=64, seconds=(5.0, 5.0, 5.0))
    elsewhere = record(batch_size=64, precision="bf16", seconds=(5.0, 5.0, 5.0))

    assert results(plan_of([small]))["edge"] == "1 of 1 at the largest that was tried: a larger one may do better"
    assert results(plan_of([small, elsewhere]))["edge"] != "ok"
    assert results(plan_of([small, large]))["edge"] == "ok"
    assert results(plan_of([small, failure("oom", "out of memory")]))["edge"] == "ok"


def test_an_operating_point_with_a_caveat_fails_a_check():
    unsteady = record()
    unsteady = replace(unsteady, replicates=tuple(replace(one, steady=False) for one in unsteady.replicates))

    assert results(plan_of([record()]))["caveats"] == "ok"
    assert results(plan_of([unsteady]))["caveats"].startswith("1 of 1 operating points were measured with caveats")


def test_cases_of_one_row_that_count_other_items_fail_a_check():
    assert results(plan_of([record(), record(batch_size=16, unit="image")]))["units"].startswith("1 of 1 rows compare")


def test_a_node_that_no_rack_feeds_fails_a_check():
    inputs = {
        "rack_power": 0.1,
        "nodes_per_rack": 4,
        "host_power": 100.0,
        "rated_power": 700.0,
        "power_policy": "rated",
    }

    assert results(plan_of([record()], **inputs))["racks"] == "1 of 1 rows where a node draws more than a rack may"
    assert results(plan_of([record()], **{**inputs, "rack_power": 9.0}))["racks"] == "ok"


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
