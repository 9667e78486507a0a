"""Bytes that operators read and write: counted by hand for each kind of them."""

import pytest
import torch

from bench.operators import Operators

A, B = 4 * 1000, 4 * 7  # bytes of what is used below


def moved(run):
    with torch.no_grad(), Operators() as counted:
        run()
    return counted.bytes


def tensors():
    return torch.ones(1000), torch.ones(1000), torch.arange(7)


@pytest.mark.parametrize(
    ("run", "bytes_moved"),
    [
        (lambda x, y, i: x + y, 3 * A),
        (lambda x, y, i: x.mul_(y), 3 * A),
        (lambda x, y, i: torch.add(x, y, out=y), 3 * A),
        (lambda x, y, i: x.sum(), A + 4),
        (lambda x, y, i: torch.cat([x, y]), 4 * A),
        (lambda x, y, i: torch._foreach_add_([x, y], 1.0), 4 * A),
        (lambda x, y, i: x.view(10, 100).t()[1:3].reshape(20), 4 * 20 * 2),
        (lambda x, y, i: torch.max(x, 0), A + 4 + 8),
    ],
    ids=["new", "in place", "out", "reduced", "list", "foreach", "slice", "two results"],
)
def test_an_operator_moves_what_it_is_given_and_what_it_gives(run, bytes_moved):
    x, y, i = tensors()

    assert moved(lambda: run(x, y, i)) == bytes_moved


@pytest.mark.parametrize(
    "run",
    [
        lambda x: x.view(10, 100),
        lambda x: x.t(),
        lambda x: x[2:5],
        lambda x: x.detach(),
        lambda x: torch.ops.aten._unsafe_view(x, [10, 100]),
        lambda x: x.expand(50, 1000),
        lambda x: x.contiguous(),
        lambda x: torch.empty_like(x),
        lambda x: x.new_empty(5),
    ],
)
def test_a_view_and_memory_that_nobody_has_written_move_nothing(run):
    x = torch.ones(1000)

    assert moved(lambda: run(x)) == 0


def test_what_is_repeated_is_read_as_large_as_it_is():
    x = torch.ones(1, 1000).expand(50, 1000)

    assert moved(lambda: x.sum()) == A + 4


def test_of_a_table_only_the_rows_that_are_picked_are_read():
    table, rows = torch.ones(1000, 16), torch.arange(7)

    assert moved(lambda: torch.nn.functional.embedding(rows, table)) == 7 * 8 + 2 * 4 * 7 * 16
    assert moved(lambda: table[rows]) == 7 * 8 + 2 * 4 * 7 * 16


def test_attention_that_is_fused_does_not_move_its_scores():
    q, k, v = (torch.randn(1, 2, 256, 16) for _ in range(3))
    scores = 4 * 2 * 256 * 256
    with torch.inference_mode(), Operators() as fused:
        torch.nn.functional.scaled_dot_product_attention(q, k, v)
    with torch.inference_mode(), Operators() as plain:
        torch.softmax(q @ k.transpose(-1, -2), -1) @ v

    assert 4 * 4 * 2 * 256 * 16 <= fused.bytes < scores < plain.bytes
    assert fused.flops == plain.flops


def test_operators_are_grouped_by_their_intensity():
    x, narrow, wide = torch.randn(256, 256), torch.randn(256, 1), torch.randn(256, 256)
    with torch.inference_mode(), Operators() as counted:
        x @ wide
        x @ narrow
        x.relu()
    square, column = 2 * 256**3, 2 * 256**2

    assert counted.groups == [
        (0, 2 * 4 * 256**2),
        (column, 4 * (256**2 + 2 * 256)),
        (square, 3 * 4 * 256**2),
    ]
    assert sum(moved for _, moved in counted.groups) == counted.bytes


def test_flops_are_counted_by_the_type_that_is_multiplied_in():
    x, model = torch.randn(4, 8), torch.nn.Linear(8, 16)
    with torch.inference_mode(), Operators() as plain:
        model(x)
    with torch.inference_mode(), Operators() as cast, torch.autocast("cpu", torch.bfloat16):
        model(x)

    assert plain.flops == {"float32": 2 * 4 * 8 * 16}
    assert cast.flops == {"bfloat16": 2 * 4 * 8 * 16}


def test_a_fused_optimizer_moves_all_of_its_state():
    weights = torch.nn.Parameter(torch.ones(1000))
    weights.grad = torch.ones(1000)
    optimizer = torch.optim.AdamW([weights], fused=True)
    optimizer.step()  # makes the state

    # Weights, gradient and two moments: torch says that it may write each of them.
    assert moved(optimizer.step) == pytest.approx(8 * A, abs=20)
