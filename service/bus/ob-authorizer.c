/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-authorizer.h"

#include <polkit/polkit.h>
#include <string.h>

#include "ob-error.h"
#include "ob-object-path.h"
#include "ob-reply.h"

/* Calls that wait for an answer of the bus or of polkit. Each may wait for a person who types a
 * password, so a caller that never answers must not be able to pile them up without end. */
#define MAX_PENDING 256
/* …nor one user take the place of all others, whatever number of connections he has. */
#define MAX_PENDING_OF_USER 32

static const ObAuthorizerRule rules[] = {
  { OB_ROOT_INTERFACE, "AddInstance", "configure", NULL },
  { OB_ROOT_INTERFACE, "AddDestination", "configure", NULL },
  { OB_ROOT_INTERFACE, "AddSchedule", "configure", NULL },
  { OB_ROOT_INTERFACE, "GetProblems", "view", NULL },
  { OB_ROOT_INTERFACE, "Backup", "backup", NULL },
  { OB_ROOT_INTERFACE, "ListBackups", "view", NULL },
  { OB_ROOT_INTERFACE, "GetBackup", "view", NULL },
  { OB_ROOT_INTERFACE, "ListFiles", "transfer", NULL },
  { OB_ROOT_INTERFACE, "EditBackup", "configure", NULL },
  { OB_ROOT_INTERFACE, "PlanRestore", "view", NULL },
  { OB_ROOT_INTERFACE, "Restore", "restore", NULL },
  { OB_ROOT_INTERFACE, "UndoRestore", "restore", NULL },
  { OB_ROOT_INTERFACE, "ReleasePrevious", "restore", NULL },
  { OB_ROOT_INTERFACE, "BeginChange", "backup", NULL },
  { OB_ROOT_INTERFACE, "EndChange", "restore", "backup" },
  { OB_ROOT_INTERFACE, "Delete", "delete", NULL },
  { OB_ROOT_INTERFACE, "Prune", "delete", NULL },
  { OB_ROOT_INTERFACE, "Verify", "backup", NULL },
  { OB_ROOT_INTERFACE, "Repair", "delete", NULL },
  { OB_INSTANCE_INTERFACE, "Check", "configure", NULL },
  { OB_INSTANCE_INTERFACE, "Update", "configure", NULL },
  { OB_INSTANCE_INTERFACE, "Remove", "configure", NULL },
  { OB_INSTANCE_INTERFACE, "GetDetails", "view", NULL },
  { OB_DESTINATION_INTERFACE, "Check", "configure", NULL },
  { OB_DESTINATION_INTERFACE, "Update", "configure", NULL },
  { OB_DESTINATION_INTERFACE, "Remove", "configure", NULL },
  { OB_DESTINATION_INTERFACE, "RecoveryKey", "transfer", NULL },
  { OB_DESTINATION_INTERFACE, "GetDetails", "view", NULL },
  { OB_SCHEDULE_INTERFACE, "Trigger", "backup", NULL },
  { OB_SCHEDULE_INTERFACE, "Update", "configure", NULL },
  { OB_SCHEDULE_INTERFACE, "Remove", "configure", NULL },
  { OB_SCHEDULE_INTERFACE, "PlanRetention", "view", NULL },
  { OB_SCHEDULE_INTERFACE, "ApplyRetention", "delete", NULL },
  { OB_SCHEDULE_INTERFACE, "GetDetails", "view", NULL },
  { OB_JOB_INTERFACE, "Cancel", "cancel", "" },
  { OB_JOB_INTERFACE, "GetResult", "view", NULL },
  { OB_JOB_INTERFACE, "GetLog", "view", NULL },
  { OB_JOB_INTERFACE, "GetWaiting", "view", NULL },
};

/* What an action lets one do, for the person who was refused. */
static const struct
{
  const char *action;
  const char *deed;
} deeds[] = {
  { "view", "see the backups and jobs" },
  { "backup", "make backups" },
  { "restore", "restore backups" },
  { "delete", "delete backups" },
  { "configure", "configure what is backed up and where" },
  { "transfer", "take data or keys out of the backups" },
  { "cancel", "cancel jobs of others" },
};

struct _ObAuthorizer
{
  GObject parent_instance;

  guint n_pending;
  GHashTable *asked;          /* uid → how many of these are with polkit */
  PolkitAuthority *authority; /* NULL until polkit was reached */
  GPtrArray *waiting;         /* of Call: those that wait for it; NULL while nobody asks */
  ObAuthorizerIsOwn is_own;   /* may be NULL */
  gpointer is_own_data;
};

G_DEFINE_FINAL_TYPE (ObAuthorizer, ob_authorizer, G_TYPE_OBJECT)

