"""What follows a mode to its end, in machine code where there was a compiler at installation."""
