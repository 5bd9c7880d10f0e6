"""
Remedies, on two clocks
=======================

The same networks by four methods. Per step some are much faster than gradient descent; over flow
time, the sum of a method's effective step sizes, they fall on one line: they run gradient descent's
course on a clock of their own. Weight decay does not: it attacks the constant.
"""

import latephase as lp

data = lp.Dataset(inputs=[1.0, -1.0], labels=[1, -1])
methods = {
    "gradient descent": lp.GradientDescent(0.1),
    "Nesterov": lp.Nesterov(0.1),
    "loss-scaled": lp.LossScaled(0.1),
    "weight decay": lp.WeightDecay(0.1),
}
found = lp.compare(
    "he_normal", data, methods, trials=100, seed=0, until="1e4", samples=60
)
steps = lp.plot_comparison(found)

# %%
# The same over flow time:

flow = lp.plot_comparison(found, clock="flow_time")
