# One panel of an orbit, its sixteen nodes side by side: as `late/layered_pair/panels.py` has it.
#
# The loops over nodes are compiled for wider registers, too, where the compiler and the system
# choose between them when they are loaded. Nothing is fused: results are the same to the last bit.

cdef extern from *:
    """
    #define LONGEST 0.75  /* of lambda in a panel, and of q, about: as in Python */
    #define RISE 1.6
    #define LOG_NOTHING -39.0

    typedef double latephase_nodes[LANES];

    typedef struct {
        double log_tau, margin, large, small, log_push;  /* of the whole orbit */
        double lam, fallen, clock;  /* where it is */
    } latephase_orbit;

    typedef struct {
        latephase_nodes lam, fallen, q, clock, weights;
    } latephase_panel;

    /* exp(x) - 1 of nodes up to 0.8 in size. */
    LATEPHASE_PART void latephase_expm1(const double *x, double *result)
    {
        EACH {
            const double r = x[l], r2 = r * r, r4 = r2 * r2;
            const double p0 = 0.5 + r * (1.0 / 6.0) + r2 * (1.0 / 24.0 + r * (1.0 / 120.0));
            const double p1 = 1.0 / 720.0 + r * (1.0 / 5040.0)
                + r2 * (1.0 / 40320.0 + r * (1.0 / 362880.0));
            const double p2 = 1.0 / 3628800.0 + r * (1.0 / 39916800.0)
                + r2 * (1.0 / 479001600.0 + r * (1.0 / 6227020800.0));
            const double p3 = 1.0 / 87178291200.0 + r * (1.0 / 1307674368000.0)
                + r2 * (1.0 / 20922789888000.0 + r * (1.0 / 355687428096000.0));
            result[l] = r + r2 * (p0 + r4 * (p1 + r4 * (p2 + r4 * p3)));
        }
    }

    /* What steps add to the flow, as `corrections` of `orbit.py`: a and b. */
    LATEPHASE_PART void latephase_corrections(
        const double *q_, const double *rho_, const double *x_, double *rise, double *fall)
    {
        EACH {
            const double q = q_[l], rho = rho_[l], x = x_[l], s = rho * rho;
            const double r0 = 2 * s - q;
            const double r1 = rho * (10 * s - 11 * q + 2) / 3;
            const double r2 = (s * (40 * s - 68 * q + 20) + q * (10 * q - 3)) / 6;
            const double r3 =
                rho * (s * (428 * s - 972 * q + 352) + q * (349 * q - 182) + 12) / 30;
            const double high = s * (s * (1384 * s - 3864 * q + 1554) + q * (2304 * q - 1545) + 189);
            const double low = q * (165 * q - 123) + 15;
            const double r4 = (high - q * low) / 45;
            const double f1 = -2 * rho, f2 = (10 * q - 24 * s - 3) / 6;
            const double f3 = 2 * rho * (12 * q - 12 * s - 5) / 3;
            const double f4 = -(s * (700 * s - 1158 * q + 570) + low) / 45;
            rise[l] = x * (r0 + x * (r1 + x * (r2 + x * (r3 + x * r4))));
            fall[l] = x * (-1 + x * (f1 + x * (f2 + x * (f3 + x * f4))));
        }
    }

    /* The integrals of a polynomial from the first node to each, of its values there. */
    LATEPHASE_PART void latephase_integrals(
        const double *rules, const double *values, double scale, double *result)
    {
        latephase_nodes total = {0};
        for (int i = 0; i < LANES; i++) {
            const double value = values[i];
            EACH total[l] += rules[i * LANES + l] * value;
        }
        EACH result[l] = scale * total[l];
    }

    /* Barycentric weights of nodes. */
    LATEPHASE_PART void latephase_weights(const double *x, double *result)
    {
        const double scale = 4 / (x[LANES - 1] - x[0]);
        latephase_nodes scaled, product;
        EACH scaled[l] = x[l] * scale;
        EACH product[l] = 1.0;
        for (int i = 0; i < LANES; i++) {
            const double at = scaled[i];
            EACH product[l] *= l == i ? 1.0 : scaled[l] - at;
        }
        EACH result[l] = 1 / product[l];
    }

    static LATEPHASE_WIDE void latephase_over_panel(
        const latephase_orbit *on, const double *rules, const double *nodes, int discrete,
        latephase_panel *found)
    {
        const double risen = on->large * expm1(on->lam);
        const double sunk = on->small * expm1(2 * on->fallen - on->lam);
        const double q0 = on->margin + (risen - sunk) / 2;
        const double large = on->large + risen, small = on->small + sunk;
        const double rho0 = (large + small) / 2;
        const double length = LONGEST < RISE / rho0 ? LONGEST : RISE / rho0;
        const double log_x = on->log_tau - q0;
        const int rounds = discrete && log_x > LOG_NOTHING
            ? (int)ceil(LOG_NOTHING / (log_x < -2 ? log_x : -2)) : 0;
        latephase_nodes way, up, down, down_by, fallen = {0}, q, rho, m, x, rise, fall, pace;
        EACH way[l] = length * nodes[l];
        latephase_expm1(way, up);
        for (int round = 0; round <= rounds; round++) {
            EACH down_by[l] = 2 * fallen[l] - way[l];
            latephase_expm1(down_by, down);
            EACH {
                const double gone = small * down[l];
                q[l] = q0 + (large * up[l] - gone) / 2;
                m[l] = small + gone;
                rho[l] = ((large + large * up[l]) + m[l]) / 2;
            }
            if (!rounds)
                break;
            EACH x[l] = q[l] - on->log_tau;
            latephase_exp(x, x);
            latephase_corrections(q, rho, x, rise, fall);
            EACH pace[l] = rho[l] / (2 * rho[l] + rise[l] + m[l] * fall[l]);
            if (round == rounds)
                break;
            EACH fall[l] *= pace[l];
            latephase_integrals(rules, fall, length / 2, fallen);
        }
        EACH x[l] = (on->log_tau - on->log_push) - q[l];
        latephase_exp(x, x);
        EACH x[l] *= rounds ? pace[l] : 0.5;
        latephase_integrals(rules, x, length / 2, found->clock);
        const double time = expm1(on->clock);
        for (int l = 0; l < LANES; l++)
            found->clock[l] = log1p(time + found->clock[l]);
        EACH found->lam[l] = on->lam + way[l];
        EACH found->fallen[l] = on->fallen + fallen[l];
        memcpy(found->q, q, sizeof q);
        latephase_weights(found->clock, found->weights);
    }

    /* q and ln fallen of a panel at a clock within it. */
    static LATEPHASE_WIDE void latephase_find(
        const latephase_panel *panel, double clock, double *q, double *fallen)
    {
        latephase_nodes part, first, second;
        double total = 0, sum = 0, other = 0;
        EACH part[l] = panel->weights[l] / (clock - panel->clock[l]);
        EACH first[l] = part[l] * panel->q[l];
        EACH second[l] = part[l] * panel->fallen[l];
        for (int l = 0; l < LANES; l++) {
            total += part[l];
            sum += first[l];
            other += second[l];
        }
        *q = sum / total;
        *fallen = other / total;
        for (int l = 0; l < LANES; l++)
            if (panel->clock[l] == clock) {
                *q = panel->q[l];
                *fallen = panel->fallen[l];
            }
    }
    """
    ctypedef struct Orbit "latephase_orbit":
        double log_tau
        double margin
        double large
        double small
        double log_push
        double lam
        double fallen
        double clock
    ctypedef struct Panel "latephase_panel":
        double lam[16]
        double fallen[16]
        double q[16]
        double clock[16]
    void over_panel "latephase_over_panel"(
        const Orbit* on, const double* rules, const double* nodes, bint discrete, Panel* found
    ) noexcept nogil
    void find "latephase_find"(
        const Panel* panel, double clock, double* q, double* fallen) noexcept nogil
    void weigh "latephase_weights"(const double* x, double* result) noexcept nogil
