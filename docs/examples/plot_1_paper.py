"""
A margin that starts optimal, to step 10^1000
=============================================

Two ReLU neurons on the points +1 and -1, zero biases: the decision boundary starts in the middle,
so the robustness margin is as large as it can be. Training first makes it worse.
"""

import latephase as lp

data = lp.Dataset(inputs=[1.0, -1.0], labels=[1, -1])
net = lp.ShallowReLU(weights=[2.0, -0.4], biases=[0.0, 0.0])
run = lp.simulate(net, data, lp.GradientDescent(step_size=0.1), until="1e1000")
picture = run.plot()

# %%
# What comes back comes back like 1/ln t. The run has its law, and says when a deficit is reached:

print(run.law)
for deficit in (0.1, 0.01, 0.001):
    print(f"deficit {deficit:5}: from step {run.when(deficit=deficit)} on")

# %%
# In a notebook a run shows itself:

run
