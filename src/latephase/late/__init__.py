"""How training moves for ever: the late phase of gradient descent and flow, fast-forwarded."""
