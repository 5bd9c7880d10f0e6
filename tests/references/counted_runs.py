"""Runs of gradient descent with the statuses of their pairs counted off the last steps."""

from __future__ import annotations

import dataclasses

import numpy as np

import latephase as lp

COUNTED = 3000  # steps over which a sliding pair is active now and then


def stepped_run(seed, m, n, d, *, step_size, size, loss="exponential", until=10**6):
    """A run of m neurons on n points (run, shares (m, n) of the last steps that each is active)."""
    draw = np.random.default_rng(seed)
    inputs, labels = draw.normal(size=(n, d)), np.where(np.arange(n) % 2 == 0, 1, -1)
    outer = np.where(np.arange(m) % 2 == 0, 1.0, -1.0)
    weights, biases = size * draw.normal(size=(m, d)), size * draw.normal(size=m)
    run = lp.simulate(
        lp.ShallowReLU(weights, biases, outer),
        lp.Dataset(inputs, labels),
        lp.GradientDescent(step_size),
        until=until,
        at=[until // 100, until],
        loss=loss,
        max_steps=until,
    )
    shares = active_shares(run, loss)
    pattern = np.where(shares == 0, 0, np.where(shares == 1, 1, 2)).astype(np.int8)
    return dataclasses.replace(run, loss=loss, pattern=pattern), shares


def active_shares(run, loss):
    """Share of steps after the last sample on which each neuron is active at each point, (m, n)."""
    data, outer, theta = run.data, run.network.output_weights, parameters(run, -1)
    points, total = np.c_[data.inputs, np.ones(data.n)], 0.0
    for _ in range(COUNTED):
        a = theta @ points.T
        margins = data.labels * (outer @ np.maximum(a, 0))
        pull = np.exp(-margins) if loss == "exponential" else 1 / (1 + np.exp(margins))
        field = outer[:, None] * (a > 0) * (pull * data.labels)
        theta = theta + run.method.step_size * field @ points
        total = total + (a > 0)
    return total / COUNTED


def parameters(run, sample):
    """theta (m, d + 1) of a sample."""
    return np.c_[run.trajectory.weights.values[sample], run.trajectory.biases.values[sample]]


def theta_of(network):
    """theta (m, d + 1) of a network."""
    return np.c_[network.weights, network.biases]
