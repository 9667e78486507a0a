"""A trace made by hand in kineto's layout, as a CUDA device would have it: two steps with all that we read of it."""

import json

from bench.profiling.trace import read

PID, MAIN, BACKWARD, STREAM = 100, 101, 102, 7
GEMM, GELU = "sm90_xmma_gemm_bf16bf16_bf16f32", "void at::native::vectorized_elementwise_kernel<4, gelu>(int)"


def event(category, name, begin, end, row=(PID, MAIN), **args):
    """A span in microseconds."""
    pid, tid = row
    return {
        "ph": "X", "cat": category, "name": name, "pid": pid, "tid": tid, "ts": begin, "dur": end - begin, "args": args
    }  # fmt: skip


def operator(name, begin, end, number, row=(PID, MAIN)):
    return event("cpu_op", name, begin, end, row, **{"External id": number})


def mark(name, begin, end, number, row=(PID, MAIN)):
    return event("user_annotation", name, begin, end, row, **{"External id": number})


def launch(begin, end, correlation, number, row=(PID, MAIN)):
    return event(
        "cuda_runtime", "cudaLaunchKernel", begin, end, row, **{"External id": number, "correlation": correlation}
    )


def kernel(name, begin, end, correlation, number, category="kernel"):
    args = {"External id": number, "correlation": correlation, "device": 0, "stream": STREAM}
    return event(category, name, begin, end, (0, STREAM), **args)


def memory(moment, address, size, total, row=(PID, MAIN), device=1):
    pid, tid = row
    args = {"Total Allocated": total, "Total Reserved": 4096, "Bytes": size, "Addr": address, "Device Id": 0}
    return {
        "ph": "i", "cat": "cpu_instant_event", "s": "t", "name": "[memory]", "pid": pid, "tid": tid, "ts": moment,
        "args": {**args, "Device Type": device},
    }  # fmt: skip


def step(number, at):
    """A training step of 100 µs: forward to 40, backward to 80 on a thread of its own, optimizer to 90."""
    ids = 10 * number
    return [
        mark(f"ProfilerStep#{number}", at, at + 100, ids),
        operator("aten::linear", at + 10, at + 30, ids + 1),
        operator("aten::addmm", at + 12, at + 28, ids + 2),
        launch(at + 14, at + 16, ids + 2, ids + 2),
        kernel(GEMM, at + 20, at + 35, ids + 2, ids + 2),  # idle until 20: 16 of it until it was launched
        memory(at + 13, 0xA, 400, 1400),
        mark("phase: backward", at + 40, at + 80, ids + 3),
        operator("autograd::engine::evaluate_function: AddmmBackward0", at + 45, at + 75, ids + 4, (PID, BACKWARD)),
        operator("aten::mm", at + 50, at + 60, ids + 5, (PID, BACKWARD)),
        launch(at + 52, at + 54, ids + 5, ids + 5, (PID, BACKWARD)),
        kernel(GELU, at + 55, at + 65, ids + 5, ids + 5),
        memory(at + 51, 0xB, 300, 1700, (PID, BACKWARD)),
        memory(at + 70, 0xA, -400, 1300, (PID, BACKWARD)),
        mark("Optimizer.step#AdamW.step", at + 80, at + 90, ids + 6),
        launch(at + 84, at + 86, ids + 6, ids + 6),
        kernel("Memset (Device)", at + 85, at + 90, ids + 6, ids + 6, "gpu_memset"),
        memory(at + 85, 0xB, -300, 1000),
        event("gpu_user_annotation", "Optimizer.step#AdamW.step", at + 85, at + 90, (0, STREAM)),
    ]


def document(events=None):
    """The file's text; without events it is that of two steps."""
    events = [*step(1, 1000), *step(2, 1100)] if events is None else events
    return json.dumps({"schemaVersion": 1, "traceEvents": events})


def trace(events=None, kind="cuda"):
    return read(document(events), kind)
