# Filippov's rule for one neuron at kinks that no two points share, as `filippov.py` has it in NumPy.

cdef double DEPENDENT = linear_algebra.DEPENDENT
cdef double INDEPENDENT = linear_algebra.INDEPENDENT
cdef double VANISHED = 1e-290  # a pull below it holds nothing


cdef class Box:
    """argmin |drive - x @ rows| over 0 <= x <= most, of `count` points of a run, `places` in it.

    found (count,): x;  free (count,): whether it is between its bounds;  drive, left (k,): what is
    to be met, and what is left of it.
    """

    cdef Points points
    cdef Py_ssize_t count
    cdef Py_ssize_t* places
    cdef Py_ssize_t* chosen
    cdef bint* free
    cdef double* most
    cdef double* found
    cdef double* drive
    cdef double* left
    cdef double* gram
    cdef double* right

    def __cinit__(self, Points points, Py_ssize_t most, Arena arena):
        self.points, self.count = points, 0
        self.places, self.chosen = <Py_ssize_t*> arena.bare(most), <Py_ssize_t*> arena.bare(most)
        self.free, self.most, self.found = (
            <bint*> arena.bare(most), arena.bare(most), arena.bare(most))
        self.drive, self.left = arena.take(points.k), arena.bare(points.k)
        self.gram, self.right = arena.bare(most * most), arena.bare(most)

    cdef const double* row(self, Py_ssize_t p) noexcept:
        """A point (k,)."""
        return self.points.rows + self.places[p] * self.points.k

    cdef double length(self, Py_ssize_t p) noexcept:
        return self.points.lengths[self.places[p]]

    cdef void leave(self, bint fixed) noexcept:
        """Set what is left of the drive, less only what is `fixed` at bounds, or all."""
        cdef Py_ssize_t p, k = self.points.k
        memcpy(self.left, self.drive, k * sizeof(double))
        for p in range(self.count):
            if not (fixed and self.free[p]):
                add(self.left, -self.found[p], self.row(p), k)

    cdef double still(self, Py_ssize_t p, double all_most) noexcept:
        """A velocity of a point's pre-activation that is rounding."""
        cdef double along = sqrt(dot(self.drive, self.drive, self.points.k))
        return DEPENDENT * self.length(p) * (along + all_most)

    cdef bint nearest(self) noexcept:
        """Set what is free to the nearest sum, by Cholesky's factor of the Gram matrix of units;
        False where a row is nearly dependent on others."""
        cdef Py_ssize_t a, b, c, count = 0, k = self.points.k
        cdef double x
        cdef double* row
        self.leave(True)
        for a in range(self.count):
            if self.free[a]:
                self.chosen[count] = a
                count += 1
        if count > k:
            return False
        for a in range(count):
            row = self.gram + a * count
            self.right[a] = dot(self.row(self.chosen[a]), self.left, k) / self.length(
                self.chosen[a])
            for b in range(a + 1):
                x = self.points.products[
                    self.places[self.chosen[a]] * self.points.n + self.places[self.chosen[b]]]
                x /= self.length(self.chosen[a]) * self.length(self.chosen[b])
                for c in range(b):
                    x -= row[c] * self.gram[b * count + c]
                if a > b:
                    row[b] = x / self.gram[b * count + b]
                elif x >= INDEPENDENT * INDEPENDENT:
                    row[a] = sqrt(x)
                else:
                    return False
                if a > b:
                    self.right[a] -= row[b] * self.right[b]
            self.right[a] /= row[a]
        for a in range(count - 1, -1, -1):
            for b in range(a + 1, count):
                self.right[a] -= self.gram[b * count + a] * self.right[b]
            self.right[a] /= self.gram[a * count + a]
        for a in range(count):
            self.found[self.chosen[a]] = self.right[a] / self.length(self.chosen[a])
        return True

    cdef bint out(self, Py_ssize_t p) noexcept:
        return self.found[p] < 0 or self.found[p] > self.most[p]

    cdef bint bounded(self) noexcept:
        """Put at their bounds those that are out of them; whether there are any."""
        cdef Py_ssize_t p
        cdef bint any_out = False
        for p in range(self.count):
            if self.out(p):
                self.found[p] = smaller(larger(self.found[p], 0.0), self.most[p])
                self.free[p] = False
                any_out = True
        return any_out

    cdef bint solve(self) noexcept:
        """Find it; whether it was found."""
        cdef Py_ssize_t p, _
        cdef double rise, still, all_most = 0.0
        cdef bint inwards
        if self.count == 1:
            rise = dot(self.row(0), self.drive, self.points.k)
            self.found[0] = rise / (self.length(0) * self.length(0))
            self.found[0] = smaller(larger(self.found[0], 0.0), self.most[0])
            return True
        for p in range(self.count):
            self.free[p] = True
            all_most += self.most[p] * self.length(p)
        if not self.nearest():
            return False
        for _ in range(2 * self.count + 2):
            if self.bounded():
                if not self.nearest():
                    return False
                continue
            self.leave(False)
            inwards = False
            for p in range(self.count):
                rise, still = dot(self.row(p), self.left, self.points.k), self.still(p, all_most)
                if not self.free[p] and (
                        rise > still if self.found[p] < self.most[p] else rise < -still):
                    self.free[p] = inwards = True
            if not inwards:
                return True
            if not self.nearest():
                return False
        return False


