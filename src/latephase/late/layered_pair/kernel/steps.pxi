# One step of sixteen pairs side by side, as `late/layered_pair/steps.py` has it.

cdef extern from *:
    """
    #define SHARE 0x1p-51  /* rounding error of a kick, for each unit of 2 + |margin| */

    /* Of each neuron and point, 11, 12, 21, 22, and then of each neuron. */
    typedef double latephase_six[6][LANES];

    typedef struct {
        double first[4][LANES], a[4][LANES], error[LANES];
        latephase_six moved, low;
    } latephase_pairs;

    /* a of what was gained. */
    LATEPHASE_PART void latephase_heights(latephase_pairs *on, const double *gram)
    {
        const double k11 = gram[0], k12 = gram[1], k22 = gram[3];
        for (int j = 0; j < 2; j++)
            EACH {
                const double one = on->moved[2 * j][l], two = -on->moved[2 * j + 1][l];
                on->a[2 * j][l] = on->first[2 * j][l] + (one * k11 + two * k12);
                on->a[2 * j + 1][l] = on->first[2 * j + 1][l] + (one * k12 + two * k22);
            }
    }

    LATEPHASE_PART double latephase_max(double x, double y)
    {
        return x > y ? x : y;
    }

    LATEPHASE_PART double latephase_abs(double x)
    {
        return x < 0 ? -x : x;
    }

    static LATEPHASE_WIDE void latephase_step_pairs(
        latephase_pairs *on, const double *gram, double log_step)
    {
        const double k11 = gram[0], k12 = gram[1], k22 = gram[3];
        const double lengths[2] = {sqrt(k11), sqrt(k22)};
        const double squares[2] = {k11, k22};
        double a[4][LANES], felt[4][LANES], pull[2][LANES], widest[LANES] = {0}, growth[LANES];
        double off[LANES] = {0};
        latephase_six kick;
        for (int j = 0; j < 2; j++)
            EACH {
                const double one = on->low[2 * j][l], two = -on->low[2 * j + 1][l];
                a[2 * j][l] = on->a[2 * j][l] + (one * k11 + two * k12);
                a[2 * j + 1][l] = on->a[2 * j + 1][l] + (one * k12 + two * k22);
            }
        for (int i = 0; i < 4; i++)
            EACH felt[i][l] = a[i][l] > 0 ? a[i][l] : 0;
        EACH growth[l] = 0;
        for (int i = 0; i < 2; i++) {
            double q[LANES], minus[LANES], rate[LANES];
            const double sign = i ? -1.0 : 1.0;
            EACH {
                const double v1 = on->moved[4][l], v2 = on->moved[5][l];
                q[l] = sign * (felt[i][l] * v1 + felt[2 + i][l] * v2);
                minus[l] = q[l] - log_step;
                const double w1 = a[i][l] > 0 ? v1 * v1 * squares[i] : 0;
                const double w2 = a[2 + i][l] > 0 ? v2 * v2 * squares[i] : 0;
                rate[l] = ((w1 + felt[i][l] * felt[i][l]) + (w2 + felt[2 + i][l] * felt[2 + i][l]))
                    + lengths[i];
            }
            latephase_exp(minus, pull[i]);
            EACH {
                const int active = a[i][l] > 0 || a[2 + i][l] > 0;
                pull[i][l] = active ? pull[i][l] : 0;
                widest[l] = active ? latephase_max(widest[l], latephase_abs(q[l])) : widest[l];
                growth[l] = latephase_max(growth[l], pull[i][l] * rate[l]);
            }
        }
        for (int j = 0; j < 2; j++)
            EACH {
                const double v = on->moved[4 + j][l];
                kick[2 * j][l] = a[2 * j][l] > 0 ? v * pull[0][l] : 0;
                kick[2 * j + 1][l] = a[2 * j + 1][l] > 0 ? v * pull[1][l] : 0;
                kick[4 + j][l] = felt[2 * j][l] * pull[0][l] - felt[2 * j + 1][l] * pull[1][l];
                const double size = latephase_max(
                    latephase_max(latephase_abs(a[2 * j][l]) / lengths[0],
                                  latephase_abs(a[2 * j + 1][l]) / lengths[1]),
                    latephase_abs(v));
                const double most = latephase_max(latephase_abs(kick[2 * j][l]) * lengths[0],
                                                  latephase_abs(kick[2 * j + 1][l]) * lengths[1])
                    + latephase_abs(kick[4 + j][l]);
                off[l] = latephase_max(off[l], size > 0 ? most / size : 0);
            }
        for (int i = 0; i < 6; i++)
            EACH {  /* high + low + kick as a sum of two (TwoSum [knuth1997]) */
                const double high = on->moved[i][l], change = on->low[i][l] + kick[i][l];
                const double total = high + change, part = total - high;
                on->low[i][l] = (high - (total - part)) + (change - part);
                on->moved[i][l] = total;
            }
        EACH on->error[l] = latephase_max(growth[l] - 1, 1) * on->error[l]
            + SHARE * (2 + widest[l]) * off[l];
        latephase_heights(on, gram);
    }
    """
    ctypedef struct Pairs "latephase_pairs":
        double first[4][16]
        double a[4][16]
        double error[16]
        double moved[6][16]
        double low[6][16]
    void step_pairs "latephase_step_pairs"(
        Pairs* on, const double* gram, double log_step) noexcept nogil
    void heights "latephase_heights"(Pairs* on, const double* gram) noexcept nogil
