"""What is proved: certificates of runs in ball arithmetic, and their independent checker.

To read it, in this order.  The proof, in `prove`: `system` (the exact problem); `walk` from the
start to where all is known: `step`, `fatou` and `phases` (many steps at once), `kicked_back` and
`sandwich` (why kicks and kinks never end), `arrival`; `tails`, all later times: `orbits`, `slide`
and `flow`, their `margins` and their `rate`; `proof`, `trace` (any time).  In `file`, the file:
`numbers`, `record`.  Then `certificate`, and an `ensemble` of them in a folder.

The checker, which shares none of this, in `check`: `form` (the file), `path`, `late` (all later
times), `verify` (a file), `folder`.  Probabilities over the initialisation, in `odds`: `landing`,
`normal_biases` on `normal_mass`, `uniform_biases`, `pboxes`, `probability`.
"""

from .certificate import Certificate, certify
from .verdict import Verdict

__all__ = ["Certificate", "Verdict", "certify"]
