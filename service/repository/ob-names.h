/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* Names of users and groups and their numbers, asked of the host once each. Any thread. */
typedef struct _ObNames ObNames;

ObNames *ob_names_new (void);
void ob_names_free (ObNames *names);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObNames, ob_names_free)

/* NULL where the host knows no name. Transfer none: valid as long as @names. */
const char *ob_names_get_user (ObNames *names, uid_t uid);
const char *ob_names_get_group (ObNames *names, gid_t gid);

/* FALSE where the host does not know the name. */
gboolean ob_names_find_user (ObNames *names, const char *name, uid_t *uid);
gboolean ob_names_find_group (ObNames *names, const char *name, gid_t *gid);

G_END_DECLS
