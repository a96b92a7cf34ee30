"""Gradients that processes exchange while a backward pass computes others."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.distributed as dist

from runner.training import exchange
from runner.training.exchange import Exchange

COUNT = 4


@pytest.fixture(autouse=True)
def one_process() -> Iterator[None]:
    store = dist.HashStore()  # type: ignore[attr-defined]
    dist.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The elements of what was sent, in order; buckets are small."""
    monkeypatch.setattr(exchange, "COPIED_ELEMENTS", 12)
    monkeypatch.setattr(exchange, "LAUNCHED_ELEMENTS", 24)
    monkeypatch.setattr(exchange, "BUCKET_ELEMENTS", 8)
    monkeypatch.setattr(exchange, "TRAVELING_ELEMENTS", 16)
    found, real = list[int](), exchange._reduced

    def watched(tensors: list[torch.Tensor]) -> object:
        found.append(sum(one.numel() for one in tensors))
        return real(tensors)

    monkeypatch.setattr(exchange, "_reduced", watched)
    return found


def parameters() -> list[torch.nn.Parameter]:
    """Parameters of 2, 12, 4, 4, 3 and 5 elements, of which the last two are float64."""
    torch.manual_seed(1)
    shapes = ((2,), (3, 4), (4,), (2, 2))
    found = [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]
    wide = torch.float64
    return found + [torch.nn.Parameter(torch.randn(n, dtype=wide)) for n in (3, 5)]


def backward(every: list[torch.nn.Parameter]) -> list[torch.Tensor]:
    """Return the gradients of a loss, by themselves."""
    loss = sum((one.double() ** 3).sum() for one in every)
    assert isinstance(loss, torch.Tensor)
    found = torch.autograd.grad(loss, every, retain_graph=True)
    loss.backward()  # type: ignore[no-untyped-call]
    return list(found)


def test_a_mean_is_exact_and_travels_before_the_backward_pass_ends(sent: list[int]) -> None:
    every = parameters()
    within = list[int]()
    watch: Any = every[0].register_post_accumulate_grad_hook
    watch(lambda _: within.append(len(sent)))
    shared = Exchange(every, COUNT)
    for step in range(2):
        sent.clear()
        shared.begin()
        before = backward(every)
        shared.finish()
        assert sent == [8, 8, 12, 2], step
        for one, own in zip(every, before, strict=True):
            assert one.grad is not None
            torch.testing.assert_close(one.grad, own / COUNT, rtol=0, atol=0)
            one.grad = None
    assert min(within) == 3, "others travel before the last one has come"


def test_micro_batches_add_up_before_they_travel(sent: list[int]) -> None:
    every = parameters()
    shared = Exchange(every, COUNT)
    first = backward(every)
    assert not sent
    shared.begin()
    second = backward(every)
    shared.finish()
    for one, a, b in zip(every, first, second, strict=True):
        assert one.grad is not None
        torch.testing.assert_close(one.grad, (a + b) / COUNT, rtol=0, atol=0)


def test_large_gradients_are_sent_a_few_at_once_from_where_they_are(sent: list[int]) -> None:
    torch.manual_seed(1)
    every = [torch.nn.Parameter(torch.randn(n)) for n in (12, 12, 30, 2, 12, 13)]
    shared = Exchange(every, COUNT)
    shared.begin()
    before = backward(every)
    places = [one.grad.data_ptr() for one in every if one.grad is not None]
    shared.finish()
    assert sent == [13, 12, 2, 30, 24]
    for one, own, place in zip(every, before, places, strict=True):
        assert one.grad is not None and one.grad.data_ptr() == place
        torch.testing.assert_close(one.grad, own / COUNT, rtol=0, atol=0)


@pytest.mark.filterwarnings("ignore")  # of torch about these strides
def test_a_gradient_of_other_strides_stays_where_it_is(sent: list[int]) -> None:
    """What is recorded as CUDA graphs adds to it there."""
    one = torch.nn.Parameter(torch.randn(3, 5))
    one.grad = torch.zeros(5, 3).t()
    place, shared = one.grad.data_ptr(), Exchange([one], COUNT)
    shared.begin()
    (own,) = backward([one])
    shared.finish()
    assert sent == [15] and one.grad.data_ptr() == place and not one.grad.is_contiguous()
    torch.testing.assert_close(one.grad, own / COUNT, rtol=0, atol=0)


@pytest.mark.parametrize("begins", [True, False])
def test_a_gradient_that_lacks_counts_as_zeros(sent: list[int], begins: bool) -> None:
    every = parameters()
    shared = Exchange(every, COUNT)
    if begins:
        shared.begin()
    (own,) = backward([every[2]])
    assert not sent, "the buckets before it have not come"
    shared.finish()
    assert sent == [8, 8, 12, 2]
    assert every[2].grad is not None and every[3].grad is not None
    torch.testing.assert_close(every[2].grad, own / COUNT, rtol=0, atol=0)
    assert not every[3].grad.any()


def test_a_gradient_that_comes_twice_is_an_error(sent: list[int]) -> None:
    every = parameters()
    shared = Exchange(every, COUNT)
    shared.begin()
    backward(every[:2])
    with pytest.raises(RuntimeError, match="already complete"):
        backward(every[1:2])
