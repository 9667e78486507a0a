"""On a GPU: steps that never wait for it, and the same answers as on the CPU."""

import pytest
import torch

from workloads import bert, resnet, speech

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]

WORKLOADS = [
    bert.Pretrain(size="tiny", sequence_length=256),
    bert.Finetune(size="tiny", sequence_length=256, optimizer="fused"),
    bert.Classify(size="tiny", sequence_length=256),
    resnet.Classify(depth=18, batch_size=4, layout="channels_last"),
    resnet.Train(depth=18, batch_size=4),
    speech.Recognize(batch_size=1, seconds=2),
]


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda w: f"{type(w).__module__}:{type(w).__name__}")
def test_a_step_does_not_wait_for_the_device(setup, workload):
    prepared = workload.prepare(setup(device=torch.device("cuda")))
    prepared.step(0)  # libraries may synchronize when they start
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        output = prepared.step(1)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert output.is_cuda
    assert output.isfinite().all()


@pytest.mark.parametrize("workload", [w for w in WORKLOADS if type(w).__name__ in ("Classify", "Recognize")])
def test_the_same_seed_gives_the_same_answers_on_either_device(setup, workload):
    there, here = (workload.prepare(setup(device=torch.device(name))) for name in ("cuda", "cpu"))
    assert there.inputs == here.inputs
    torch.testing.assert_close(there.step(0).cpu(), here.step(0), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize(
    ("kind", "of"),
    [
        (bert.Finetune, {"size": "tiny"}),
        (bert.Classify, {"size": "tiny"}),
        (resnet.Classify, {"depth": 18}),
        (speech.Recognize, {"seconds": 2}),
    ],
)
def test_a_graph_is_launched_and_gives_what_plain_steps_give(setup, kind, of):
    cuda = setup(device=torch.device("cuda"), dropout=False)
    plain, graphs = (kind(**of, batch_size=1, variant=one).prepare(cuda) for one in ("plain", "graphs"))
    for number in range(4):  # of which the last ones are replayed; a result lives until the next step
        torch.testing.assert_close(graphs.step(number).clone(), plain.step(number), rtol=1e-3, atol=1e-3)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profiler:
        graphs.step(3)
        torch.cuda.synchronize()

    assert any(one.key == "cudaGraphLaunch" for one in profiler.key_averages())
