"""What is proved: certificates of runs in ball arithmetic, and their independent checker.

To read it, in this order.  The proof, in `prove`: `system` (the exact problem); `walk` from the
start to where all is known: `step`, `fatou` and `phases` (many steps at once), `kicked_back` and
`sandwich` (why kicks and kinks never end), `slides`, `half` and `hold` (of one kink), `arrival`;
`flow`, the same of gradient flow: `mode`, `curve`, `duration`, `events`, `passage`; `tails`, all
later times: `orbits`, `slide`, `single`, `flow` and `approach`, their `margins` and their `rate`;
`proof`, `trace` (any time).  In `file`, the file: `numbers`, `record`.  Then `answer` (what all
certificates have), `certificate`, `entrance` (`certify`), and an `ensemble` of them in a folder.
Any network that has settled: `prove/settled`, `file/settled`, `general`.

The checker, which shares none of this, in `check`: `form` (the file), `enclosures`, `claims`; a
folder for each kind of run, `pairs`, `flow`, `layers`, `settled`; `balls`, `verify` (a file),
`folder`.  Probabilities over the
initialisation, in `odds`: `landing`, `normal_biases` on `normal_mass`, `uniform_biases`, `pboxes`,
`probability`.
"""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from .certificate import Certificate as Certificate
    from .entrance import certify as certify
    from .general import GeneralCertificate as GeneralCertificate
    from .verdict import Verdict as Verdict

# Loaded when asked for: a checker loads nothing of a proof, and one in rationals no python-flint.
_NAMES = {
    "certificate": ["Certificate"],
    "entrance": ["certify"],
    "general": ["GeneralCertificate"],
}
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={**_NAMES, "verdict": ["Verdict"]}
)
