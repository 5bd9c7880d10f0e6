"""Two neurons on two points, many trials at once, in pieces whose end is known in closed form.

Reading order, from the loop to what it stands on:

pieces        the loop: hand each trial to the fastest piece that is valid where it stands
state         what pieces hand on (`PairState`), and what has become of each trial (`Journey`)
task          what all pieces share: geometry, method, sample times, the samples they fill
validity      may a phase be followed to first order only, and at what error?
phase         a piece, the start: a stretch with one activation pattern, and the step that ends it
follow_phase  ... and the way: samples in it, their errors, the state at its end
follow_steps  the other piece, where none is valid: ordinary steps
advance       ... who makes them: the kernel where it was compiled (by_kernel), else JAX (by_jax)
response      how a pattern moves parameters and margins, as two scalar maps
fatou         one scalar map m <- m + c exp(-m), n steps of it in O(1)
regimes       which kinks hold, which patterns last, and what they are called
kinks         putting pre-activations on a kink and off it
observe       what is recorded at a sample (boundary, robustness margin, deficit, loss), and where
law           the law of each regime, from the state at entry

A trial goes state -> validity -> phase -> follow_phase -> state, until it has settled
or its time is up. Trials run along the last axis; neuron 0 has output weight +1, point 0 label +1.
"""
