"""Records with profiles, as a CPU and a CUDA device would have left them: made by hand."""

from __future__ import annotations

from dataclasses import replace

from made_records import CPU, H100, record

from bench.profile import Kernel, Memory, Operator, Owner, Phase, Profile
from bench.record import Reading, Record

NO_KERNELS = "kernels are profiled on cuda only, not on cpu"

OPERATORS = (
    Operator("aten::addmm", 48, 0.150, 0.151, 0.0, 3_315_406_848),
    Operator("aten::mul", 258, 0.060, 0.062, 0.0, 982_656),
    Operator("ProfilerStep*", 3, 0.045, 0.300, 0.0),
    Operator("aten::_softmax", 36, 0.030, 0.030, 0.0),
)
PHASES = (Phase("forward", 0.090), Phase("backward", 0.165), Phase("optimizer", 0.036), Phase("rest", 0.003))
MEMORY = Memory(
    "cpu",
    None,
    (0.0, 0.03, 0.05, 0.09),
    (17_000_000, 40_000_000, 49_577_000, 17_000_000),
    49_577_000,
    0.05,
    (Owner("forward", "aten::linear", 40_000_000, 12), Owner("backward", "AddmmBackward0", 9_577_000, 3)),
)
PROFILE = Profile(
    source="torch.profiler",
    torch="2.13.0+cpu",
    taken="2026-11-20T10:20:00+00:00",
    trace="traces/bert-Pretrain_cpu_fp32_b8_2e1b784e.1795784787906.pt.trace.json.gz",
    steps=3,
    seconds=0.300,
    operators=OPERATORS,
    operator_names=60,
    operator_seconds=0.300,
    phases=PHASES,
    shares={name: Reading.absent(NO_KERNELS) for name in ("idle", "launch_bound", "tensor_core")},
    memory=MEMORY,
    absent={"kernels": NO_KERNELS},
)
BEFORE = Owner("", "before the profile", 1_000_000, 0)
ON_CUDA = replace(
    PROFILE,
    kernels=(Kernel("sm90_xmma_gemm_bf16", 48, 0.120, True), Kernel("void gelu<float, 4>(int)", 12, 0.040, False)),
    kernel_names=9,
    kernel_seconds=0.200,
    phases=(Phase("forward", 0.09, 0.05), Phase("backward", 0.165, 0.1), Phase("optimizer", 0.045, 0.05)),
    shares={
        "idle": Reading(0.31, "torch.profiler"),
        "launch_bound": Reading(0.22, "torch.profiler"),
        "tensor_core": Reading(0.6, "kernel names"),
        "data_loading": Reading.absent("the step loads no data"),
    },
    memory=replace(
        MEMORY,
        device="cuda:0",
        base=1_000_000,
        owners=(MEMORY.owners[0], replace(MEMORY.owners[1], bytes=8_577_000), BEFORE),
    ),
    absent={},
)


def profiled(profile: Profile = PROFILE, **case: object) -> Record:
    """A measured case with a profile."""
    environment = CPU if profile.kernel_names == 0 else H100
    return replace(record(environment=environment, **case), profile=profile.to_json())  # type: ignore[arg-type]


def not_profiled(reason: str) -> Record:
    """A measured case whose profile found nothing."""
    return replace(record(), profile={"value": None, "reason": reason})
