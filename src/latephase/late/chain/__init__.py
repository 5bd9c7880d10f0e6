"""Any shallow network from start to horizon: ordinary steps and modes in turn.

    state -> decide -> Decision -> move_by_steps or move_by_mode -> state ...

Read in this order; each file needs only those before it.

    instant         times of a run under way
    state           what is asked (ChainTask, Controls), where a run stands (ChainState)
    account         what is only looked at: errors charged, samples
    kicks           what a single step does: how far it overshoots a kink
    decision        pure: steps or a mode next, and which
    compiled_steps  steps of gradient descent, compiled (the one file that loads JAX)
    moves           a move by steps, a move by a mode
    run_chain       the loop
    ending          what becomes of a run beyond its horizon
    run_twice       a run made twice, and the error that shows
"""
