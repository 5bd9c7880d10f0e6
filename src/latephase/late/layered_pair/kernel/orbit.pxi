# Orbits over sample times: panels while they are early, then a series, as `follow_orbit.py` has it.

cdef double HIGH = 40.0  # rho from which on the series of the time is exact
cdef double DEEPEST = -1e4  # margin from which on panels are followed to 0, as in Python
cdef double LOG_NEGLIGIBLE = ln(1e-15)  # of a push, from which on steps are as good as flow
cdef double PRECISE = 1e-17, NEAR = 1e-6
cdef double LN2 = ln(2.0)
cdef enum:
    AT_KINK = 8  # rounds to the point at which a neuron leaves

# Where an orbit is, and what ends it: p, m, least (2,) and the length of its point.
cdef struct Late:
    double log_tau
    double margin
    double spread
    double log_time

cdef struct Leaves:
    double p[2]
    double m[2]
    double least[2]
    double length


cdef inline double both(double a, double b) noexcept nogil:
    """ln(exp(a) + exp(b))."""
    cdef double high = a if a > b else b, low = b if a > b else a
    return high if low == -INFINITY else high + log1p(exp(low - high))


cdef inline double since(double log_t, double log_start) noexcept nogil:
    """ln(t - start) of logarithms."""
    cdef double left = -expm1(log_start - log_t)
    return log_t + ln(left) if left > 0 else -INFINITY


cdef bint is_late(double log_tau, double q, double spread, bint discrete) noexcept nogil:
    """As `Orbits.is_late`."""
    cdef double rho = hypot(q, spread)
    if not (rho if q > 0 or q < DEEPEST else spread) >= HIGH:
        return False
    return not discrete or log_tau - q + ln(2 * rho) <= LOG_NEGLIGIBLE


cdef double waiting(double log_tau, double q, double spread, double* slope) noexcept nogil:
    """ln of the time up to a late margin, and its slope, as `log_waiting` of `orbit.py`."""
    cdef double rho = hypot(q, spread), inverse = 1 / rho, cosine = q * inverse
    cdef double before = 0.0, term = 1.0, total = 1.0, size = 1.0, k = 0.0, rise
    while size > PRECISE and k + 1 < rho:
        rise = (2 * k + 1) * cosine * term - (k * k) * inverse * before
        before, term = term, rise * inverse
        total += term
        k += 1
        size *= k * inverse
    slope[0] = 1 / total
    return q - log_tau + ln(total * inverse / 2)


cdef double late_margin(const Late* start, double log_t) noexcept nogil:
    """The margin of a late orbit at the time exp(log_t) of its flow, by Halley's steps."""
    cdef double level = log_t + start.log_tau + LN2, rho, q, slope, found, move, bend
    cdef int _
    q = level + ln(hypot(level, start.spread))
    for _ in range(6):
        q = max(q, start.margin)
        found = log_t - waiting(start.log_tau, q, start.spread, &slope)
        rho = hypot(q, start.spread)
        move = found / slope
        bend = 1 - q / (rho * rho) - slope  # the second derivative over the first
        q += move / (1 + move * bend / 2)
        if not fabs(move) > NEAR * q:  # what is left is its cube
            break
    return max(q, start.margin)


cdef double leaving_margin(const Leaves* leaves, double fallen) noexcept nogil:
    """The margin at which the first neuron leaves, as `Leaving.margin`."""
    cdef double least = INFINITY, beta, root, y
    cdef int j
    for j in range(2):
        beta = leaves.least[j] / sqrt(fallen)
        root = beta * beta - leaves.p[j] * leaves.m[j]
        if leaves.m[j] > leaves.p[j] and root >= 0:
            root = sqrt(root)
            if beta + root > 0:
                y = leaves.m[j] / (beta + root)
                least = y if y < least else least
    if not least < INFINITY:
        return INFINITY
    y = ((leaves.p[0] ** 2 + leaves.p[1] ** 2) * least ** 2
         - (leaves.m[0] ** 2 + leaves.m[1] ** 2) / least ** 2)
    return leaves.length / 4 * fallen * y


