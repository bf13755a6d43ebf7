/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-retention.h"

#include <string.h>

#include "ob-error.h"
#include "ob-nearest.h"

#define MAX_NAME_LENGTH 64

/* Those that have rules. */
typedef enum
{
  SCHEDULED,
  AUTOMATIC,
  MANUAL,
  N_KINDS
} Kind;

typedef struct
{
  const char *name;
  const char *prefix; /* of the names of its rules */
} KindNames;

static const KindNames kinds[N_KINDS] = {
  [SCHEDULED] = { "scheduled", "" },
  [AUTOMATIC] = { "automatic", "automatic-" },
  [MANUAL] = { "manual", "manual-" },
};

struct _ObRetention
{
  ObRetentionRules rules[N_KINDS]; /* for ever where they are empty */
};

/* A policy that is read. */
typedef struct
{
  ObRetention *retention;
  GHashTable *names; /* of the rules that were there, char * */
  gboolean given[N_KINDS];
} Reader;

/* One that is judged. */
typedef struct
{
  const ObRetentionItem *item;
  int kind; /* N_KINDS: none of ours */
  gboolean is_future, is_superseded;
  ObRetentionVerdict *verdict;
  GPtrArray *reasons; /* char * */
} Entry;

/* One walk of the rules of a kind over those of its backups that are as good as @result or
 * better. */
typedef struct
{
  Kind kind;
  ObRetentionResult result;
  GPtrArray *entries; /* of Entry */
} Walk;

void
ob_retention_verdict_free (ObRetentionVerdict *verdict)
{
  g_strfreev (verdict->reasons);
  g_free (verdict);
}

void
ob_retention_free (ObRetention *retention)
{
  g_free (retention);
}

/* reading */

/* The names of all rules of all kinds, NULL at the end. Transfer full. */
static GStrv
list_names (void)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  for (Kind kind = 0; kind < N_KINDS; kind++)
    for (const char *const *name = ob_retention_rules_list_names (); *name != NULL; name++)
      {
        g_autofree char *full = g_strconcat (kinds[kind].prefix, *name, NULL);

        g_strv_builder_add (builder, full);
      }
  return g_strv_builder_end (builder);
}

/* @name as an error can name it. */
static const char *
shorten (const char *name)
{
  return strlen (name) > MAX_NAME_LENGTH ? "…" : name;
}

static gboolean
refuse_name (const char *name, GError **error)
{
  g_auto (GStrv) names = list_names ();
  const char *nearest = ob_nearest_word (name, (const char *const *) names);

  if (nearest != NULL)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "There is no retention rule “%s”. Did you mean %s?", name, nearest);
      return FALSE;
    }
  g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
               "There is no retention rule “%s”. Rules are keep-last, keep-hourly, keep-daily, "
               "keep-weekly, keep-monthly, keep-yearly, keep-within and keep-within-hourly to "
               "keep-within-yearly, for other backups than scheduled ones with automatic- or "
               "manual- before their names",
               shorten (name));
  return FALSE;
}

/* The kind whose rule is called @name, and the *@rule's name without the prefix; N_KINDS where
 * there is no such rule. */
static Kind
find_rule (const char *name, const char **rule)
{
  Kind kind = SCHEDULED;

  *rule = name;
  for (Kind k = AUTOMATIC; k < N_KINDS; k++)
    if (g_str_has_prefix (name, kinds[k].prefix))
      {
        *rule = name + strlen (kinds[k].prefix);
        kind = k;
      }
  return g_strv_contains (ob_retention_rules_list_names (), *rule) ? kind : N_KINDS;
}

static gboolean
read_rule (Reader *reader, const char *name, const char *text, GError **error)
{
  const char *rule;
  Kind kind = find_rule (name, &rule);

  if (kind == N_KINDS)
    return refuse_name (name, error);
  if (!g_hash_table_add (reader->names, g_strdup (name)))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "The retention rule %s is there twice. Write it once", name);
      return FALSE;
    }
  if (!ob_retention_rules_set (&reader->retention->rules[kind], rule, text, error))
    {
      g_prefix_error (error, "The retention rule %s cannot be understood: ", name);
      return FALSE;
    }
  reader->given[kind] = TRUE;
  return TRUE;
}

