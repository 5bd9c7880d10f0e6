"""One mode of any shallow network: which points its neurons serve, and how it moves there.

Read in this order; each file needs only those before it.

    frame           coordinates in which no digit is lost
    linear_algebra  bases and projections that are accurate row by row
    kinks           which points share a kink: without biases those on one ray
    gradients       of the margins in a mode, neuron by neuron; of one that slides, also what holds
                    it on its kinks
    dynamics        network, points and method in those coordinates: margins, pulls, gradients
    mode            all neurons of a pattern: how the network moves while it stands
    modified        gradient descent in a mode as a flow, in ln t
    guards          what must stay positive while a mode lasts
    segment         what became of a mode that was followed to its end
    by_scipy        followed by a solver of SciPy
    by_kernel       followed in machine code, by what is in `kernel`
    follow          which of the two does it
    filippov        at a kink: pass or slide, which pattern comes next

Everywhere m neurons, n points, k coordinates of a neuron, r of the motion; pairs are (neuron,
point).
"""
