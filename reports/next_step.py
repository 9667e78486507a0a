"""What to do about a case that was not measured: the first thing that somebody who knows the harness would try."""

from __future__ import annotations

# By status, the beginning of the reason, and the advice; the first that fits counts, so that the general come last.
_STEPS = (
    ("oom", "implied", "Leave this size out; --batch max finds the largest one that fits."),
    ("oom", "", "Take a smaller --batch; --batch max finds the largest one that fits."),
    ("unsupported", "emulated", "Leave this precision out on this device, or measure it on one that computes in it."),
    ("unsupported", "", "Leave this case out on this device."),
    ("timeout", "", "Give it more time with --timeout, or a smaller --batch; if it hangs, stderr ends where it did."),
    ("crashed", "", "Measure it alone with PYTHONFAULTHANDLER=1 in the environment: stderr then ends with the stack."),
    ("failed", "--exclusive", "End what else is at work, or measure without --exclusive."),
    ("failed", "implausible", "One of the two numbers is wrong: look at the workload's FLOPs and work, and the meter."),
    ("failed", "", "Read the end of stderr, mend the step, and measure the case alone."),
    ("interrupted", "profiled only", "`wattmark run` measures it: a profile times nothing."),
    ("interrupted", "", "The same command with --resume measures what is missing."),
)


def next_step(status: str, reason: str) -> str:
    """One sentence for a status of a record that is not ok.

    >>> next_step("oom", "CUDA out of memory")
    'Take a smaller --batch; --batch max finds the largest one that fits.'
    """
    return next(advice for kind, begin, advice in _STEPS if kind == status and reason.startswith(begin))
