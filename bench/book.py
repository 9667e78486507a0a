"""A run's records as they grow: each replicate is on disk before the next one starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bench.case import Case
from bench.engines import Ended
from bench.environment import scrub, scrub_all
from bench.job import Outcome, received
from bench.plausible import judged
from bench.record import Flops, Record, Replicate, Run, Status, absent
from bench.store import Store


class Book:
    """Keeps the records of one run in a store. ``environments`` are by device name."""

    def __init__(
        self,
        store: Store,
        run: Run,
        environments: Mapping[str, Mapping[str, Any]],
        written: Iterable[Record] = (),
    ) -> None:
        self._store = store
        self._run = run
        self._environments = environments
        self._records = {record.case.id: record for record in written}
        self._flops: dict[str, Sequence[Flops | None] | None] = {}

    @property
    def records(self) -> list[Record]:
        """All records of the run so far."""
        return list(self._records.values())

    def flops(self, case: Case) -> Sequence[Flops | None] | None:
        """The batches' FLOPs, where a replicate of this session has counted them."""
        return self._flops.get(case.id)

    def counted(self, case: Case) -> bool:
        """Whether a replicate has taken the exact counters of the case."""
        record = self.record(case)
        return record is not None and record.counters is not None

    def environment(self, case: Case) -> Mapping[str, Any]:
        """Where the case is measured."""
        return self._environments[case.device]

    def record(self, case: Case) -> Record | None:
        """What is known of a case so far."""
        return self._records.get(case.id)

    def needs(self, case: Case, index: int) -> bool:
        """Whether this replicate is still to be measured."""
        record = self.record(case)
        if record is None:
            return True
        return record.status == "interrupted" and index not in {replicate.index for replicate in record.replicates}

    def tells_more(self, case: Case) -> bool:
        """Whether a profile is still to come of a case that was measured well; or of one that ran out of memory on
        CUDA, where it is how it came to that (`bench.profiling.snapshot`)."""
        record = self.record(case)
        if record is None or record.profile is not None:
            return False
        overran = record.status == "oom" and bool(record.replicates) and case.device.startswith("cuda")
        return record.status == "ok" or overran

    def add(self, case: Case, index: int, ended: Ended) -> Record:
        """Take in how a replicate ended, and write the record."""
        outcome = _outcome(index, ended)
        record = self.record(case) or self._fresh(case)
        record = replace(
            record,
            version=record.version or outcome.version,
            inputs=record.inputs or outcome.inputs,
            model=record.model or outcome.model,
            counters=record.counters or outcome.counters,
            replicates=(*record.replicates, outcome.replicate),
        )
        if outcome.flops:
            self._flops[case.id] = outcome.flops
        return self._write(self._judged(record))

    def add_profile(self, case: Case, ended: Ended) -> Record:
        """Take in what a profile found, or why it found nothing, and write the record; no replicate is of it."""
        outcome = _outcome(0, ended)
        record = self.record(case) or self._fresh(case)
        record = record if record.replicates else replace(record, reason="profiled only, nothing is measured yet")
        why = f"{outcome.replicate.status}: {outcome.replicate.reason}"
        return self._write(
            replace(
                record,
                version=record.version or outcome.version,
                inputs=record.inputs or outcome.inputs,
                model=record.model or outcome.model,
                profile=outcome.profile or absent(why),
            )
        )

    def imply_oom(self, case: Case) -> Record | None:
        """The record of a case that need not run, because a smaller batch of it ran out of memory; else None.

        What has measured replicates runs on: the memory was somebody else's then.
        """
        known = self._records.get(case.id)
        if known is not None and known.replicates:
            return None
        smaller = [
            record.case.batch_size
            for record in self._records.values()
            if record.status == "oom" and record.case.family == case.family and record.case.batch_size < case.batch_size
        ]
        if not smaller:
            return None
        reason = f"implied, not run: batch size {min(smaller)} ran out of memory"
        return self._write(replace(self._fresh(case), status="oom", reason=reason))

    def _fresh(self, case: Case) -> Record:
        return Record(self._run, case, self._environments[case.device], "interrupted", "nothing measured yet")

    def _judged(self, record: Record) -> Record:
        """The record with the status that its replicates give it: the first that did not end well ends the case, and so
        does one whose numbers cannot be."""
        bad = next((replicate for replicate in record.replicates if replicate.status != "ok"), None)
        if bad is not None:
            return replace(record, status=bad.status, reason=bad.reason)
        measured = judged(replace(record, status="ok", reason=None))
        if measured.status == "ok" and len(record.replicates) < self._run.replicates:
            reason = f"{len(record.replicates)} of {self._run.replicates} replicates measured"
            return replace(record, status="interrupted", reason=reason)
        return measured

    def _write(self, record: Record) -> Record:
        self._store.write(record)
        self._records[record.case.id] = record
        return record


def _outcome(index: int, ended: Ended) -> Outcome:
    """What the job brought, free of the user's name and folders; stderr is kept of what did not go well."""
    stderr = scrub(ended.stderr)
    if ended.result is None:
        status: Status = ended.status  # type: ignore[assignment]
        return Outcome(Replicate(index, status, ended.reason, stderr=stderr))
    outcome = received(scrub_all(ended.result), index)
    if outcome.replicate.status == "ok":
        return outcome
    return replace(outcome, replicate=replace(outcome.replicate, stderr=stderr))