static void
reader_clear (Reader *reader)
{
  g_clear_pointer (&reader->retention, ob_retention_free);
  g_clear_pointer (&reader->names, g_hash_table_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Reader, reader_clear)

static void
reader_init (Reader *reader)
{
  reader->retention = g_new0 (ObRetention, 1);
  reader->names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
}

/* Sees to kinds without rules, and refuses rules that keep nothing. Transfer full. */
static ObRetention *
reader_end (Reader *reader, GError **error)
{
  reader->given[SCHEDULED] = TRUE;
  for (Kind kind = 0; kind < N_KINDS; kind++)
    if (reader->given[kind] && ob_retention_rules_is_empty (&reader->retention->rules[kind]))
      {
        g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                     "The retention rules for %s backups would keep none of them. Give one that is "
                     "not 0, for example %skeep-daily=7",
                     kinds[kind].name, kinds[kind].prefix);
        return NULL;
      }
  if (!reader->given[AUTOMATIC])
    reader->retention->rules[AUTOMATIC] = (ObRetentionRules){ .last = 3, .within = { .days = 7 } };
  return g_steal_pointer (&reader->retention);
}

ObRetention *
ob_retention_new (GVariant *rules, GError **error)
{
  g_autoptr (GVariant) sunk = g_variant_ref_sink (rules);
  g_auto (Reader) reader = { 0 };
  GVariantIter iter;
  GVariant *child;

  if (!g_variant_is_of_type (sunk, G_VARIANT_TYPE ("a{ss}"))
      && !g_variant_is_of_type (sunk, G_VARIANT_TYPE_VARDICT))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "Retention rules are a dictionary of texts, not of the type %s",
                   g_variant_get_type_string (sunk));
      return NULL;
    }

  reader_init (&reader);
  g_variant_iter_init (&iter, sunk);
  while ((child = g_variant_iter_next_value (&iter)) != NULL)
    {
      g_autoptr (GVariant) entry = child;
      g_autoptr (GVariant) name = g_variant_get_child_value (entry, 0);
      g_autoptr (GVariant) value = g_variant_get_child_value (entry, 1);
      gboolean is_boxed = g_variant_is_of_type (value, G_VARIANT_TYPE_VARIANT);
      g_autoptr (GVariant) text = is_boxed ? g_variant_get_variant (value) : g_variant_ref (value);

      if (!g_variant_is_of_type (text, G_VARIANT_TYPE_STRING))
        {
          g_set_error (
            error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
            "The retention rule %s is not given as a text. Write it as one, also where it "
            "is a number",
            shorten (g_variant_get_string (name, NULL)));
          return NULL;
        }
      if (!read_rule (&reader, g_variant_get_string (name, NULL), g_variant_get_string (text, NULL),
                      error))
        return NULL;
    }
  return reader_end (&reader, error);
}

ObRetention *
ob_retention_new_from_key_file (GKeyFile *file, const char *group, GError **error)
{
  g_autoptr (GError) key_error = NULL;
  g_auto (GStrv) names = g_key_file_get_keys (file, group, NULL, &key_error);
  g_auto (Reader) reader = { 0 };

  if (names == NULL)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT, "There are no retention rules: %s",
                   key_error->message);
      return NULL;
    }

  reader_init (&reader);
  for (char **name = names; *name != NULL; name++)
    {
      g_autofree char *text = g_key_file_get_string (file, group, *name, &key_error);

      if (text == NULL)
        {
          g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                       "The retention rule %s cannot be read: %s", shorten (*name),
                       key_error->message);
          return NULL;
        }
      if (!read_rule (&reader, *name, g_strstrip (text), error))
        return NULL;
    }
  return reader_end (&reader, error);
}

