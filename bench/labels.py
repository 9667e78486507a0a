"""What a record says that it measured, held against what was counted of it: its precision and its item.

Each has been wrong in a published benchmark: a "bf16" that ran in fp32, since its option was for GPUs only, and tokens
under the name of samples.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.record import Record

# What a label multiplies in, by torch's names of types; others are a label for nothing that is counted here.
_TYPES = {
    "fp32": "float32", "tf32": "float32", "bf16": "bfloat16", "bf16-pure": "bfloat16", "fp16": "float16",
}  # fmt: skip
# Autocast leaves some products alone, but never most of them.
_LEAST = 0.5
# Items that a batch size counts: of audio it counts clips and no seconds, of text sequences and no tokens.
_OF_A_BATCH = ("sample", "sequence", "sentence", "example", "image", "photograph", "clip", "document")


def mislabelled(record: Record) -> Iterator[str]:
    """A precision that most of the step's products were not computed in: nothing of the record is what it says."""
    wanted = _TYPES.get(record.case.precision)
    counted = (record.counters or {}).get("flop.dispatched", {})
    of_type, every = counted.get("histogram") or {}, counted.get("value") or 0
    if wanted is None or not of_type or not every:
        return
    share = of_type.get(wanted, 0) / every
    if share < _LEAST:
        most = max(of_type, key=lambda name: of_type[name])
        yield (
            f"labelled {record.case.precision}, but of the {every / 1e9:.4g} GFLOP that its operators did "
            f"{of_type[most] / every:.0%} were in {most}, and {share:.0%} in {wanted}"
        )


def miscounted(record: Record) -> Iterator[str]:
    """More items in a step than its batch has, as where tokens go by the name of samples."""
    size, devices = record.case.batch_size, record.case.devices
    if record.item not in _OF_A_BATCH or record.case.precision not in _TYPES:
        return
    most = max((sample.work.get(record.item, 0.0) / sample.steps for sample in record.samples), default=0.0)
    if most > size * devices:  # the batch may be each device's
        yield (
            f"{most:.6g} {record.item} in a step with a batch size of {size}: either it is several batches, or what it "
            f"counts is no {record.item}"
        )
