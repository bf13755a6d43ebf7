/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may call what: the one place of the service that decides it. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* An action of the polkit policy is this and a name. */
#define OB_ACTION_PREFIX "org.openbravo.backup1."

/* The owner of an object that is nobody's. */
#define OB_NOBODY G_MAXUINT32

/* A line of the table: what polkit is asked for before a method runs. A method without a line is
 * denied. */
typedef struct
{
  const char *interface;
  const char *method;
  const char *action; /* without OB_ACTION_PREFIX */
  const char *own;    /* the one for what is the caller's own; "": none is needed; NULL: the same */
} ObAuthorizerRule;

/* Whether what a call is about is @uid's own, beside the objects that he owns. Main context. */
typedef gboolean (*ObAuthorizerIsOwn) (GDBusMethodInvocation *invocation, guint uid,
                                       gpointer user_data);

/* The table, @n_rules lines. Any thread. */
const ObAuthorizerRule *ob_authorizer_get_rules (gsize *n_rules);

/* The line for a method; NULL where there is none. Any thread. */
const ObAuthorizerRule *ob_authorizer_find_rule (const char *interface, const char *method);

#define OB_TYPE_AUTHORIZER (ob_authorizer_get_type ())
G_DECLARE_FINAL_TYPE (ObAuthorizer, ob_authorizer, OB, AUTHORIZER, GObject)

/* Transfer full. Main context. */
ObAuthorizer *ob_authorizer_new (void);

/* Asked for the methods whose rule has an action of its own for what is the caller's own. Main
 * context. */
void ob_authorizer_set_is_own (ObAuthorizer *authorizer, ObAuthorizerIsOwn is_own,
                               gpointer user_data);

/* Lets @skeleton serve calls, after asking. @owner: a uid, or OB_NOBODY. A skeleton that was never
 * given to an authorizer denies everything. Main context. */
void ob_authorizer_guard (ObAuthorizer *authorizer, GDBusInterfaceSkeleton *skeleton, guint owner);

/* The get_vtable() of every skeleton of this service: a class that derives from a generated one
 * sets it, and from then on no method is reached but through the authorizer, which asks
 * asynchronously and then passes the call to the generated class. */
GDBusInterfaceVTable *ob_authorizer_get_vtable (GDBusInterfaceSkeleton *skeleton);

/* Whether @skeleton's methods go through the authorizer. */
gboolean ob_authorizer_is_guarding (GDBusInterfaceSkeleton *skeleton);

/* The uid of who called, by the credentials that the bus knows; OB_NOBODY where the call never
 * passed the authorizer. Main context. */
guint ob_authorizer_get_caller (GDBusMethodInvocation *invocation);

G_END_DECLS
