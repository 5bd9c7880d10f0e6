"""What is proved: certificates of runs in ball arithmetic, and their independent checker.

To read it, in this order.  The proof: `system` (the exact problem), `dynamics` (a step), `fatou`,
`phases` (many steps at once), `path` (from the start to where all is known), `solitary`,
`sandwich` (why kinks and kicks never end), `late_orbits` and `late_slide` (all later times), `law`
(rates), `flow`, `margins`, `proof`, `trace` (any time), `claims`, `certificate`.  The file:
`numbers`, `decimals`, `file`, `many` (folders).  The checker, which shares none of this:
`check`, on `check_form`, `check_run`, `check_late`; `check_many`.  Probabilities over the
initialisation: `probability`, on `landing`, `normal_biases`, `uniform_biases`, `pboxes`.
"""

from .certificate import Certificate, certify
from .verdict import Verdict

__all__ = ["Certificate", "Verdict", "certify"]
