"""The examples in the documentation of reports are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import reports


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(reports.__path__)])
def test_the_examples_of_a_module_are_true(name: str):
    assert doctest.testmod(importlib.import_module(f"reports.{name}")).failed == 0
