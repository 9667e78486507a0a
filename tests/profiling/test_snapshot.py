"""The allocator's history where memory runs out: when it is kept, and on a real GPU what torch's viewer reads of it."""

import pickle
from pathlib import Path

import pytest
import torch

from bench.device import Device
from bench.profiling.snapshot import MOST_EVENTS, kept_when_out_of_memory
from bench.replicate import classify

GPU = Device("cuda:0", "a GPU", None, None)


@pytest.fixture
def allocator(monkeypatch):
    """What is asked of CUDA's allocator, in turn; a snapshot is a file."""
    asked = []
    memory = torch.cuda.memory
    monkeypatch.setattr(memory, "_record_memory_history", lambda **options: asked.append(options))
    monkeypatch.setattr(memory, "_dump_snapshot", lambda path: (asked.append(path), Path(path).touch()))
    return asked


def test_where_memory_runs_out_a_snapshot_lies_beside_the_traces_and_the_reason_names_it(allocator, tmp_path):
    folder = tmp_path / "traces"
    with pytest.raises(torch.OutOfMemoryError) as raised, kept_when_out_of_memory(GPU, folder, "case"):  # noqa: PT012
        assert allocator == [{"max_entries": MOST_EVENTS}]
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 12 GiB.\nIf reserved ...")

    (kept,) = folder.iterdir()
    assert classify(raised.value) == (
        "oom",
        "OutOfMemoryError: CUDA out of memory. Tried to allocate 12 GiB. The allocator's history is in "
        f"traces/{kept.name}: https://docs.pytorch.org/memory_viz",
    )
    assert allocator[-1] == {"enabled": None}


@pytest.mark.parametrize("error", [None, ValueError("another")])
def test_nothing_is_written_of_what_ends_otherwise_and_the_history_ends_with_it(allocator, tmp_path, error):
    try:
        with kept_when_out_of_memory(GPU, tmp_path, "case"):
            if error:
                raise error
    except ValueError:
        assert error

    assert allocator == [{"max_entries": MOST_EVENTS}, {"enabled": None}]
    assert not list(tmp_path.iterdir())


def test_on_a_cpu_nothing_is_asked(allocator, tmp_path):
    with pytest.raises(MemoryError), kept_when_out_of_memory(Device("cpu", "a CPU", None, None), tmp_path, "case"):
        raise MemoryError

    assert allocator == []


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_real_snapshot_tells_who_asked_for_which_block(tmp_path):
    held = []
    with pytest.raises(torch.OutOfMemoryError), kept_when_out_of_memory(GPU, tmp_path, "case"):
        held += [torch.empty(1 << 50, dtype=torch.uint8, device="cuda:0") for _ in range(1 << 20)]

    (kept,) = tmp_path.iterdir()
    found = pickle.loads(kept.read_bytes())
    events = [event for events in found["device_traces"] for event in events]
    assert any(event["action"] == "oom" for event in events)
    assert any(frame["filename"] == __file__ for event in events for frame in event.get("frames", ()))
