"""ResNet: layouts, labels and a training step."""

import pytest
import torch

from workloads import resnet

SMALL = {"depth": 18, "batch_size": 2, "image": 64}


def test_training_on_one_batch_lowers_its_loss(setup):
    prepared = resnet.Train(**SMALL).prepare(setup())
    losses = [prepared.step(0).item() for _ in range(20)]
    assert losses[-1] < losses[0] - 1


def test_a_step_is_that_of_the_plainest_training_loop(setup):
    workload = resnet.Train(**SMALL)
    prepared = workload.prepare(setup())
    model = workload._build(setup()).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1 * 2 / 256, momentum=0.9, weight_decay=1e-4)
    _, batches = workload._photographs(1000, setup())
    for i in range(6):
        batch = batches[i % 4]
        logits = model(workload._normaliser(setup())(batch["pixels"])).logits
        loss = torch.nn.functional.cross_entropy(logits, batch["labels"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert prepared.step(i).item() == pytest.approx(loss.item(), rel=1e-4)


def test_inference_gives_the_logits_of_1000_classes(setup):
    prepared = resnet.Classify(**SMALL).prepare(setup())
    assert prepared.step(0).shape == (2, 1000)
    assert torch.equal(prepared.step(0), prepared.step(4))
    assert not torch.equal(prepared.step(0), prepared.step(1))
    assert prepared.work == [{"image": 2}] * 4


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
def test_weights_pixels_and_activations_have_the_layout_asked_for(setup, layout):
    workload = resnet.Classify(**SMALL, layout=layout)
    formats = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
    wanted, other = formats.pop(layout), next(iter(formats.values()))
    model = workload._build(setup()).eval()
    pixels = workload._normaliser(setup())(workload._photographs(1000, setup())[1][0]["pixels"])
    convolution = model.resnet.encoder.stages[0].layers[0].layer[0].convolution
    seen = []
    convolution.register_forward_hook(lambda module, inputs, output: seen.append(output))
    model(pixels)
    for tensor in (pixels, convolution.weight, seen[0]):
        assert tensor.is_contiguous(memory_format=wanted)
        assert not tensor.is_contiguous(memory_format=other)


def test_both_layouts_compute_the_same(setup):
    one, other = (
        resnet.Classify(**SMALL, layout=layout).prepare(setup()).step(0) for layout in ("contiguous", "channels_last")
    )
    torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_pixels_are_normalised_as_for_imagenet(setup):
    grey = torch.full((1, 8, 8, 3), 255, dtype=torch.uint8)
    normalised = resnet.Classify(**SMALL)._normaliser(setup())(grey)
    assert normalised.shape == (1, 3, 8, 8)
    assert normalised[0, :, 0, 0].tolist() == pytest.approx(
        [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    )


def test_labels_are_seeded_and_cover_the_classes(setup):
    workload = resnet.Train(depth=18, batch_size=16, image=32)
    one, other = (torch.cat([b["labels"] for b in workload._photographs(1000, setup())[1]]) for _ in range(2))
    assert torch.equal(one, other)
    assert one.min() < 100
    assert one.max() >= 900
    assert one.max() < 1000


def test_the_learning_rate_follows_the_batch_size(setup, monkeypatch):
    rates = []
    sgd = torch.optim.SGD
    monkeypatch.setattr(torch.optim, "SGD", lambda p, lr, **rest: rates.append((lr, rest)) or sgd(p, lr=lr, **rest))
    resnet.Train(**SMALL).prepare(setup())
    assert rates == [(0.1 * 2 / 256, {"momentum": 0.9, "weight_decay": 1e-4})]
