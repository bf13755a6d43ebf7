/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What threads that work together share: waiting that notices a cancel, and the first error. */
#pragma once

#include <gio/gio.h>
#include <pthread.h>

G_BEGIN_DECLS

/* A condition whose timed waits count monotonic time. */
void ob_cond_init (pthread_cond_t *cond);

/* Waits for a signal, 100 ms at most: the caller looks at its GCancellable each time round. Called
 * with @mutex held. */
void ob_cond_wait_slice (pthread_cond_t *cond, pthread_mutex_t *mutex);

/* FALSE with CANCELLED where @cancellable (may be NULL) is cancelled. Any thread. */
gboolean ob_check_cancelled (GCancellable *cancellable, GError **error);

/* The first error of several threads. All functions: any thread. */
typedef struct _ObFirstError ObFirstError;

ObFirstError *ob_first_error_new (void);
void ob_first_error_free (ObFirstError *first);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObFirstError, ob_first_error_free)

/* Keeps @failure if it is the first one, frees it otherwise. Transfer full. */
void ob_first_error_take (ObFirstError *first, GError *failure);

/* Cheap: one atomic load. */
gboolean ob_first_error_is_set (ObFirstError *first);

/* FALSE with a copy of the error where there is one, else TRUE. */
gboolean ob_first_error_check (ObFirstError *first, GError **error);

G_END_DECLS
