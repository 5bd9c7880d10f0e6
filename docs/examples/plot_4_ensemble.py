"""
Two thousand initialisations
============================

Networks drawn by He's initialisation, all followed to step 10^1000 at once: quantiles of margin and
deficit, how the runs end, and the constants of their laws against what the last sample shows.
"""

import latephase as lp

data = lp.Dataset(inputs=[1.0, -1.0], labels=[1, -1])
runs = lp.ensemble(
    "he_normal",
    data,
    lp.GradientDescent(0.1),
    trials=2000,
    seed=0,
    until="1e1000",
    samples=80,
)
picture = lp.plot_ensemble(runs)

# %%
# What comes back is an `xarray.Dataset` with named dimensions, so questions are one line each.

trained = runs.where(runs.regime == "specialised", drop=True)
print(dict(runs.sizes))
print(
    f"median of the lowest margin: {trained.robustness_margin.min('time').median():.3f}"
)
print(f"median |C|: {abs(trained.law_constant).median():.3f}")
