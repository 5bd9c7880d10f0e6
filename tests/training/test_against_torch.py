"""A module trained with PyTorch, and the same one here: what a user would write by hand."""

from __future__ import annotations

import numpy as np
import pytest

import latephase as lp
from helpers import refusal, relative_error

INPUTS = np.random.default_rng(31).normal(size=(6, 2))
LABELS = np.array([1, -1, 1, 1, -1, -1])


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed (extra `torch`)")


def module_of(torch, *, output_bias: bool, slope: float):
    torch.manual_seed(3)
    nn, kind = torch.nn, {"dtype": torch.float64}
    activation = nn.LeakyReLU(slope) if slope else nn.ReLU()
    return nn.Sequential(
        nn.Linear(2, 5, **kind), activation, nn.Linear(5, 1, bias=output_bias, **kind)
    )


@pytest.mark.parametrize(("output_bias", "slope"), [(False, 0.0), (True, 0.125)])
def test_a_thousand_steps_of_both_layers(torch, output_bias, slope):
    """Ground truth: autograd and torch.optim.SGD in float64 on the loss summed over points."""
    module = module_of(torch, output_bias=output_bias, slope=slope)
    network, data = lp.ShallowReLU.from_torch(module), lp.Dataset(INPUTS, LABELS)
    assert network.train_output
    assert (network.output_bias is not None) is output_bias
    run = lp.simulate(network, data, lp.GradientDescent(0.0625), until=1000, at=[1000])
    x, y = torch.from_numpy(INPUTS), torch.from_numpy(LABELS)
    optimiser = torch.optim.SGD(module.parameters(), lr=0.0625)
    for _ in range(1000):
        optimiser.zero_grad()
        torch.exp(-y * module(x)[:, 0]).sum().backward()
        optimiser.step()
    want, found = lp.ShallowReLU.from_torch(module), run.network_at(1000)
    for name in ("weights", "biases", "output_weights"):
        assert relative_error(getattr(found, name), getattr(want, name)) < 1e-10
    if output_bias:
        assert relative_error(found.output_bias, want.output_bias) < 1e-10


def test_what_is_trained_is_what_requires_a_gradient(torch):
    """Ground truth: requires_grad of the layers; a state_dict does not say."""
    module = module_of(torch, output_bias=True, slope=0.0)
    read = lp.ShallowReLU.from_torch
    assert read(module).train_output
    assert "bias" in refusal(read, module.state_dict())
    assert read(module.state_dict(), train_output=True).output_bias == module[2].bias.item()
    module[0].requires_grad_(False)
    assert "0.weight, 0.bias frozen" in refusal(read, module)
    module[0].requires_grad_(True)
    module[2].bias.requires_grad_(False)
    assert "2.bias frozen" in refusal(read, module)
    torch.nn.init.zeros_(module[2].bias)
    module[2].requires_grad_(False)
    fixed = read(module)
    assert (fixed.train_output, fixed.output_bias) == (False, None)
