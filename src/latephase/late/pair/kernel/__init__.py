"""Steps of pairs in machine code, where there was a compiler at installation."""
