/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A local store in a directory of a test's own, and short forms of what tests do with it. */
#pragma once

#include "fixture.h"
#include "ob-error.h"
#include "ob-local-store.h"

G_BEGIN_DECLS

/* Opens the directory @name of the fixture, "." for itself. Transfer full. */
ObStore *open_store (Fixture *fixture, const char *name);

void put_text (ObStore *store, const char *name, const char *text, ObStorePutFlags flags);
void flush (ObStore *store);

/* FALSE with the error of storing @size bytes. */
gboolean put_much (ObStore *store, const char *name, gsize size, ObStorePutFlags flags,
                   GError **error);

/* Asserts that the object @name has that content, or (NULL) is not there. */
void assert_object (ObStore *store, const char *name, const char *text);

/* Asserts what is listed in @directory: sorted names, with a blank between. */
void assert_list (ObStore *store, const char *directory, const char *names);

/* The number of files and links below the directory @name, whatever they are called. */
guint count_files (Fixture *fixture, const char *name);

G_END_DECLS