char *
ob_retention_to_string (const ObRetention *retention)
{
  g_autoptr (GString) string = g_string_new (NULL);

  for (Kind kind = 0; kind < N_KINDS; kind++)
    {
      const ObRetentionRules *rules = &retention->rules[kind];
      g_autofree char *text = ob_retention_rules_is_empty (rules)
                                ? g_strdup ("all")
                                : ob_retention_rules_to_string (rules);

      if (kind != SCHEDULED)
        g_string_append_printf (string, "; %s: ", kinds[kind].name);
      g_string_append (string, text);
    }
  return g_string_free (g_steal_pointer (&string), FALSE);
}

/* judging */

/* N_KINDS where it is none of those that have rules. */
static int
find_kind (const char *name)
{
  if (g_strcmp0 (name, "copy") == 0)
    return SCHEDULED;
  for (Kind kind = 0; kind < N_KINDS; kind++)
    if (g_strcmp0 (name, kinds[kind].name) == 0)
      return (int) kind;
  return N_KINDS;
}

static void
entry_free (Entry *entry)
{
  g_clear_pointer (&entry->verdict, ob_retention_verdict_free);
  g_ptr_array_unref (entry->reasons);
  g_free (entry);
}

static Entry *
entry_new (const ObRetentionItem *item, gint64 now)
{
  Entry *entry = g_new0 (Entry, 1);

  entry->item = item;
  entry->kind = find_kind (item->kind);
  entry->is_future = item->time > now;
  entry->verdict = g_new0 (ObRetentionVerdict, 1);
  entry->reasons = g_ptr_array_new_with_free_func (g_free);
  return entry;
}

static int
compare_newest_first (gconstpointer a, gconstpointer b)
{
  const ObRetentionItem *one = (*(const Entry *const *) a)->item;
  const ObRetentionItem *other = (*(const Entry *const *) b)->item;

  if (one->time != other->time)
    return one->time > other->time ? -1 : 1;
  return strcmp (other->id, one->id);
}

static void
keep (Entry *entry, char *reason)
{
  entry->verdict->keep = TRUE;
  g_ptr_array_add (entry->reasons, reason);
}

/* Whether it is one that counts as a backup of the installation today. */
static gboolean
counts (const Entry *entry)
{
  return entry->kind != N_KINDS && !entry->is_future;
}

/* What stays by itself, whatever the others are. */
static void
keep_special (GPtrArray *entries)
{
  for (guint i = 0; i < entries->len; i++)
    {
      Entry *entry = g_ptr_array_index (entries, i);

      if (entry->item->pinned)
        keep (entry, g_strdup ("pinned"));
      if (entry->item->needed_by != NULL)
        keep (entry, g_strdup_printf ("needed by %s", entry->item->needed_by));
      if (entry->is_future)
        keep (entry, g_strdup ("its time lies in the future"));
      else if (entry->kind == N_KINDS)
        keep (entry, g_strdup ("no rules are for backups of its kind"));
    }
}

/* Walks from the newest to the oldest: the first good one of each part is the last that was made.
 * Notes those that failed before a good one was made. */
static void
keep_last_good (GPtrArray *entries)
{
  static const char *const reasons[] = {
    [OB_RETENTION_GOOD] = "last good backup",
    [OB_RETENTION_PARTIAL] = "last backup: there is no good one",
    [OB_RETENTION_FAILED] = "last backup: there is none that is better",
  };
  Entry *last[G_N_ELEMENTS (reasons)] = { NULL };
  guint parts = 0;

  for (guint i = 0; i < entries->len; i++)
    {
      Entry *entry = g_ptr_array_index (entries, i);
      ObRetentionResult result = entry->item->result;

      if (!counts (entry))
        continue;
      if (result == OB_RETENTION_FAILED)
        entry->is_superseded
          = last[OB_RETENTION_GOOD] != NULL && (entry->item->parts & ~parts) == 0;
      if (result == OB_RETENTION_GOOD && last[result] != NULL && (entry->item->parts & ~parts) != 0)
        keep (entry, g_strdup ("last good backup of a part"));
      if (result == OB_RETENTION_GOOD)
        parts |= entry->item->parts;
      if (last[result] == NULL)
        last[result] = entry;
    }

  for (gsize i = 0; i < G_N_ELEMENTS (reasons); i++)
    if (last[i] != NULL)
      {
        keep (last[i], g_strdup (reasons[i]));
        return;
      }
}

