"""The search for the largest batch."""

import pytest

from bench.fit import largest


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 9, 31, 62])
def test_the_largest_that_fits_is_found_exactly_where_it_is_small(limit):
    assert largest(lambda size: size <= limit) == limit


@pytest.mark.parametrize("limit", [100, 1000, 2731, 50_000])
def test_a_large_one_is_found_to_three_percent_in_few_tries_each_of_another_size(limit):
    tried = []

    def fits(size):
        tried.append(size)
        return size <= limit

    assert limit * 0.968 < largest(fits) <= limit
    assert len(tried) == len(set(tried)) <= 24
    assert any(limit < size <= largest(lambda size: size <= limit) * 1.033 for size in tried)


def test_nothing_fits():
    assert largest(lambda size: False) is None


def test_the_search_stops_at_its_bound():
    assert largest(lambda size: True, most=50) == 50
