"""
A linear model against scikit-learn's support vectors
=====================================================

With ``negative_slope=1`` the network is linear, and gradient descent on separable data tends to the
hard-margin classifier [soudry2018]. scikit-learn finds that one by quadratic programming.
"""

import numpy as np
from sklearn.svm import SVC

import latephase as lp

labels = np.repeat([1, -1], 6)
points = np.random.default_rng(4).normal(size=(12, 2)) + np.outer(labels, [2.0, 1.0])
data = lp.Dataset(points, labels)
linear = lp.ShallowReLU([[0.1, -0.3]], output_weights=[1.0], negative_slope=1)
run = lp.simulate(linear, data, lp.GradientDescent(0.01), until="1e1000")

# %%
# Without biases both look for a line through the origin, so the constant feature of the support
# vector machine is taken out by adding each point's mirror image with the other label.

mirrored, signs = np.vstack([points, -points]), np.concatenate([labels, -labels])
machine = SVC(kernel="linear", C=1e10).fit(mirrored, signs)
direction = machine.coef_[0] / np.linalg.norm(machine.coef_[0])
limit = lp.limit(run).network.weights[0]
print("support vectors:", direction.round(8))
print("latephase:      ", (limit / np.linalg.norm(limit)).round(8))

# %%
# The run at step 10^1000, and the law of its margin:

picture = run.plot_boundary("1e1000")
law = run.law
print(f"{law.limit_margin:.6f} - {law.margin_constant:.6f} / (ln t + {law.offset:.4f})")
