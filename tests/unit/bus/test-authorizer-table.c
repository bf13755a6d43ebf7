/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of the authorizer against the interfaces and the policy as they are installed. */
#include "ob-authorizer.h"

#include <string.h>

#include "ob-object-path.h"

/* The design's table once more (docs/architecture.md): the methods of each action, those that
 * are to come included. A word with a dot is a method of that interface alone. */
static const struct
{
  const char *action;
  const char *methods;
  const char *any, *inactive, *active;
} design[] = {
  { "view",
    "ListBackups GetBackup GetResult GetLog GetWaiting GetDetails PlanRestore PlanRetention "
    "GetProblems",
    "auth_admin_keep", "auth_admin_keep", "yes" },
  { "backup", "Backup BeginChange Verify Trigger", "auth_admin_keep", "auth_admin_keep",
    "auth_admin_keep" },
  { "restore", "Restore UndoRestore ReleasePrevious EndChange", "auth_admin", "auth_admin",
    "auth_admin" },
  { "delete", "Delete Prune Repair ApplyRetention", "auth_admin", "auth_admin", "auth_admin" },
  { "configure", "AddInstance AddDestination AddSchedule EditBackup Update Remove Check Unlock",
    "auth_admin", "auth_admin", "auth_admin" },
  { "transfer", "Download Upload RecoveryKey ListFiles", "auth_admin", "auth_admin", "auth_admin" },
  { "cancel", "Cancel", "auth_admin", "auth_admin", "auth_admin" },
};

