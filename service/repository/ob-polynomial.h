/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Polynomials over GF(2), a bit for each coefficient: what restic cuts its chunks with. Ours cuts
 * otherwise, but restic goes on writing where we began, and refuses a polynomial that factors. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define OB_POLYNOMIAL_DEGREE 53

/* A random irreducible polynomial of degree 53. Any thread. */
guint64 ob_polynomial_random (void);

/* Whether it has no factors (Rabin's test; degrees 1 to 53). Any thread. */
gboolean ob_polynomial_is_irreducible (guint64 polynomial);

G_END_DECLS
