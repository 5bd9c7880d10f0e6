"""One mode of any shallow network: which points its neurons serve, and how it moves there.

Read in this order; each file needs only those before it.

    frame           coordinates in which no digit is lost
    linear_algebra  bases and projections that are accurate row by row
    dynamics        network, points and method in those coordinates: margins, pulls; and one neuron
                    in a mode: what it is moved by, what holds it on its kinks
    mode            all neurons of a pattern: how the network moves while it stands
    speed           how fast a mode moves at entry
    filippov        at a kink: pass or slide, which pattern comes next
    compiled        how the kernels that follow are compiled
      modified      gradient descent in a mode as a flow, in ln t
      radau         one step of the solver
      watch         what must stay positive while a mode lasts
      landing       a step within the tolerance, and one that ends on a guard
      solver        from step to step, to where something ends the mode
    segment         a mode followed to its end: what the kernels are told, what they found

Everywhere m neurons, n points, k coordinates of a neuron, r of the motion; pairs are (neuron,
point).
"""
