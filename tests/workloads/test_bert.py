"""BERT: real training steps, masks and padding."""

import pytest
import torch
from transformers.models.bert.modeling_bert import BertForSequenceClassification

from workloads import bert
from workloads.inputs.reviews import review_batches
from workloads.inputs.text import CLS, PAD, SEP, documents

TINY = {"size": "tiny", "batch_size": 4, "sequence_length": 32}


@pytest.mark.parametrize("workload", [bert.Pretrain(**TINY), bert.Finetune(**TINY)], ids=["Pretrain", "Finetune"])
def test_training_on_one_batch_lowers_its_loss(setup, workload, monkeypatch):
    adamw = bert.adamw
    monkeypatch.setattr(bert, "adamw", lambda model, rate, kind: adamw(model, 50 * rate, kind))  # 30 steps are few
    prepared = workload.prepare(setup())
    losses = [prepared.step(0).item() for _ in range(30)]
    assert prepared.trains
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])


def test_the_loss_is_detached_and_stays_on_the_device(setup):
    loss = bert.Finetune(**TINY).prepare(setup()).step(0)
    assert loss.shape == ()
    assert not loss.requires_grad


def test_step_i_takes_batch_i_and_begins_again(setup):
    prepared = bert.Classify(**TINY).prepare(setup())
    assert len(prepared.work) == 4
    outputs = [prepared.step(i) for i in range(5)]
    assert torch.equal(outputs[0], outputs[4])
    assert not torch.equal(outputs[0], outputs[1])


def test_dropout_is_on_in_training_and_follows_the_seed(setup):
    one, same, other = (bert.Finetune(**TINY).prepare(setup(seed=0)) for _ in range(3))
    torch.manual_seed(1)
    first = one.step(0)
    torch.manual_seed(1)
    assert torch.equal(same.step(0), first)
    torch.manual_seed(2)
    assert not torch.equal(other.step(0), first)


def test_classification_has_no_dropout_and_no_gradients(setup):
    prepared = bert.Classify(**TINY).prepare(setup())
    assert torch.equal(prepared.step(0), prepared.step(0))
    assert prepared.step(0).is_inference()
    assert not prepared.trains


def losses(workload, setup, steps=3):
    prepared = workload.prepare(setup)
    return [prepared.step(i).item() for i in range(steps)]


def test_the_three_ways_to_run_adamw_learn_the_same(setup):
    loop, foreach, fused = (
        losses(bert.Pretrain(**TINY, optimizer=kind), setup()) for kind in ("for-loop", "foreach", "fused")
    )
    assert loop == pytest.approx(foreach, rel=1e-4)
    assert loop == pytest.approx(fused, rel=1e-4)


def test_an_optimizer_runs_the_way_it_is_called():
    model = torch.nn.Linear(2, 2)
    ways = {kind: bert.adamw(model, 1e-4, kind).defaults for kind in ("for-loop", "foreach", "fused")}
    assert {kind: (way["foreach"], way["fused"]) for kind, way in ways.items()} == {
        "for-loop": (False, False),
        "foreach": (True, False),
        "fused": (False, True),
    }


def test_biases_and_norms_do_not_decay():
    groups = bert.adamw(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.LayerNorm(2)), 1e-4, "fused").param_groups
    assert [(group["weight_decay"], len(group["params"])) for group in groups] == [(0.01, 1), (0.0, 3)]


def test_a_gradient_scaler_changes_nothing_but_the_scale(setup, precision):
    scaled = setup(precision=precision(scaled=True))
    assert losses(bert.Finetune(**TINY), scaled) == pytest.approx(losses(bert.Finetune(**TINY), setup()), rel=1e-4)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_prepared_masks_give_what_the_model_makes_of_plain_ones(setup, attention):
    workload = bert.Classify(size="tiny", batch_size=4, sequence_length=256, attention=attention)
    prepared = workload.prepare(setup())
    model = workload._build("BertForSequenceClassification", setup()).eval()
    assert model.config._attn_implementation == attention
    plain = review_batches(documents("generated", 16).content, 4, 256, "max_length")[0]
    assert not plain["attention_mask"].all()
    with torch.inference_mode():
        expected = model(**{name: tensor for name, tensor in plain.items() if name != "labels"}).logits
    torch.testing.assert_close(prepared.step(0), expected)


def test_batches_without_padding_go_without_a_mask(setup, monkeypatch):
    seen = []
    forward = BertForSequenceClassification.forward
    monkeypatch.setattr(
        BertForSequenceClassification, "forward", lambda self, **batch: seen.append(batch) or forward(self, **batch)
    )
    bert.Classify(size="tiny", batch_size=2, sequence_length=16).prepare(setup()).step(0)
    bert.Classify(size="tiny", batch_size=2, sequence_length=512).prepare(setup()).step(0)
    assert ["attention_mask" in batch for batch in seen] == [False, True]
    assert seen[1]["attention_mask"].shape == (2, 1, 512, 512)


def test_padding_to_the_longest_has_fewer_tokens_and_the_same_text(setup):
    axes = {"size": "tiny", "batch_size": 2, "sequence_length": 512}
    full, longest = (
        bert.Classify(**axes, padding=padding).prepare(setup()).work for padding in ("max_length", "longest")
    )
    assert [work["real_token"] for work in full] == [work["real_token"] for work in longest]
    assert {work["token"] for work in full} == {1024}
    assert sum(work["token"] for work in longest) < sum(work["token"] for work in full)
    assert [next(iter(work.items())) for work in full] == [("sequence", 2)] * 4


def test_reviews_begin_and_end_as_bert_wants_and_count_what_is_real():
    texts = documents("generated", 4).content
    (batch,) = review_batches(texts, 4, 128, "max_length")
    for row, document in enumerate(texts):
        length = int(batch["attention_mask"][row].sum())
        ids = batch["input_ids"][row].tolist()
        assert ids[:length] == [CLS, *document.tokens[:126], SEP]
        assert ids[length:] == [PAD] * (128 - length)
    assert batch["labels"].tolist() == [document.label for document in texts]


def test_inputs_are_the_same_in_every_replicate_and_weights_are_not(setup):
    one, other = (bert.Pretrain(**TINY).prepare(setup(seed=seed)) for seed in (1, 2))
    assert one.inputs == other.inputs
    assert one.step(0) != other.step(0)


def test_compiling_is_asked_for_by_its_axis_alone(setup, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: compiled.append(type(self).__name__))
    bert.Classify(**TINY).prepare(setup())
    assert compiled == []
    bert.Classify(**TINY, compile=True).prepare(setup())
    assert compiled == ["BertForSequenceClassification"]