/* What the authorizer knows of a skeleton that it guards. */
typedef struct
{
  ObAuthorizer *authorizer;
  guint owner;
} Guard;

static G_DEFINE_QUARK (ob-authorizer-guard, guard);
static G_DEFINE_QUARK (ob-authorizer-caller, caller);
static G_DEFINE_QUARK (ob-authorizer-vtable, vtable);

/* A call that waits. */
typedef struct
{
  ObAuthorizer *authorizer;
  GDBusInterfaceSkeleton *skeleton;
  GDBusMethodInvocation *invocation;
  const ObAuthorizerRule *rule;
  const char *action; /* that is asked for */
  guint owner;
  guint uid;
  PolkitSubject *subject;
  GCancellable *cancellable; /* cancelled when the caller vanishes */
  guint watch;
  gboolean counted; /* in the user's number */
} Call;

static void
ob_authorizer_finalize (GObject *object)
{
  ObAuthorizer *self = OB_AUTHORIZER (object);

  g_clear_object (&self->authority);
  g_clear_pointer (&self->asked, g_hash_table_unref);
  G_OBJECT_CLASS (ob_authorizer_parent_class)->finalize (object);
}

static void
ob_authorizer_class_init (ObAuthorizerClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = ob_authorizer_finalize;
}

static void
ob_authorizer_init (ObAuthorizer *self)
{
  self->asked = g_hash_table_new (NULL, NULL);
}

/* internal methods */

static void
guard_free (gpointer data)
{
  Guard *guard = data;

  g_object_unref (guard->authorizer);
  g_free (guard);
}

static guint
count_asked (Call *call)
{
  return GPOINTER_TO_UINT (
    g_hash_table_lookup (call->authorizer->asked, GUINT_TO_POINTER (call->uid)));
}

static void
set_asked (Call *call, guint n)
{
  GHashTable *asked = call->authorizer->asked;

  if (n == 0)
    g_hash_table_remove (asked, GUINT_TO_POINTER (call->uid));
  else
    g_hash_table_insert (asked, GUINT_TO_POINTER (call->uid), GUINT_TO_POINTER (n));
}

/* FALSE where the user has too many calls with polkit already. */
static gboolean
count (Call *call)
{
  guint n = count_asked (call);

  if (n >= MAX_PENDING_OF_USER)
    return FALSE;
  set_asked (call, n + 1);
  call->counted = TRUE;
  return TRUE;
}

static Call *
call_new (const Guard *guard, GDBusInterfaceSkeleton *skeleton, GDBusMethodInvocation *invocation,
          const ObAuthorizerRule *rule)
{
  Call *call = g_new0 (Call, 1);

  call->authorizer = g_object_ref (guard->authorizer);
  call->skeleton = g_object_ref (skeleton);
  call->invocation = invocation;
  call->rule = rule;
  call->action = rule->action;
  call->owner = guard->owner;
  call->cancellable = g_cancellable_new ();
  call->authorizer->n_pending++;
  return call;
}

static void
call_free (Call *call)
{
  call->authorizer->n_pending--;
  if (call->counted)
    set_asked (call, count_asked (call) - 1);
  if (call->watch != 0)
    g_bus_unwatch_name (call->watch);
  g_clear_object (&call->cancellable);
  g_clear_object (&call->subject);
  g_clear_object (&call->invocation);
  g_clear_object (&call->skeleton);
  g_clear_object (&call->authorizer);
  g_free (call);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Call, call_free)

static const char *
describe_action (const char *action)
{
  for (gsize i = 0; i < G_N_ELEMENTS (deeds); i++)
    if (strcmp (deeds[i].action, action) == 0)
      return deeds[i].deed;
  return action;
}

static void
deny (Call *call, const char *reason)
{
  ob_reply_error (g_steal_pointer (&call->invocation),
                  g_error_new (OB_ERROR, OB_ERROR_NOT_AUTHORIZED,
                               "You are not authorised to %s (%s%s): %s",
                               describe_action (call->action), OB_ACTION_PREFIX, call->action,
                               reason));
}

static GDBusInterfaceSkeletonClass *
get_generated_class (GDBusInterfaceSkeleton *skeleton)
{
  return g_type_class_peek_parent (G_DBUS_INTERFACE_SKELETON_GET_CLASS (skeleton));
}