cdef double top_of(const double* log, const unsigned char* among, Py_ssize_t n) noexcept:
    """The largest of some numbers (n,), or if that is not finite of all."""
    cdef double found = -INFINITY, every = -INFINITY
    cdef Py_ssize_t i
    for i in range(n):
        every = larger(log[i], every)
        found = larger(log[i], found) if among[i] else found
    return found if -INFINITY < found < INFINITY else every


def turned(Points points, const double[::1] signs, signed char[::1] status,
           const unsigned char[::1] near, const double[::1] log_pull, double slope):
    """Put statuses (n,) of a neuron, with these signs v_j y_i (n,), that is `near` some kinks (n,),
    to the rule, in place; False, and nothing is done, where its kinks nearly depend on one another."""
    cdef Py_ssize_t i, n = points.n, k = points.k, count = 0, only = 0
    cdef Arena arena = Arena()
    cdef double* pulls = arena.bare(n)
    cdef double* drive = arena.take(k)
    cdef unsigned char* serves = <unsigned char*> arena.bare(n // 8 + 1)
    cdef double top, rise, most
    for i in range(n):
        serves[i] = near[i] and signs[i] > 0
        serves[i] |= status[i] == ACTIVE or (status[i] == INACTIVE and slope > 0)
        if near[i]:
            count, only = count + 1, i
    top = top_of(&log_pull[0], serves, n)
    for i in range(n):
        pulls[i] = signs[i] * exp(smaller(log_pull[i] - top, 700.0))
    if count != 1:
        return at_some(Rule(points, count, arena), pulls, status, near, slope)
    for i in range(n):
        most = gain(INACTIVE if i == only else status[i], slope)
        if most != 0:
            add(drive, most * pulls[i], points.rows + i * k, k)
    rise = dot(drive, points.rows + only * k, k)  # seen from its inactive side
    most = -(1 - slope) * pulls[only]
    if rise <= 0:
        status[only] = INACTIVE
    elif most > VANISHED and rise < most * points.lengths[only] * points.lengths[only]:
        status[only] = SLIDING
    else:
        status[only] = ACTIVE
    return True


cdef inline double gain(int status, double slope) noexcept:
    """What part of a point's pull is felt."""
    return 1.0 if status == ACTIVE else (slope if status == INACTIVE else 0.0)


cdef class Rule:
    """Kinks of one neuron: those that pull it down are held in a `box`, those that pull it `up`
    (ups,) are only ever passed."""

    cdef Box box
    cdef Py_ssize_t ups
    cdef Py_ssize_t* up
    cdef signed char* found

    def __cinit__(self, Points points, Py_ssize_t count, Arena arena):
        self.box, self.ups = Box(points, count, arena), 0
        self.up, self.found = (
            <Py_ssize_t*> arena.bare(count), <signed char*> arena.bare(points.n // 8 + 1))


cdef bint at_some(Rule rule, const double* pulls, signed char[::1] status,
                  const unsigned char[::1] near, double slope):
    """The rule at several kinks, each seen from its inactive side."""
    cdef Box box = rule.box
    cdef Points points = box.points
    cdef Py_ssize_t i, p, n = points.n, k = points.k, tried
    cdef double felt, rise, still
    cdef bint settled
    cdef signed char side
    for i in range(n):
        rule.found[i] = INACTIVE if near[i] else status[i]
        if near[i] and (1 - slope) * pulls[i] >= 0:
            rule.up[rule.ups] = i
            rule.ups += 1
        elif near[i]:
            box.places[box.count], box.most[box.count] = i, -(1 - slope) * pulls[i]
            box.count += 1
    for tried in range(2 * rule.ups + 1):
        fill(box.drive, 0.0, k)
        for p in range(box.count):
            rule.found[box.places[p]] = INACTIVE
        for i in range(n):
            felt = gain(rule.found[i], slope)
            if felt != 0:
                add(box.drive, felt * pulls[i], points.rows + i * k, k)
        if box.count and not box.solve():
            return False
        box.leave(False)
        for p in range(box.count):
            rise, still = dot(box.row(p), box.left, k), box.still(p, box.most[p] * box.length(p))
            side = ACTIVE if box.found[p] >= box.most[p] else SLIDING
            side = INACTIVE if box.found[p] <= 0 else side
            if box.most[p] <= VANISHED or (side == SLIDING and fabs(rise) > still):
                side = ACTIVE if rise > 0 else INACTIVE
            rule.found[box.places[p]] = side
        settled = True
        for p in range(rule.ups):
            i = rule.up[p]
            side = ACTIVE if dot(points.rows + i * k, box.left, k) > 0 else INACTIVE
            settled &= rule.found[i] == side
            rule.found[i] = side
        if settled:
            break
    for i in range(n):
        status[i] = rule.found[i]
    return True
