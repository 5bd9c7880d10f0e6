"""
A network of eight neurons in the plane
=======================================

Any network of one hidden layer is followed as far: here eight ReLU neurons on six points in the
plane. Dashed is the boundary of the network that the run converges to in direction.
"""

import numpy as np

import latephase as lp

inputs = [[2.0, 0.5], [1.0, 1.5], [-0.5, 2.0], [-2.0, 0.3], [-1.2, -1.0], [0.6, -1.4]]
data = lp.Dataset(inputs, labels=[1, 1, -1, -1, -1, 1])
start = np.random.default_rng(5)
net = lp.ShallowReLU(
    weights=start.normal(size=(8, 2)) / 2,
    biases=start.normal(size=8) / 2,
    output_weights=[1, -1] * 4,
)
run = lp.simulate(net, data, lp.GradientDescent(0.01), until="1e1000")

late = run.plot_boundary("1e1000")

# %%
# After a hundred steps it is still bent around the points:

early = run.plot_boundary("100")

# %%
# What it converges to, and which points decide it:

limit = lp.limit(run)
ends = limit.plot()

# %%
# A general network ends at a KKT point of the *normalised* margin, which need not have the largest
# robustness margin: that of its limit, and what no classifier of these points can exceed.

print(f"{limit.robustness_margin:.4f} of at most {data.optimal_margin:.4f}")
