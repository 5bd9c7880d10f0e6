"""Which sources a compiled kernel must be made of: `follower.pyx` says which ones it is of.

A test has the digest of all of them; who changes one writes it here and there.
"""

SOURCES = "f23461be5005"
