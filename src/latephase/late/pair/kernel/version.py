"""Which sources a compiled kernel must be made of: `stepper.pyx` says which ones it is of.

A test has the digest of all of them; who changes one writes it here and there.
"""

SOURCES = "d2e4258c38c6"
