"""Any shallow network whose two layers are trained, from start to horizon and beyond.

    chain -> decide -> mode -> follow -> chain ...

Read in this order; each file needs only those before it.

    dynamics  the system of a run: states are rows (theta_j, v_j)
    mode      a pattern, and the quadratic forms that its margins are
    field     the modified flow of a mode, in ln t
    segment   what became of a mode that was followed to its end
    follow    what follows it: the kernel where it was compiled (by_kernel), else NumPy (by_numpy)
    guards    what must stay positive while a mode lasts
    radau     one step of a stiff solver, in NumPy
    steps     ordinary steps of gradient descent, compiled (the one file that loads JAX)
    chatter   what a slide leaves out of steps, and what becomes of that
    crossings  at which step a kink is crossed, where that is chance
    chain     where a run stands, and the loop
    decision  steps or a mode next, and which
    twice     a run made twice, and the error that shows
    ends/     what becomes of a run beyond its horizon, where it leads, and by which law

It shares frames, kinks and Filippov's rule with `late/modes`, and nothing with `late/pair`.
"""