cdef void place(const Orbit* on, double spread, double log_time, Late* found) noexcept nogil:
    """Where an orbit is that began with a spread at a time."""
    cdef double risen = on.large * expm1(on.lam)
    cdef double sunk = on.small * expm1(2 * on.fallen - on.lam)
    found.log_tau, found.margin = on.log_tau, on.margin + (risen - sunk) / 2
    found.spread = spread * exp(on.fallen)
    found.log_time = log_time
    if on.clock > 0:
        found.log_time = both(log_time, on.clock + ln(-expm1(-on.clock)) - on.log_push)


cdef bint leaves_within(const Panel* panel, const Leaves* leaves, Orbit* end) noexcept nogil:
    """Whether a neuron leaves within the panel; the orbit is then put there, else at its end."""
    cdef double weights[16]
    cdef double goal, part, total
    cdef double found[3]
    cdef int round, l, hit
    end.lam, end.fallen, end.clock = panel.lam[15], panel.fallen[15], panel.clock[15]
    if not panel.q[15] >= leaving_margin(leaves, exp(end.fallen)):
        return False
    weigh(panel.q, weights)
    for round in range(AT_KINK):
        goal = leaving_margin(leaves, exp(end.fallen))
        goal = min(max(goal, panel.q[0]), panel.q[15])
        total, hit = 0.0, -1
        found[0] = found[1] = found[2] = 0.0
        for l in range(16):
            if panel.q[l] == goal:
                hit = l
                break
            part = weights[l] / (goal - panel.q[l])
            total += part
            found[0] += part * panel.lam[l]
            found[1] += part * panel.fallen[l]
            found[2] += part * panel.clock[l]
        if hit >= 0:
            end.lam, end.fallen, end.clock = panel.lam[hit], panel.fallen[hit], panel.clock[hit]
        else:
            end.lam, end.fallen, end.clock = found[0] / total, found[1] / total, found[2] / total
    return True


cdef double departure(const Late* late, const Leaves* leaves, double fallen) noexcept nogil:
    """ln of the time at which a neuron leaves a late orbit."""
    cdef double slope, goal = max(leaving_margin(leaves, fallen), late.margin)
    if not goal < INFINITY:
        return INFINITY
    return both(late.log_time, since(
        waiting(late.log_tau, min(goal, 1e300), late.spread, &slope),
        waiting(late.log_tau, late.margin, late.spread, &slope)))


cdef double follow_one(
    Orbit* on, double spread, double log_time, const double* times, Py_ssize_t columns,
    Py_ssize_t column, bint discrete, const Leaves* leaves, const double* rules,
    const double* nodes, double* margins, double* spreads
) noexcept nogil:
    """Fill the margins and spreads from a column on; ln of the time at which a neuron leaves."""
    cdef Panel panel
    cdef Late now
    cdef double goal, clock, fallen, before, slope
    cdef bint left = False, late
    if column >= columns:
        return INFINITY
    if not on.large + on.small > 0:
        while column < columns and times[column] < INFINITY:
            margins[column] = spreads[column] = 0.0
            column += 1
        return INFINITY
    late = is_late(on.log_tau, on.margin, spread, discrete)
    goal = both(0.0, on.log_push + since(times[columns - 1], log_time))
    clock = both(0.0, on.log_push + since(times[column], log_time))
    while not late:
        over_panel(on, rules, nodes, discrete, &panel)
        if leaves != NULL:
            left = leaves_within(&panel, leaves, on)
        else:
            on.lam, on.fallen, on.clock = panel.lam[15], panel.fallen[15], panel.clock[15]
        while column < columns and times[column] < INFINITY and clock <= on.clock:
            find(&panel, clock, margins + column, &fallen)
            spreads[column] = spread * exp(fallen) if discrete else spread
            column += 1
            if column < columns:
                clock = both(0.0, on.log_push + since(times[column], log_time))
        if left or not on.clock < goal:
            break
        place(on, spread, log_time, &now)
        late = is_late(on.log_tau, now.margin, now.spread, discrete)
    place(on, spread, log_time, &now)
    if left:
        return now.log_time
    if column < columns and times[column] < INFINITY:
        before = waiting(now.log_tau, now.margin, now.spread, &slope)
        while column < columns and times[column] < INFINITY:
            margins[column] = late_margin(&now, both(before, since(times[column], now.log_time)))
            spreads[column] = now.spread
            column += 1
    if leaves != NULL and is_late(now.log_tau, now.margin, now.spread, discrete):
        return departure(&now, leaves, now.spread / spread if spread > 0 else 1.0)
    return INFINITY
