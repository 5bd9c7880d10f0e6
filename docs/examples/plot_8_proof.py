"""
A proof instead of a plot
=========================

`certify` decides every sign and encloses every rounding error. What it proves holds for all later
steps, and a file of it is checked by a program that shares nothing with the one that wrote it.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from matplotlib.figure import Figure

import latephase as lp

data = lp.Dataset(inputs=[1.0, -1.0], labels=[1, -1])
net = lp.ShallowReLU(weights=[0.7, -0.4], biases=[0.1, 0.2])
certificate = lp.certify(net, data, lp.GradientDescent(step_size=0.1))
print(certificate)

# %%
# The deficit at any step, between two decimals that are rounded outward:

for t in ("1e3", "1e100", "1e1000"):
    lower, upper = certificate.deficit(t)
    print(f"{t:>6}: {lower} to {upper}")

# %%
# Written to a file and derived again:

with TemporaryDirectory() as folder:
    file = certificate.save(Path(folder) / "run.cert.json")
    print(lp.verify(file))

# %%
# The proved rate: deficit times ln t stays between two constants, ever closer to each other.

picture = Figure(figsize=(6.4, 3.4), layout="constrained")
ax = picture.subplots()
starts = ["1e2", "1e4", "1e10", "1e30", "1e100", "1e300", "1e1000"]
rates = [certificate.rate_from(t) for t in starts]
logs = [lp.LogTime.parse(t).log10 for t in starts]
ax.fill_between(
    logs, [float(r[0]) for r in rates], [float(r[1]) for r in rates], alpha=0.4
)
ax.set(
    xscale="log",
    xlabel="log10 t",
    ylabel="|x*| ln t from there on",
    title="Proved bounds of the constant",
)
