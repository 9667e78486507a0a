"""What disturbed a pair."""

import pytest

from bench.judge.contamination import contamination


def clocked(pair, megahertz, head=None, **parts):
    clocks = {"base": megahertz, "head": head or megahertz}
    return pair(chunk_covariates={arm: {"clock.sm": clock * 1e6} for arm, clock in clocks.items()}, **parts)


@pytest.mark.parametrize(
    ("covariates", "said"),
    [
        ({"foreign_share": 0.34}, "other processes took 34 % of the CPUs"),
        ({"device_processes": 1}, "1 other process used the device"),
        ({"device_processes": 2}, "2 other processes used the device"),
        ({"steal_share": 0.6}, "the hypervisor gave 60 % of the CPUs' time to others"),
    ],
)
def test_a_disturbance_is_named_with_its_number(pair, covariates, said):
    assert contamination(pair(covariates=covariates)) == said


@pytest.mark.parametrize(
    "covariates",
    [
        {},
        {"foreign_share": 0.10, "steal_share": 0.30, "device_processes": 0},
        {"foreign_share": None, "steal_share": None},
    ],
)
def test_what_stays_below_its_limit_or_is_not_known_disturbs_nothing(pair, covariates):
    assert contamination(pair(covariates=covariates)) is None


def test_who_else_worked_is_named_where_it_is_known(pair):
    who = "other processes take 34 % of the CPUs: make 20 %"

    assert contamination(pair(covariates={"foreign_share": 0.34}, beside=who)) == who
    assert contamination(pair(covariates={"foreign_share": 0.04}, beside=who)) is None


def test_heat_that_holds_the_clock_down_is_a_disturbance_and_a_power_limit_is_none(pair):
    hot = {"base": {"throttle.thermal": 0.0}, "head": {"throttle.thermal": 0.5, "throttle.power": 1.0}}

    assert contamination(pair(chunk_covariates=hot)) == "heat held the clock down for 25 % of the time"
    assert contamination(pair(chunk_covariates={"head": {"throttle.power": 1.0}})) is None


def test_a_clock_below_the_other_pairs_is_a_disturbance(pair):
    others = [clocked(pair, megahertz) for megahertz in (1980, 1975, 1985)]

    assert contamination(clocked(pair, 1900), others) == (
        "the SM clock was 1900 MHz, and 1980 MHz in the case's other pairs"
    )
    assert contamination(clocked(pair, 1945), others) is None
    assert contamination(clocked(pair, 2100), others) is None


def test_two_other_pairs_do_not_say_what_the_clock_usually_is(pair):
    assert contamination(clocked(pair, 1000), [clocked(pair, 1980)] * 2) is None


def test_a_pair_is_not_held_against_itself(pair):
    slow = clocked(pair, 1000)

    assert contamination(slow, [slow, clocked(pair, 1980), clocked(pair, 1980)]) is None


def test_what_was_dropped_when_it_was_measured_stays_dropped(pair):
    assert contamination(pair(status="contaminated", reason="the cat sat on it")) == "the cat sat on it"
    assert contamination(pair(status="contaminated")) == "no reason was kept"