static void
keep_by_rule (gsize index, char *reason, gpointer data)
{
  const Walk *walk = data;
  Entry *entry = g_ptr_array_index (walk->entries, index);
  g_autofree char *text = reason;

  /* The better ones have had their own walk, in which this one took no place. */
  if (entry->item->result != walk->result || entry->is_superseded)
    return;
  keep (entry, walk->kind == SCHEDULED ? g_steal_pointer (&text)
                                       : g_strdup_printf ("%s: %s", kinds[walk->kind].name, text));
}

static void
keep_by_rules (const ObRetention *retention, GPtrArray *entries, Kind kind,
               ObRetentionResult result, GTimeZone *zone)
{
  g_autoptr (GPtrArray) chosen = g_ptr_array_new ();
  g_autoptr (GArray) times = g_array_new (FALSE, FALSE, sizeof (gint64));
  Walk walk = { kind, result, chosen };

  for (guint i = 0; i < entries->len; i++)
    {
      Entry *entry = g_ptr_array_index (entries, i);

      if (!counts (entry) || entry->kind != (int) kind || entry->item->result > result)
        continue;
      g_ptr_array_add (chosen, entry);
      g_array_append_val (times, entry->item->time);
    }
  ob_retention_rules_choose (&retention->rules[kind], (const gint64 *) (gpointer) times->data,
                             times->len, zone, keep_by_rule, &walk);
}

static void
keep_for_ever (GPtrArray *entries, Kind kind)
{
  for (guint i = 0; i < entries->len; i++)
    {
      Entry *entry = g_ptr_array_index (entries, i);

      if (counts (entry) && entry->kind == (int) kind && !entry->is_superseded)
        keep (entry, g_strdup_printf ("%s: kept until somebody deletes it", kinds[kind].name));
    }
}

/* The verdict with its reasons, transfer full. */
static ObRetentionVerdict *
entry_end (Entry *entry)
{
  if (!entry->verdict->keep)
    g_ptr_array_add (entry->reasons,
                     g_strdup (entry->is_superseded ? "failed, and there is a newer good backup"
                                                    : "no rule keeps it"));
  g_ptr_array_add (entry->reasons, NULL);
  entry->verdict->reasons = (GStrv) g_ptr_array_steal (entry->reasons, NULL);
  return g_steal_pointer (&entry->verdict);
}

GPtrArray *
ob_retention_apply (const ObRetention *retention, const ObRetentionItem *items, gsize n_items,
                    GTimeZone *zone, gint64 now)
{
  g_autoptr (GPtrArray) entries = g_ptr_array_new_with_free_func ((GDestroyNotify) entry_free);
  g_autoptr (GPtrArray) sorted = g_ptr_array_new ();
  GPtrArray *verdicts = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_retention_verdict_free);

  for (gsize i = 0; i < n_items; i++)
    {
      g_ptr_array_add (entries, entry_new (&items[i], now));
      g_ptr_array_add (sorted, g_ptr_array_index (entries, i));
    }
  g_ptr_array_sort (sorted, compare_newest_first);

  keep_special (sorted);
  keep_last_good (sorted);
  for (Kind kind = 0; kind < N_KINDS; kind++)
    if (ob_retention_rules_is_empty (&retention->rules[kind]))
      keep_for_ever (sorted, kind);
    else
      for (ObRetentionResult result = OB_RETENTION_GOOD; result <= OB_RETENTION_FAILED; result++)
        keep_by_rules (retention, sorted, kind, result, zone);

  for (guint i = 0; i < entries->len; i++)
    g_ptr_array_add (verdicts, entry_end (g_ptr_array_index (entries, i)));
  return verdicts;
}
