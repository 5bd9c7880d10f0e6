"""`certify`: what can be proved about a run, from its exact start to all later times."""

from __future__ import annotations

from latephase.certificates.prove.layered.system import stated
from latephase.certificates.prove.proof import CERTIFICATE_CLAIMS, prove
from latephase.certificates.prove.walk.arrival import MAX_STEPS, Progress
from latephase.core import InputError, Regime, Words
from latephase.core.calls import public
from latephase.problem import Dataset, ShallowReLU
from latephase.problem.checks import MOST, callback, whole_number
from latephase.problem.methods import Method
from latephase.problem.problem import Problem

from .certificate import Certificate
from .general import GeneralCertificate, certify_general
from .verdict import Undecided, Unprovable, Verdict

BITS, MAX_BITS, LEAST_BITS = 128, 16384, 64


def _claim(claim: object) -> str:
    name = claim.name if isinstance(claim, Regime) else claim
    if not isinstance(name, str) or name not in CERTIFICATE_CLAIMS:
        raise InputError("a claim", claim, f"use one of {', '.join(CERTIFICATE_CLAIMS)}")
    return name


@public
def certify(
    network: ShallowReLU,
    data: Dataset,
    method: Method,
    *,
    loss: str = "exponential",
    claim: str | Regime = "settled",
    bits: int = BITS,
    max_bits: int = MAX_BITS,
    max_steps: int = MAX_STEPS,
    progress: Progress | None = None,
) -> Certificate | GeneralCertificate:
    """Prove, in ball arithmetic, how a run ends and how fast.

    Parameters
    ----------
    network, data, method
        Two neurons on two points in dimension 1, of output weights +1, -1, or of any with both
        layers trained; GradientDescent or GradientFlow.  Or any network of fixed output weights, up
        to 32 neurons on 32 points of 8 features, and GradientDescent.  All numbers are the exact
        doubles given.
    loss
        "exponential" or "logistic".
    claim
        "settled", "trained", "slow"; of two neurons on two points "optimal_margin", or a Regime or
        its name, too.
    bits, max_bits
        The precision starts at `bits` and grows up to `max_bits` where a sign is open, as far as
        `verify` would follow the run at it: 2^27 steps times bits.
    max_steps
        The most ordinary steps.
    progress
        Called now and then as progress(ordinary steps done, max_steps), anew at each precision.

    Returns
    -------
    Certificate or GeneralCertificate
        PROVED if every sign up to the entry into the regime is decided, the regime is proved never
        to be left, and (where the loss tends to 0) the constant of the law is enclosed and proved
        to be non-zero or exactly zero; REFUTED where the opposite of the claim is proved;
        UNDECIDED, with the reason, otherwise.  Of other networks (GeneralCertificate) PROVED if the
        pattern is proved never to change again, whatever the law.

    Raises
    ------
    InputError
        For other networks, data and methods.

    Notes
    -----
    Rigour: proved; independent of `simulate`.  Source: docs/certificates.md and
    docs/certificates-general.md.

    Examples
    --------
    >>> data = lp.Dataset([1.0, -1.0], [1, -1])
    >>> net = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
    >>> proof = lp.certify(net, data, lp.GradientDescent(0.1))
    >>> proof.verdict.name, proof.regime.name
    ('PROVED', 'specialised')
    >>> lower, upper, since, clock = proof.rate
    >>> print(f"{lower:.3f} <= |x*| {clock} <= {upper:.3f} from t = {since} on")
    0.178 <= |x*| ln t <= 0.401 from t = 37 on
    """
    claim = _claim(claim)
    bits, max_bits = whole_number(bits, "bits", 1), whole_number(max_bits, "max_bits", 1, MOST)
    max_steps = whole_number(max_steps, "max_steps", 0, MOST)
    callback(progress)
    if not LEAST_BITS <= bits <= max_bits:
        got = Words(f"bits = {bits!r}, max_bits = {max_bits!r}")
        raise InputError(f"{LEAST_BITS} <= bits <= max_bits", got, "leave them out")
    problem = Problem.of(network, data, method, loss)
    pair = problem.is_pair and problem.loss.name == "exponential"
    if not (pair or problem.network.train_output):
        settings = loss, claim, bits, max_bits, max_steps, progress
        return certify_general(network, data, method, *settings)
    system = stated(network, data, method, loss)
    try:
        proof = prove(system, bits, max_bits, max_steps, progress)
    except (Undecided, Unprovable) as open_question:
        reason = str(open_question)
        return Certificate(network, data, method, claim, Verdict.UNDECIDED, reason, None, loss)
    verdict = Verdict.PROVED if proof.shows(claim, system) else Verdict.REFUTED
    return Certificate(network, data, method, claim, verdict, proof.reason, proof, loss)
