"""The search for the largest batch."""

import pytest

from bench.fit import largest


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 9, 100, 1000])
def test_the_largest_that_fits_is_found_exactly_and_no_size_is_tried_twice(limit):
    tried = []

    def fits(size):
        tried.append(size)
        return size <= limit

    assert largest(fits) == limit
    assert len(tried) == len(set(tried))


def test_nothing_fits():
    assert largest(lambda size: False) is None


def test_the_search_stops_at_its_bound():
    assert largest(lambda size: True, most=100) == 100
