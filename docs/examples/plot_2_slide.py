"""
Data on which the same network is fast
======================================

On the points +1/2 and -1/2 the two neurons end on a slide: each chatters around a kink at the
other's point. The constant of 1/ln t is then 0, and the margin is optimal early.
"""

import latephase as lp

net = lp.ShallowReLU(weights=[0.7, -0.4], biases=[0.1, 0.2])
method = lp.GradientDescent(step_size=0.1)

for c in (1.0, 0.5):
    data = lp.Dataset(inputs=[c, -c], labels=[1, -1])
    run = lp.simulate(net, data, method, until="1e1000", at=["1e3", "1e12"])
    deficits = ", ".join(f"{float(x):.1e}" for x in run.trajectory.margin_deficit)
    print(f"±{c}: {run.regime.name:<12} C {run.law.constant:.3f}, deficits {deficits}")

# %%
# The slide in a picture: margin and deficit over log10 t.

slide = lp.simulate(net, lp.Dataset(inputs=[0.5, -0.5], labels=[1, -1]), method)
picture = slide.plot()

# %%
# And what the network looks like at step 1000: both kinks stand at the points.

boundary = slide.plot_boundary("1e3")
