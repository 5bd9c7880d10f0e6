"""
Both layers trained: 1 over the root of ln t
============================================

With the output weights trained, too, 1/ln t becomes 1/sqrt(ln t): training more makes the slow rate
slower. The same network both ways, from the same function at the start.
"""

from matplotlib.figure import Figure

import latephase as lp

data = lp.Dataset(inputs=[1.0, -1.0], labels=[1, -1])
method = lp.GradientDescent(step_size=0.1)
weights, biases = [0.7, -0.4], [0.1, 0.2]
one = lp.simulate(lp.ShallowReLU(weights, biases), data, method)
both = lp.simulate(
    lp.ShallowReLU(weights, biases, [1.0, -1.0], train_output=True), data, method
)

for run in (one, both):
    print(run.law)

# %%
# The deficits beside each other. No float holds 10^1000, so samples have the coordinate log10_t.

picture = Figure(figsize=(6.4, 3.6), layout="constrained")
ax = picture.subplots()
for run, label in ((one, "hidden layer alone"), (both, "both layers")):
    late = run.trajectory.where(run.trajectory.log10_t > 0.5, drop=True)
    ax.loglog(late.log10_t, late.margin_deficit, label=label)
ax.set(xlabel="log10 t", ylabel="margin deficit", title="The same start, both ways")
legend = ax.legend()