/* SECURITY: from here the call is trusted to be what its rule allows. */
static void
pass_on (Call *call)
{
  GDBusMethodInvocation *invocation = g_steal_pointer (&call->invocation);
  GDBusInterfaceVTable *vtable = NULL;

  /* The object may have gone while somebody was asked. */
  if (g_dbus_interface_skeleton_get_connection (call->skeleton) == NULL)
    {
      ob_reply_error (invocation,
                      g_error_new (OB_ERROR, OB_ERROR_NOT_FOUND, "%s is not there any more",
                                   g_dbus_method_invocation_get_object_path (invocation)));
      return;
    }
  /* One more than the uid: an invocation without it must not look like root's. */
  g_object_set_qdata (G_OBJECT (invocation), caller_quark (),
                      GSIZE_TO_POINTER ((gsize) call->uid + 1));
  vtable = get_generated_class (call->skeleton)->get_vtable (call->skeleton);
  vtable->method_call (g_dbus_method_invocation_get_connection (invocation),
                       g_dbus_method_invocation_get_sender (invocation),
                       g_dbus_method_invocation_get_object_path (invocation),
                       g_dbus_method_invocation_get_interface_name (invocation),
                       g_dbus_method_invocation_get_method_name (invocation),
                       g_dbus_method_invocation_get_parameters (invocation), invocation,
                       call->skeleton);
}

static void
on_checked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Call) call = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (PolkitAuthorizationResult) answer
    = polkit_authority_check_authorization_finish (POLKIT_AUTHORITY (source), result, &error);

  /* Nobody waits for an answer any more: the call is dropped. */
  if (g_cancellable_is_cancelled (call->cancellable))
    return;
  if (answer == NULL)
    {
      g_warning ("polkit does not answer: %s", error->message);
      deny (call, "polkit does not answer; see whether polkitd runs, or do it as root");
    }
  else if (polkit_authorization_result_get_is_authorized (answer))
    pass_on (call);
  else if (polkit_authorization_result_get_dismissed (answer))
    deny (call, "the question for a password was dismissed");
  else if (polkit_authorization_result_get_is_challenge (answer))
    deny (call, "an administrator has to allow it with a password; do it as root, or where one can "
                "be asked for");
  else
    deny (call, "do it as root, or ask an administrator to allow it");
}

static void
check (Call *call)
{
  g_autofree char *action = g_strconcat (OB_ACTION_PREFIX, call->action, NULL);
  GDBusMessage *message = g_dbus_method_invocation_get_message (call->invocation);
  PolkitCheckAuthorizationFlags flags = POLKIT_CHECK_AUTHORIZATION_FLAGS_NONE;

  if ((g_dbus_message_get_flags (message) & G_DBUS_MESSAGE_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION)
      != 0)
    flags = POLKIT_CHECK_AUTHORIZATION_FLAGS_ALLOW_USER_INTERACTION;
  polkit_authority_check_authorization (call->authorizer->authority, call->subject, action, NULL,
                                        flags, call->cancellable, on_checked, call);
}

static void
on_authority (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (ObAuthorizer) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) waiting = g_steal_pointer (&self->waiting);

  self->authority = polkit_authority_get_finish (result, &error);
  if (self->authority == NULL)
    g_warning ("polkit cannot be reached: %s", error->message);
  for (guint i = 0; i < waiting->len; i++)
    {
      g_autoptr (Call) call = g_ptr_array_index (waiting, i);

      if (g_cancellable_is_cancelled (call->cancellable))
        continue;
      if (self->authority == NULL)
        deny (call, "polkit cannot be reached; see whether polkitd runs, or do it as root");
      else
        check (g_steal_pointer (&call));
    }
}

/* Takes @call. */
static void
ask_polkit (Call *call)
{
  ObAuthorizer *self = call->authorizer;

  if (self->authority != NULL)
    {
      check (call);
      return;
    }
  if (self->waiting == NULL)
    {
      self->waiting = g_ptr_array_new ();
      polkit_authority_get_async (NULL, on_authority, g_object_ref (self));
    }
  g_ptr_array_add (self->waiting, call);
}

static void
on_caller_vanished (GDBusConnection *connection, const char *name, gpointer user_data)
{
  GCancellable *cancellable = user_data;

  g_cancellable_cancel (cancellable);
}

/* Takes @invocation. */
static void
refuse_as_busy (GDBusMethodInvocation *invocation)
{
  ob_reply_error (invocation, g_error_new (OB_ERROR, OB_ERROR_BUSY,
                                           "Too many calls wait for their authorisation; try again "
                                           "later"));
}

/* Whether another action holds, since it is about what is the caller's own. */
static gboolean
is_own (Call *call)
{
  ObAuthorizer *self = call->authorizer;

  if (call->rule->own == NULL || call->uid == OB_NOBODY)
    return FALSE;
  return call->uid == call->owner
         || (self->is_own != NULL
             && self->is_own (call->invocation, call->uid, self->is_own_data));
}

