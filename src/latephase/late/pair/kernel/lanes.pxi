# A few steps of sixteen trials side by side, one in each lane of the arrays.
#
# The loops over lanes are compiled for wider registers, too, where the compiler and the system
# choose between them when they are loaded. No lane sees another, and nothing is fused: results are
# the same to the last bit, whatever the width and whoever is beside.

cdef extern from *:
    """
    #include <stdint.h>
    #include <math.h>
    #include <string.h>

    #if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__)
    #define LATEPHASE_WIDE __attribute__((target_clones("avx512f", "avx2", "default")))
    #define LATEPHASE_PART static inline __attribute__((always_inline))
    #else
    #define LATEPHASE_WIDE
    #define LATEPHASE_PART static inline
    #endif
    #define LANES 16
    #define AT_ONCE 32  /* steps between two sums */
    #define EACH for (int l = 0; l < LANES; l++)

    /* Of each neuron and point, x_11, x_12, x_21, x_22. */
    typedef double latephase_four[4][LANES];

    typedef struct {
        latephase_four base, got, nearest;
        double size[2][LANES], first[LANES], later[LANES], counts[LANES], clear[LANES];
    } latephase_few;

    /* exp(-m), to an ulp: m = k ln 2 + r, a polynomial in r, and 2^-k in two factors, since k may
       be 1075. */
    LATEPHASE_PART void latephase_exp(const double *m, double *result)
    {
        const double shift = 6755399441055744.0;  /* 1.5 * 2^52: adding it rounds to integers */
        double high[LANES], low[LANES];
        int64_t first[LANES], second[LANES];
        EACH {
            double x = -m[l];
            x = x > 750.0 ? 750.0 : x;
            x = x < -750.0 ? -750.0 : x;
            const double k = (x * 1.4426950408889634 + shift) - shift;
            const double r = (x - k * 0x1.62e42fee00000p-1) - k * 0x1.a39ef35793c76p-33;
            const double r2 = r * r, r4 = r2 * r2;
            const double p0 = 0.5 + r * (1.0 / 6.0) + r2 * (1.0 / 24.0 + r * (1.0 / 120.0));
            const double p1 = 1.0 / 720.0 + r * (1.0 / 5040.0)
                + r2 * (1.0 / 40320.0 + r * (1.0 / 362880.0));
            const double p2 = 1.0 / 3628800.0 + r * (1.0 / 39916800.0)
                + r2 * (1.0 / 479001600.0 + r * (1.0 / 6227020800.0));
            result[l] = 1.0 + (r + r2 * (p0 + r4 * (p1 + r4 * p2)));
            high[l] = k * 0.5 + shift;
            low[l] = (k - (high[l] - shift)) + shift;
        }
        /* The last bits of what was shifted are integers: they become exponents. */
        memcpy(first, high, sizeof first);
        memcpy(second, low, sizeof second);
        EACH {
            first[l] = (int64_t)(((uint64_t)first[l] + 1023) << 52);
            second[l] = (int64_t)(((uint64_t)second[l] + 1023) << 52);
        }
        memcpy(high, first, sizeof high);
        memcpy(low, second, sizeof low);
        EACH result[l] = result[l] * high[l] * low[l];
    }

    /* Where a few steps begin: margins, pulls, and of which lanes no margin moves by more than
       CALM in that many steps. */
    typedef struct {
        double margin[2][LANES], pull[2][LANES];
        int64_t calm[LANES];
    } latephase_start;

    #define CALM 0x1p-4
    enum { LATEPHASE_STEADY, LATEPHASE_CALM, LATEPHASE_MIXED, LATEPHASE_WILD };

    /* pull * exp(-(m - margin)) of a lane that is calm, to an ulp or two: no more is left of the
       exponential than a polynomial. */
    LATEPHASE_PART double latephase_pull(double m, double margin, double pull)
    {
        const double r = margin - m;
        const double r2 = r * r, r4 = r2 * r2;
        const double p0 = 0.5 + r * (1.0 / 6.0) + r2 * (1.0 / 24.0 + r * (1.0 / 120.0));
        const double p1 = 1.0 / 720.0 + r * (1.0 / 5040.0) + r2 * (1.0 / 40320.0);
        return pull + pull * (r + r2 * (p0 + r4 * p1));
    }

    /* One step: the first one of a few, which says where they start, or one of others. */
    LATEPHASE_PART void latephase_step(
        latephase_few *few, latephase_start *start, const double *gram, double step_size,
        double now, int begins, int kind)
    {
        const double k11 = gram[0], k12 = gram[1], k22 = gram[3];
        double m[2][LANES], pull[2][LANES], calm[LANES];
        latephase_four a;
        EACH {
            const double one1 = few->got[0][l], one2 = few->got[1][l];
            const double two1 = few->got[2][l], two2 = few->got[3][l];
            a[0][l] = few->base[0][l] + (one1 * k11 - one2 * k12);
            a[1][l] = few->base[1][l] + (one1 * k12 - one2 * k22);
            a[2][l] = few->base[2][l] + (two2 * k12 - two1 * k11);
            a[3][l] = few->base[3][l] + (two2 * k22 - two1 * k12);
            m[0][l] = (a[0][l] > 0.0 ? a[0][l] : 0.0) - (a[2][l] > 0.0 ? a[2][l] : 0.0);
            m[1][l] = (a[3][l] > 0.0 ? a[3][l] : 0.0) - (a[1][l] > 0.0 ? a[1][l] : 0.0);
        }
        for (int i = 0; i < 2; i++) {
            if (kind != LATEPHASE_CALM) {
                latephase_exp(m[i], pull[i]);
                EACH pull[i][l] *= step_size;
            }
            if (kind != LATEPHASE_WILD) {
                EACH calm[l] = latephase_pull(m[i][l], start->margin[i][l], start->pull[i][l]);
                EACH pull[i][l] = kind == LATEPHASE_CALM || start->calm[l] ? calm[l] : pull[i][l];
            }
        }
        if (begins) {
            memcpy(start->margin, m, sizeof m);
            memcpy(start->pull, pull, sizeof pull);
        }
        EACH {
            const int going = now < few->counts[l];
            const double m1 = m[0][l], m2 = m[1][l];
            const double size1 = m1 < 0.0 ? -m1 : m1, size2 = m2 < 0.0 ? -m2 : m2;
            const double p1 = going ? pull[0][l] : 0.0, p2 = going ? pull[1][l] : 0.0;
            const double felt0 = a[0][l] > 0.0 ? p1 : 0.0, felt1 = a[1][l] > 0.0 ? p2 : 0.0;
            const double felt2 = a[2][l] > 0.0 ? p1 : 0.0, felt3 = a[3][l] > 0.0 ? p2 : 0.0;
            few->size[0][l] = going && size1 > few->size[0][l] ? size1 : few->size[0][l];
            few->size[1][l] = going && size2 > few->size[1][l] ? size2 : few->size[1][l];
            few->got[0][l] += felt0;
            few->got[1][l] += felt1;
            few->got[2][l] += felt2;
            few->got[3][l] += felt3;
            if (kind != LATEPHASE_CALM) {  /* else it is 1 */
                double growth = (felt0 + felt2) * k11 + (felt1 + felt3) * k22 - 1.0;
                growth = growth > 1.0 ? growth : 1.0;
                if (begins)
                    few->first[l] = growth;
                else
                    few->later[l] *= growth;
            }
        }
        if (!begins)  /* where they begin has been looked at */
            for (int i = 0; i < 4; i++)
                EACH {
                    const double size = a[i][l] < 0.0 ? -a[i][l] : a[i][l];
                    few->nearest[i][l] = size < few->nearest[i][l] ? size : few->nearest[i][l];
                }
    }

    /* One step where all lanes that move are steady: calm, margins and right sides above 0 all the
       time. It is the step above, to the bit, without what it would not find. */
    LATEPHASE_PART void latephase_steady(
        latephase_few *few, const latephase_start *start, const double *gram, double now)
    {
        const double k11 = gram[0], k12 = gram[1], k22 = gram[3];
        EACH {
            const double one1 = few->got[0][l], one2 = few->got[1][l];
            const double two1 = few->got[2][l], two2 = few->got[3][l];
            const double a11 = few->base[0][l] + (one1 * k11 - one2 * k12);
            const double a12 = few->base[1][l] + (one1 * k12 - one2 * k22);
            const double a21 = few->base[2][l] + (two2 * k12 - two1 * k11);
            const double a22 = few->base[3][l] + (two2 * k22 - two1 * k12);
            const double m1 = a11 - (a21 > 0.0 ? a21 : 0.0), m2 = a22 - (a12 > 0.0 ? a12 : 0.0);
            const double pull1 = latephase_pull(m1, start->margin[0][l], start->pull[0][l]);
            const double pull2 = latephase_pull(m2, start->margin[1][l], start->pull[1][l]);
            const double left = few->counts[l] - now;
            const double p1 = left > 0.0 ? pull1 : 0.0, felt1 = left > 0.0 ? m1 : 0.0;
            const double p2 = left > 0.0 ? pull2 : 0.0, felt2 = left > 0.0 ? m2 : 0.0;
            const double size1 = a12 < 0.0 ? -a12 : a12, size2 = a21 < 0.0 ? -a21 : a21;
            few->size[0][l] = felt1 > few->size[0][l] ? felt1 : few->size[0][l];
            few->size[1][l] = felt2 > few->size[1][l] ? felt2 : few->size[1][l];
            few->got[0][l] = one1 + p1;
            few->got[1][l] = one2 + (a12 > 0.0 ? p2 : 0.0);
            few->got[2][l] = two1 + (a21 > 0.0 ? p1 : 0.0);
            few->got[3][l] = two2 + p2;
            few->nearest[1][l] = size1 < few->nearest[1][l] ? size1 : few->nearest[1][l];
            few->nearest[2][l] = size2 < few->nearest[2][l] ? size2 : few->nearest[2][l];
        }
    }

    /* How the steps after the first are made. Which exponential a lane takes is its own matter,
       whoever is beside it: one of k12 >= 0 moves a margin up or down, not both, in one step. */
    LATEPHASE_PART int latephase_kind(
        const latephase_few *few, latephase_start *start, const double *gram)
    {
        const double most = 2.14 * AT_ONCE * (gram[0] > gram[3] ? gram[0] : gram[3]);
        int calm = 1, wild = 1, steady = 1;
        EACH {
            const double p1 = start->pull[0][l], p2 = start->pull[1][l];
            const double both = gram[1] < 0.0 ? p1 + p2 : p1 > p2 ? p1 : p2;
            const int64_t still = both * most <= CALM;
            start->calm[l] = still;
            wild &= !still;
            const int ends = few->counts[l] <= 1.0;
            calm &= still || ends;
            steady &= ends || (still
                && few->base[0][l] > few->clear[l] && few->base[3][l] > few->clear[l]
                && start->margin[0][l] > CALM && start->margin[1][l] > CALM);
        }
        return steady ? LATEPHASE_STEADY
            : calm ? LATEPHASE_CALM : wild ? LATEPHASE_WILD : LATEPHASE_MIXED;
    }

    static LATEPHASE_WIDE void latephase_steps(
        latephase_few *few, const double *gram, double step_size, Py_ssize_t most)
    {
        latephase_start start;
        latephase_step(few, &start, gram, step_size, 0.0, 1, LATEPHASE_WILD);
        #define OTHERS(STEP) for (Py_ssize_t now = 1; now < most; now++) STEP
        #define OF_KIND(KIND) latephase_step(few, &start, gram, step_size, (double)now, 0, KIND)
        switch (latephase_kind(few, &start, gram)) {
            case LATEPHASE_STEADY: OTHERS(latephase_steady(few, &start, gram, (double)now)); break;
            case LATEPHASE_CALM: OTHERS(OF_KIND(LATEPHASE_CALM)); break;
            case LATEPHASE_WILD: OTHERS(OF_KIND(LATEPHASE_WILD)); break;
            default: OTHERS(OF_KIND(LATEPHASE_MIXED));
        }
    }
    """
    enum:
        LANES
        AT_ONCE
    ctypedef double Four "latephase_four"[4][16]
    # A few steps from one sum to the next: `base`, where they begin; what was received since (got);
    # |a| at its least between two of them (nearest); the largest |margin| felt of each point (size);
    # growth of errors by the Jacobians of the first step and of those after it (first, later); how
    # many steps each lane makes (counts); and from where on (clear) a pre-activation
    # of a calm lane does not come near 0.
    ctypedef struct Few "latephase_few":
        double base[4][16]
        double got[4][16]
        double nearest[4][16]
        double size[2][16]
        double first[16]
        double later[16]
        double counts[16]
        double clear[16]
    void steps "latephase_steps"(
        Few* few, const double* gram, double step_size, Py_ssize_t most
    ) noexcept nogil
