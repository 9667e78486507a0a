"""Records as a run would leave them: small, exact, and without a clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bench.case import Case
from bench.record import Reading, Record, Replicate, Run, Sample, Status

RUN = Run("20261120-101500-a1b2", "2026-11-20T10:15:00+00:00", "wattmark run quick", 0, 3, "0.1.0")

CPU = {
    "device": {"kind": "cpu", "name": "cpu", "label": "AMD EPYC 9R14", "uuid": None, "memory_bytes": 16_500_000_000},
    "torch": {"version": "2.13.0+cpu", "threads": 2},
    "packages": {"transformers": "5.23.0", "numpy": "2.4.6"},
    "host": {"cores": 2, "kernel": "6.1.0"},
    "allocator": "pinned",
}
H100 = {
    "device": {
        "kind": "cuda",
        "name": "cuda:0",
        "label": "NVIDIA H100 80GB HBM3",
        "uuid": "GPU-3f2c",
        "memory_bytes": 85_000_000_000,
    },
    "torch": {"version": "2.11.0+cu130", "threads": 16},
    "packages": {"transformers": "5.17.0", "numpy": "2.5.2"},
    "host": {"cores": 16, "kernel": "6.1.0"},
    "driver": {"version": "580.95", "power_limit": 700.0},
    "allocator": "pinned",
}

NO_ENERGY = Reading.absent("no energy counter here: /sys/class/powercap is not there")


def sample(
    seconds: float, work: Mapping[str, float], steps: int = 10, watts: float | None = None, flop: int = 0
) -> Sample:
    """One window of equal steps."""
    readings = {"energy": NO_ENERGY}
    if watts is not None:
        readings = {
            "energy": Reading(watts * seconds * steps, "NVML energy counter", None, "GPU", 0.052),
            "power.max": Reading(watts * 1.1, "NVML instantaneous power, sampled", None, "GPU", 0.05),
        }
    return Sample(
        first_step=3,
        steps=steps,
        seconds=seconds * steps,
        step_seconds=(seconds,) * steps,
        work={unit: amount * steps for unit, amount in work.items()},
        flop=flop * steps or None,
        covariates={"cpu_share": 0.99, "foreign_share": 0.01, "page_faults_per_step": 0.0},
        readings=readings,
        required=flop * steps or None,
    )


def replicate(index: int, samples: Sequence[Sample], memory: Mapping[str, float], **more: Any) -> Replicate:
    """One process that measured well."""
    return Replicate(
        index,
        "ok",
        started="2026-11-20T10:15:10+00:00",
        prepare_seconds=0.31,
        clock="perf_counter",
        warmup_seconds=(0.4, 0.2, 0.19),
        steady=True,
        ended_by="precise",
        samples=tuple(samples),
        readings={name: Reading(size, "driver") for name, size in memory.items()},
        precision={"weights": "float32", "autocast": None, "product_error": 2.9e-7 + index * 1e-9},
        **more,
    )


def record(
    workload: str = "bert:Pretrain",
    precision: str = "fp32",
    batch_size: int = 8,
    seconds: Sequence[float] = (0.1, 0.102, 0.099),
    parameters: Mapping[str, Any] | None = None,
    environment: Mapping[str, Any] = CPU,
    unit: str = "sequence",
    watts: float | None = None,
    memory: float = 1.2e9,
    steps: int = 10,
    run: Run = RUN,
    **more: Any,
) -> Record:
    """A measured case whose replicates took ``seconds`` a step."""
    device = environment["device"]["name"]
    parameters = {"sequence_length": 128} if parameters is None else parameters
    sizes = {"memory.host": memory} if device == "cpu" else {"memory.process": memory, "memory.host": 3e9}
    work = {unit: float(batch_size), "token": 128.0 * batch_size}
    replicates = tuple(
        replicate(index, [sample(one, work, steps, watts, flop=int(1.5e10 * batch_size))], sizes)
        for index, one in enumerate(seconds)
    )
    fields: dict[str, Any] = {
        "inputs": {"kind": "generated", "name": "token ids", "sha256": "9f3a"},
        "model": {"parameters": 110_106_428, "weights": "random"},
        "replicates": replicates,
        **more,
    }
    return Record(run, Case(workload, device, precision, batch_size, parameters), environment, "ok", **fields)


def failure(
    status: Status,
    reason: str,
    workload: str = "bert:Pretrain",
    precision: str = "fp32",
    batch_size: int = 64,
    parameters: Mapping[str, Any] | None = None,
    environment: Mapping[str, Any] = CPU,
    stderr: str = "",
    run: Run = RUN,
) -> Record:
    """A case that was not measured."""
    parameters = {"sequence_length": 128} if parameters is None else parameters
    return Record(
        run,
        Case(workload, environment["device"]["name"], precision, batch_size, parameters),
        environment,
        status,
        reason,
        replicates=(Replicate(0, status, reason, stderr=stderr),),
    )


def counted(made: Record, flop: float = 1.5e10, size: float = 5e9) -> Record:
    """The record with so many FLOPs and bytes of a step."""
    counts = {"flop.dispatched": flop, "bytes.dispatched": size}
    return replace(made, counters={name: {"value": number, "source": "made"} for name, number in counts.items()})


def peak(rate: float, precision: str = "fp32", environment: Any = CPU, memory: bool = False) -> Record:
    """A record of a peak that reached so many FLOP/s, or B/s of the memory."""
    work = {"B": rate} if memory else {"product": 1.0}
    window = Sample(3, 1, 1.0, (1.0,), work, None if memory else int(rate))
    workload, axes = ("peak:Stream", {"kernel": "copy"}) if memory else ("peak:Product", {"kernel": "mm"})
    case = Case(workload, environment["device"]["name"], precision, 1, axes)
    return Record(RUN, case, environment, "ok", replicates=(replicate(0, [window], {}),))


def many() -> list[Record]:
    """A store with everything in it: two devices, two precisions, batch sizes, and each way to fail."""
    found: list[Record] = []
    for length, cost in ((128, 1.0), (512, 4.6)):
        for precision, factor in (("fp32", 1.0), ("bf16", 0.42)):
            for batch, noise in ((1, 1.003), (2, 1.01), (4, 0.995), (8, 1.02), (16, 1.0)):
                step = cost * factor * (0.004 + 0.0095 * batch)
                axes = {"sequence_length": length, "layers": 12}
                memory = 0.9e9 + 4e7 * batch * cost
                found.append(
                    record("bert:Pretrain", precision, batch, (step, step * noise, step * 1.004), axes, memory=memory)
                )
                watts = 310.0 + 18 * batch**0.7 * (0.8 if precision == "bf16" else 1)
                fast = (step / 38, step / 38 * noise, step / 38 * 1.002)
                found.append(
                    record(
                        "bert:Pretrain", precision, batch, fast, axes, H100, watts=watts, memory=memory * 2, steps=40
                    )
                )
    for precision, step in (("fp32", 0.212), ("bf16", 0.13)):
        seconds = (step, step * 1.03, step * 0.99)
        found.append(record("resnet:Train", precision, 8, seconds, {"depth": 50}, unit="image"))
    found.append(record("wav2vec2:Infer", "fp32", 1, (0.74,), {}, unit="audio_s"))
    return found + failures()


def failures() -> list[Record]:
    """One case for each way to fail."""
    long = {"sequence_length": 512, "layers": 12}
    oom = "OutOfMemoryError: CUDA out of memory. Tried to allocate 12.00 GiB"
    emulated = "emulated: on AMD EPYC 9R14 a matrix product in fp16 takes 41 times as long as in fp32"
    stderr = 'Traceback (most recent call last):\n  File "step.py", line 3\nSegmentation fault'
    return [
        failure("oom", oom, batch_size=4096, parameters=long, environment=H100),
        failure("unsupported", emulated, precision="fp16", batch_size=8, parameters=long),
        failure("crashed", "died of signal 11 (SIGSEGV)", "resnet:Train", "bf16", 16, {"depth": 50}, stderr=stderr),
    ]
