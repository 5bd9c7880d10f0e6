# What a few steps sum up to, sixteen trials side by side, and the errors of that, as `_summed` of
# `by_jax` has it.

cdef extern from *:
    """
    /* What is carried from sum to sum, as `_Pairs` of `by_jax`: pre-activations and what was
       received, high and low parts, errors; undecided is 0 or 1. */
    typedef struct {
        latephase_four a, a_low, got, got_low, off;
        double error[LANES];
        int64_t undecided[4][LANES];
    } latephase_lanes;

    #define ROUNDING 0x1p-51  /* of a kick, times 2 + |margin| of its size */

    /* high + low + change, the rounding error of the new high kept in low (TwoSum [knuth1997]). */
    LATEPHASE_PART void latephase_add(double *high, double *low, double change)
    {
        const double moved = *low + change, total = *high + moved, apart = total - *high;
        *low = (*high - (total - apart)) + (moved - apart);
        *high = total;
    }

    /* A few steps that begin where the trials stand. */
    static LATEPHASE_WIDE void latephase_begin(const latephase_lanes *lanes, latephase_few *few)
    {
        memcpy(few->base, lanes->a, sizeof few->base);
        memset(few->got, 0, sizeof few->got);
        EACH {
            const double off1 = lanes->off[0][l], off2 = lanes->off[3][l];
            few->clear[l] = 2.0 * CALM + (off1 > off2 ? off1 : off2);
            few->size[0][l] = few->size[1][l] = 0.0;
            few->first[l] = few->later[l] = 1.0;
        }
        for (int i = 0; i < 4; i++)
            EACH few->nearest[i][l] = INFINITY;
    }

    static LATEPHASE_WIDE void latephase_sum(
        latephase_lanes *lanes, const latephase_few *few, const double *gram)
    {
        const double k11 = gram[0], k12 = gram[1], k22 = gram[3], across = k12 < 0.0 ? -k12 : k12;
        const double length1 = sqrt(k11), length2 = sqrt(k22);
        latephase_four rises, doubts;
        double first[2][LANES], later[2][LANES];
        int64_t judged[2][LANES];
        EACH {
            const double one1 = few->got[0][l], one2 = few->got[1][l];
            const double two1 = few->got[2][l], two2 = few->got[3][l];
            const double ulps1 = ROUNDING * (2.0 + few->size[0][l]);
            const double ulps2 = ROUNDING * (2.0 + few->size[1][l]);
            const double off11 = one1 * ulps1, off12 = one2 * ulps2;
            const double off21 = two1 * ulps1, off22 = two2 * ulps2;
            const double own = ((off11 * length1 + off12 * length2) + off21 * length1)
                + off22 * length2;
            lanes->error[l] = few->later[l] * (few->first[l] * lanes->error[l] + own);
            rises[0][l] = one1 * k11 - one2 * k12, rises[1][l] = one1 * k12 - one2 * k22;
            rises[2][l] = two2 * k12 - two1 * k11, rises[3][l] = two2 * k22 - two1 * k12;
            doubts[0][l] = off11 * k11 + off12 * across, doubts[1][l] = off11 * across + off12 * k22;
            doubts[2][l] = off21 * k11 + off22 * across, doubts[3][l] = off21 * across + off22 * k22;
        }
        for (int j = 0; j < 2; j++)
            EACH {
                const double right = lanes->a[2 * j][l], wrong = lanes->a[2 * j + 1][l];
                const int64_t living = (right > wrong ? right : wrong) > 0.0;
                first[j][l] = living ? few->first[l] : 1.0;
                later[j][l] = living ? few->later[l] : 1.0;
                judged[j][l] = living && few->counts[l] > 0.0;  /* the others were judged before */
            }
        for (int i = 0; i < 4; i++)
            EACH {
                const double nearest = few->nearest[i][l];
                const double off = later[i / 2][l] * (first[i / 2][l] * lanes->off[i][l] + doubts[i][l]);
                latephase_add(&lanes->a[i][l], &lanes->a_low[i][l], rises[i][l]);
                latephase_add(&lanes->got[i][l], &lanes->got_low[i][l], few->got[i][l]);
                const double a = lanes->a[i][l], size = a < 0.0 ? -a : a;
                const int64_t close = (size < nearest ? size : nearest) <= off;
                lanes->undecided[i][l] |= judged[i / 2][l] & close;
                lanes->off[i][l] = off;
            }
    }
    """
    ctypedef struct Lanes "latephase_lanes":
        double a[4][16]
        double a_low[4][16]
        double got[4][16]
        double got_low[4][16]
        double off[4][16]
        double error[16]
        int64_t undecided[4][16]
    void begin "latephase_begin"(const Lanes* lanes, Few* few) noexcept nogil
    void add_up "latephase_sum"(
        Lanes* lanes, const Few* few, const double* gram
    ) noexcept nogil
