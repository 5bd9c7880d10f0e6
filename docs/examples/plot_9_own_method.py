"""
A method of your own
====================

Any optax transformation is stepped and compared like the methods that come with latephase: here
Adam behind a clipped gradient, against plain gradient descent, on the points 2, 1 and -1.
"""

import optax

import latephase as lp

data = lp.Dataset(inputs=[2.0, 1.0, -1.0], labels=[1, 1, -1])
net = lp.ShallowReLU(weights=[0.7, -0.4], biases=[0.1, 0.2])
clipped = optax.chain(optax.clip_by_global_norm(0.5), optax.adam(0.01))

run = lp.simulate(net, data, clipped, until=2000)
print(run.outcome.name, run.rigour.name)
picture = run.plot()

# %%
# On the same random networks as gradient descent, by `compare`:

found = lp.compare(
    "he_normal",
    data,
    {"gradient descent": lp.GradientDescent(0.1), "clipped Adam": clipped},
    width=4,
    output_weights="alternating",
    trials=30,
    seed=0,
    until=2000,
)
both = lp.plot_comparison(found)

# %%
# A method that is not in optax is a dataclass with a `step`, in twenty lines: see
# :doc:`Extending </extending>`.