static void
on_uid (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Call) call = user_data;
  g_autoptr (GError) error = NULL;
  GDBusConnection *connection = G_DBUS_CONNECTION (source);
  g_autoptr (GVariant) answer = g_dbus_connection_call_finish (connection, result, &error);
  const char *sender = g_dbus_method_invocation_get_sender (call->invocation);

  if (answer == NULL)
    {
      deny (call, "the bus does not tell who asks");
      return;
    }
  g_variant_get (answer, "(u)", &call->uid);
  if (is_own (call))
    call->action = call->rule->own;
  if (call->uid == 0 || *call->action == '\0')
    {
      pass_on (call);
      return;
    }
  if (!count (call))
    {
      refuse_as_busy (g_steal_pointer (&call->invocation));
      return;
    }
  call->subject = polkit_system_bus_name_new (sender);
  call->watch = g_bus_watch_name_on_connection (connection, sender, G_BUS_NAME_WATCHER_FLAGS_NONE,
                                                NULL, on_caller_vanished,
                                                g_object_ref (call->cancellable), g_object_unref);
  ask_polkit (g_steal_pointer (&call));
}

static void
handle_method_call (GDBusConnection *connection, const char *sender, const char *path,
                    const char *interface, const char *method, GVariant *parameters,
                    GDBusMethodInvocation *invocation, gpointer user_data)
{
  GDBusInterfaceSkeleton *skeleton = G_DBUS_INTERFACE_SKELETON (user_data);
  const Guard *guard = g_object_get_qdata (G_OBJECT (skeleton), guard_quark ());
  const ObAuthorizerRule *rule = ob_authorizer_find_rule (interface, method);

  if (guard == NULL || rule == NULL || sender == NULL)
    {
      ob_reply_error (invocation, g_error_new (OB_ERROR, OB_ERROR_NOT_AUTHORIZED,
                                               "Nobody may call %s.%s", interface, method));
      return;
    }
  if (guard->authorizer->n_pending >= MAX_PENDING)
    {
      refuse_as_busy (invocation);
      return;
    }
  g_dbus_connection_call (connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                          "org.freedesktop.DBus", "GetConnectionUnixUser",
                          g_variant_new ("(s)", sender), G_VARIANT_TYPE ("(u)"),
                          G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL, on_uid,
                          call_new (guard, skeleton, invocation, rule));
}

/* public methods */

const ObAuthorizerRule *
ob_authorizer_get_rules (gsize *n_rules)
{
  *n_rules = G_N_ELEMENTS (rules);
  return rules;
}

const ObAuthorizerRule *
ob_authorizer_find_rule (const char *interface, const char *method)
{
  for (gsize i = 0; i < G_N_ELEMENTS (rules); i++)
    if (g_strcmp0 (rules[i].interface, interface) == 0
        && g_strcmp0 (rules[i].method, method) == 0)
      return &rules[i];
  return NULL;
}

ObAuthorizer *
ob_authorizer_new (void)
{
  return g_object_new (OB_TYPE_AUTHORIZER, NULL);
}

void
ob_authorizer_set_is_own (ObAuthorizer *self, ObAuthorizerIsOwn func, gpointer user_data)
{
  self->is_own = func;
  self->is_own_data = user_data;
}

void
ob_authorizer_guard (ObAuthorizer *self, GDBusInterfaceSkeleton *skeleton, guint owner)
{
  Guard *guard = g_new0 (Guard, 1);

  g_return_if_fail (ob_authorizer_is_guarding (skeleton));

  guard->authorizer = g_object_ref (self);
  guard->owner = owner;
  g_object_set_qdata_full (G_OBJECT (skeleton), guard_quark (), guard, guard_free);
}

GDBusInterfaceVTable *
ob_authorizer_get_vtable (GDBusInterfaceSkeleton *skeleton)
{
  GType type = G_OBJECT_TYPE (skeleton);
  GDBusInterfaceVTable *vtable = g_type_get_qdata (type, vtable_quark ());

  if (vtable == NULL)
    {
      /* One for each class, for as long as the class lives: properties are served as generated. */
      vtable = g_memdup2 (get_generated_class (skeleton)->get_vtable (skeleton), sizeof *vtable);
      vtable->method_call = handle_method_call;
      g_type_set_qdata (type, vtable_quark (), vtable);
    }
  return vtable;
}

gboolean
ob_authorizer_is_guarding (GDBusInterfaceSkeleton *skeleton)
{
  return g_dbus_interface_skeleton_get_vtable (skeleton)->method_call == handle_method_call;
}

guint
ob_authorizer_get_caller (GDBusMethodInvocation *invocation)
{
  gsize caller = GPOINTER_TO_SIZE (g_object_get_qdata (G_OBJECT (invocation), caller_quark ()));

  return caller == 0 ? OB_NOBODY : (guint) (caller - 1);
}
