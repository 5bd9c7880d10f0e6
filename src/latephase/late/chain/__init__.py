"""Any shallow network from start to horizon: ordinary steps and modes in turn.

    state -> decide -> Decision -> take_steps or follow_mode -> state ...

Read in this order; each file needs only those before it.

    instant         times of a run under way
    state           what is asked (ChainTask, Controls), where a run stands (ChainState)
    account         what is only looked at: errors charged, samples
    step_effect     what a single step does: how far it overshoots a kink
    decision        pure: steps or a mode next, and which
    plain_steps     steps of gradient descent, compiled (the one file that loads JAX)
    pieces          the two pieces: steps taken, a mode followed
    run             the loop
    ending          what becomes of a run beyond its horizon
    compared        a run made twice, and the error that shows
    progress        how far a run is, for whoever asks
"""
