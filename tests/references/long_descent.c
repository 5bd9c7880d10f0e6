/* Gradient descent of a shallow network by its definition, in long doubles, parameters in pairs. */
#include <math.h>

typedef long double real;

/* theta, low (m, k): parameters and their low parts, moved by `steps` steps; z (n, k), y (n),
   v (m); backwards: whether sums are taken from their last term. 0 where all numbers are finite. */
int descend(real *theta, real *low, const double *z, const double *y, const double *v,
            int m, int n, int k, double step_size, double slope, int logistic, int backwards,
            long steps)
{
    real a[64], served[64], total, pull, change, sum, part;
    for (long step = 0; step < steps; step++) {
        for (int j = 0; j < m; j++)
            for (int i = 0; i < n; i++) {
                total = 0;
                for (int c = 0; c < k; c++) {
                    int at = backwards ? k - 1 - c : c;
                    total += theta[j * k + at] * z[i * k + at];
                }
                for (int c = 0; c < k; c++)
                    total += low[j * k + c] * z[i * k + c];
                a[j * n + i] = total;
            }
        for (int i = 0; i < n; i++) {
            total = 0;
            for (int j = 0; j < m; j++) {
                int at = backwards ? m - 1 - j : j;
                total += v[at] * (a[at * n + i] > 0 ? a[at * n + i] : slope * a[at * n + i]);
            }
            total = expl(-y[i] * total);
            pull = logistic ? (isinf(total) ? 1 : total / (1 + total)) : total;
            for (int j = 0; j < m; j++)
                served[j * n + i] = step_size * y[i] * v[j] * pull * (a[j * n + i] > 0 ? 1 : slope);
        }
        for (int j = 0; j < m; j++)
            for (int c = 0; c < k; c++) {
                change = 0;
                for (int i = 0; i < n; i++) {
                    int at = backwards ? n - 1 - i : i;
                    change += served[j * n + at] * z[at * k + c];
                }
                change += low[j * k + c];
                sum = theta[j * k + c] + change;
                part = sum - theta[j * k + c];
                low[j * k + c] = (theta[j * k + c] - (sum - part)) + (change - part);
                theta[j * k + c] = sum;
            }
    }
    for (int j = 0; j < m * k; j++)
        if (!isfinite(theta[j]))
            return 1;
    return 0;
}