static char *
read_file (const char *path)
{
  g_autoptr (GError) error = NULL;
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

static GDBusNodeInfo *
load_interfaces (void)
{
  g_autofree char *text = read_file (OB_INTERFACES_FILE);
  g_autoptr (GError) error = NULL;
  GDBusNodeInfo *node = g_dbus_node_info_new_for_xml (text, &error);

  g_assert_no_error (error);
  g_assert_nonnull (node->interfaces[0]);
  return node;
}

static const char *
get_designed_action (const char *method)
{
  for (gsize i = 0; i < G_N_ELEMENTS (design); i++)
    {
      g_auto (GStrv) methods = g_strsplit (design[i].methods, " ", -1);

      if (g_strv_contains ((const char *const *) methods, method))
        return design[i].action;
    }
  return NULL;
}

static void
check_method (const char *interface, const char *method)
{
  const ObAuthorizerRule *rule = ob_authorizer_find_rule (interface, method);

  g_test_message ("%s.%s", interface, method);
  g_assert_nonnull (rule);
  g_assert_cmpstr (rule->interface, ==, interface);
  g_assert_cmpstr (rule->method, ==, method);
  g_assert_cmpstr (rule->action, ==, get_designed_action (method));
  /* One's own jobs and changes, and nothing else. */
  if (strcmp (interface, OB_JOB_INTERFACE) == 0 && strcmp (method, "Cancel") == 0)
    g_assert_cmpstr (rule->own, ==, "");
  else if (strcmp (method, "EndChange") == 0)
    g_assert_cmpstr (rule->own, ==, "backup");
  else
    g_assert_null (rule->own);
}

static void
test_every_method (void)
{
  g_autoptr (GDBusNodeInfo) node = load_interfaces ();
  gsize n_rules = 0, n_methods = 0;

  for (GDBusInterfaceInfo **interface = node->interfaces; *interface != NULL; interface++)
    for (GDBusMethodInfo **method = (*interface)->methods; *method != NULL; method++)
      {
        check_method ((*interface)->name, (*method)->name);
        n_methods++;
      }
  /* And no line of the table is about something else, or there twice. */
  ob_authorizer_get_rules (&n_rules);
  g_assert_cmpuint (n_rules, ==, n_methods);
}

/* What the interfaces promise of properties and signals, which nobody is asked about: none can be
 * written, and none carries text that somebody else wrote. */
static void
test_properties (void)
{
  g_autoptr (GDBusNodeInfo) node = load_interfaces ();
  static const char *const texts[] = { "Version", "Features", "Name", "Kind", "State", "Health",
                                       "Operation", "Instance", "Destination", "Phase",
                                       "ErrorName", "HealthReasons", "LastResult", NULL };

  for (GDBusInterfaceInfo **interface = node->interfaces; *interface != NULL; interface++)
    for (GDBusPropertyInfo **property = (*interface)->properties;
         property != NULL && *property != NULL; property++)
      {
        g_test_message ("%s.%s", (*interface)->name, (*property)->name);
        g_assert_cmpuint ((*property)->flags, ==, G_DBUS_PROPERTY_INFO_FLAGS_READABLE);
        if (strchr ((*property)->signature, 's') != NULL)
          g_assert_true (g_strv_contains (texts, (*property)->name));
      }
}

static void
test_denied (void)
{
  g_assert_null (ob_authorizer_find_rule (OB_ROOT_INTERFACE, "NoSuchMethod"));
  g_assert_null (ob_authorizer_find_rule (OB_ROOT_INTERFACE, "backup"));
  g_assert_null (ob_authorizer_find_rule (OB_ROOT_INTERFACE, ""));
  g_assert_null (ob_authorizer_find_rule (OB_ROOT_INTERFACE, NULL));
  g_assert_null (ob_authorizer_find_rule (NULL, "Backup"));
  /* A method of one interface is none of another. */
  g_assert_null (ob_authorizer_find_rule (OB_JOB_INTERFACE, "Backup"));
  g_assert_null (ob_authorizer_find_rule (OB_ROOT_INTERFACE, "Cancel"));
  g_assert_null (ob_authorizer_find_rule ("org.openbravo.Backup2", "Backup"));
}

/* ---- The policy
 * -------------------------------------------------------------------------------- */

typedef struct
{
  GHashTable *defaults; /* "ACTION/allow_any" → text */
  char *action;
  const char *element;
} Policy;

static void
on_start (GMarkupParseContext *context, const char *element, const char **names,
          const char **values, gpointer data, GError **error)
{
  Policy *policy = data;

  policy->element = g_intern_string (element);
  if (strcmp (element, "action") != 0)
    return;
  g_free (policy->action);
  policy->action = NULL;
  for (gsize i = 0; names[i] != NULL; i++)
    if (strcmp (names[i], "id") == 0)
      policy->action = g_strdup (values[i]);
  g_assert_nonnull (policy->action);
}

static void
on_end (GMarkupParseContext *context, const char *element, gpointer data, GError **error)
{
  ((Policy *) data)->element = "";
}

static void
on_text (GMarkupParseContext *context, const char *text, gsize size, gpointer data, GError **error)
{
  Policy *policy = data;

  if (g_str_has_prefix (policy->element, "allow_"))
    g_assert_true (g_hash_table_insert (
      policy->defaults, g_strdup_printf ("%s/%s", policy->action, policy->element),
      g_strstrip (g_strndup (text, size))));
}

static GHashTable *
load_policy (void)
{
  static const GMarkupParser parser
    = { .start_element = on_start, .end_element = on_end, .text = on_text };
  g_autofree char *text = read_file (OB_POLICY_FILE);
  Policy policy = { .element = "" };
  g_autoptr (GMarkupParseContext) context = g_markup_parse_context_new (&parser, 0, &policy, NULL);
  g_autoptr (GError) error = NULL;

  policy.defaults = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_markup_parse_context_parse (context, text, -1, &error);
  g_assert_no_error (error);
  g_markup_parse_context_end_parse (context, &error);
  g_assert_no_error (error);
  g_free (policy.action);
  return policy.defaults;
}

static void
assert_default (GHashTable *defaults, const char *action, const char *element, const char *expected)
{
  g_autofree char *key = g_strdup_printf ("%s%s/%s", OB_ACTION_PREFIX, action, element);

  g_test_message ("%s", key);
  g_assert_cmpstr (g_hash_table_lookup (defaults, key), ==, expected);
}

static void
test_policy (void)
{
  g_autoptr (GHashTable) defaults = load_policy ();
  const ObAuthorizerRule *rules = NULL;
  gsize n_rules = 0;

  g_assert_cmpuint (g_hash_table_size (defaults), ==, 3 * G_N_ELEMENTS (design));
  for (gsize i = 0; i < G_N_ELEMENTS (design); i++)
    {
      assert_default (defaults, design[i].action, "allow_any", design[i].any);
      assert_default (defaults, design[i].action, "allow_inactive", design[i].inactive);
      assert_default (defaults, design[i].action, "allow_active", design[i].active);
    }
  /* An action that polkit does not know would be refused to everybody. */
  rules = ob_authorizer_get_rules (&n_rules);
  for (gsize i = 0; i < n_rules; i++)
    {
      g_autofree char *key
        = g_strdup_printf ("%s%s/allow_any", OB_ACTION_PREFIX, rules[i].action);

      g_assert_true (g_hash_table_contains (defaults, key));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/authorizer-table/every-method", test_every_method);
  g_test_add_func ("/authorizer-table/properties", test_properties);
  g_test_add_func ("/authorizer-table/denied", test_denied);
  g_test_add_func ("/authorizer-table/policy", test_policy);
  return g_test_run ();
}
