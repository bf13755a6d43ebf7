/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A store that hands all calls on to another one, and fails at a chosen one of them. */
#pragma once

#include "ob-store.h"

G_BEGIN_DECLS

#define FAULT_TYPE_STORE (fault_store_get_type ())
G_DECLARE_FINAL_TYPE (FaultStore, fault_store, FAULT, STORE, ObStore)

typedef enum
{
  FAULT_PUT,
  FAULT_FLUSH,
  FAULT_READ,
  FAULT_STAT,
  FAULT_LIST,
  FAULT_REMOVE,
  FAULT_N_CALLS,
} FaultCall;

typedef enum
{
  FAULT_EIO,    /* DESTINATION_UNAVAILABLE, and nothing is done */
  FAULT_ENOSPC, /* NO_SPACE, and nothing is done */
  FAULT_LATE,   /* DESTINATION_UNAVAILABLE, and it is done nevertheless: the answer was lost; a
                 * listing was broken off in its middle */
  FAULT_EMFILE, /* FAILED, as where this host lacks descriptors, and nothing is done */
  FAULT_SHORT,  /* a read gives fewer bytes than there are, as if the object ended there; else
                 * EIO */
  FAULT_N_KINDS,
} FaultKind;

/* Transfer full. */
ObStore *fault_store_new (ObStore *inner);

/* The call @number, counted from 1 and from now on, fails; with @lasting all later ones of its kind
 * too. */
void fault_store_arm (FaultStore *self, FaultCall call, guint number, FaultKind kind,
                      gboolean lasting);

/* All is well again. */
void fault_store_disarm (FaultStore *self);

/* How many calls there were since the last fault_store_arm() or fault_store_disarm(). Any
 * thread. */
guint fault_store_get_n_calls (FaultStore *self, FaultCall call);

/* Whether a call failed since then. Any thread. */
gboolean fault_store_has_struck (FaultStore *self);

/* From now on each read that touches the @size bytes of @name at @offset fails with EIO, as where a
 * disk has a bad sector; before other threads use it. */
void fault_store_break (FaultStore *self, const char *name, guint64 offset, guint64 size);

/* From now on each read of @name that has the byte at @offset gives it wrong, as where a cable is
 * bad; NULL: no more. Before other threads use it, or from a FaultWatch of the only one. */
void fault_store_spoil (FaultStore *self, const char *name, guint64 offset);

/* From now on all reads of @name succeed, as from the page cache, until ob_store_forget(). */
void fault_store_keep (FaultStore *self, const char *name);

/* From now on lists give @name this size, or leave it out with FAULT_UNLISTED; NULL: no more. The
 * same of threads. */
#define FAULT_UNLISTED G_MAXUINT64
void fault_store_list_as (FaultStore *self, const char *name, guint64 size);

/* How many reads failed for fault_store_break(). Any thread. */
guint fault_store_get_n_broken (FaultStore *self);

/* Calls @watch before each read of an object, in the thread that reads. NULL: no more. */
typedef void (*FaultWatch) (const char *name, gpointer user_data);
void fault_store_watch_reads (FaultStore *self, FaultWatch watch, gpointer user_data);

/* The same, before each removal. */
void fault_store_watch_removals (FaultStore *self, FaultWatch watch, gpointer user_data);

const char *fault_call_get_name (FaultCall call);
const char *fault_kind_get_name (FaultKind kind);

G_END_DECLS
