import copy
import doctest
from pathlib import Path

import pytest

from bench.device import Device
from bench.environment import environment
from bench.gate import alike
from bench.gate.alike import PACKAGES, differences, may_differ
from bench.gate.arms import Place


@pytest.fixture(scope="module")
def here():
    return {**environment(Device("cpu", "a CPU", None, 1 << 30)), "allocator": "pinned"}


def place(python, kind="revision"):
    return Place("x", kind, Path(python), (), Path())


def other(environment, name, value):
    """The environment with another value of one fact."""
    changed = copy.deepcopy(environment)
    *above, last = name.split(".")
    part = changed
    for key in above:
        part = part[key]
    part[last] = value
    return changed


def test_the_docstring_tells_the_truth():
    assert doctest.testmod(alike).failed == 0


def test_an_environment_is_like_itself(here):
    assert differences(here, copy.deepcopy(here)) == []


@pytest.mark.parametrize(
    "name",
    [
        *("cpu.model", "cpu.affinity_cores", "cpu.governor", "cpu.quota_cores", "memory.limit_bytes", "system.kernel"),
        *("device.label", "device.uuid", "torch.threads", "torch.interop_threads", "allocator", "variables.OMP_X"),
    ],
)
def test_no_comparison_is_about_the_machine_and_its_settings(here, name):
    for allowed in (may_differ(place("a"), place("a")), may_differ(place("a"), place("b"))):
        (told,) = differences(here, other(here, name, "something else"), allowed)

        assert told.startswith(f"{name} is ")
        assert told.endswith(" in base and something else in head")


@pytest.mark.parametrize("name", ["torch.version", "torch.cuda", "libraries.transformers", "python.version"])
def test_packages_may_differ_only_where_the_interpreters_do(here, name):
    changed = other(here, name, "0")

    assert differences(here, changed, may_differ(place("a"), place("b"))) == []
    assert len(differences(here, changed, may_differ(place("a"), place("a")))) == 1


@pytest.mark.parametrize("name", ["git.commit", "git.dirty", "torch.openmp_runtime"])
def test_what_the_sources_decide_may_always_differ(here, name):
    assert differences(here, other(here, name, "another"), may_differ(place("a"), place("a"))) == []


def test_a_fact_that_one_side_cannot_have_is_told_with_its_reason(here):
    absent = {"value": None, "reason": "no such file"}

    (told,) = differences(other(here, "cpu.governor", absent), other(here, "cpu.governor", "performance"))

    assert told == "cpu.governor is absent (no such file) in base and performance in head"
    other_reason = {"value": None, "reason": "not readable"}
    assert differences(other(here, "cpu.governor", absent), other(here, "cpu.governor", other_reason)) == []


def test_a_fact_that_only_one_side_names_is_a_difference(here):
    less = copy.deepcopy(here)
    del less["allocator"]

    assert differences(here, less) == ["allocator is pinned in base and not told in head"]


def test_a_name_covers_what_is_below_it_and_not_what_begins_alike():
    base, head = {"torch": {"git": "a"}, "torchvision": "a"}, {"torch": {"git": "b"}, "torchvision": "b"}

    assert differences(base, head, PACKAGES) == ["torchvision is a in base and b in head"]
