"""Judging: what pairs, counters and records say about a change. Pure arithmetic on what was measured."""
