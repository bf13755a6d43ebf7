/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-instance-notes.h"

#include <string.h>

#include "ob-dictionary.h"
#include "ob-format.h"

/* internal methods */

/* A number that is told as text. */
static guint64
read_number (GVariant *entry, const char *key)
{
  const char *text = NULL;

  return g_variant_lookup (entry, key, "&s", &text) ? g_ascii_strtoull (text, NULL, 10) : 0;
}

/* One line for all that is kept. */
static void
note_previous (GVariant *details, const char *name, GString *notes)
{
  g_autoptr (GVariant) previous
    = g_variant_lookup_value (details, "previous", G_VARIANT_TYPE ("aa{ss}"));
  gsize n = previous != NULL ? g_variant_n_children (previous) : 0;
  guint64 size = 0, since = 0, until = G_MAXUINT64;
  g_autofree char *size_text = NULL;
  g_autofree char *age = NULL;
  g_autofree char *end = NULL;

  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) entry = g_variant_get_child_value (previous, i);

      size += read_number (entry, "size");
      since = MAX (since, read_number (entry, "since"));
      until = MIN (until, read_number (entry, "until"));
    }
  if (n == 0)
    return;
  size_text = ob_format_size (size);
  age = ob_format_age (since);
  end = until != 0 ? ob_format_time (until) : NULL;
  g_string_append_printf (notes,
                          "%s keeps what was there before it was restored %s (%s, %s%s): "
                          "obbackupctl undo-restore %s brings it back, release-previous %s removes "
                          "it.\n",
                          name, age, size_text, end != NULL ? "until " : "until it is released",
                          end != NULL ? end : "", name, name);
}

static void
note_change (GVariant *details, const char *name, GPtrArray *troubles, GString *notes)
{
  g_autoptr (GVariant) change
    = g_variant_lookup_value (details, "change", G_VARIANT_TYPE_VARDICT);
  const char *label = change != NULL ? ob_dict_text (change, "label") : "";
  const char *id = change != NULL ? ob_dict_text (change, "id") : "";
  g_autofree char *age = NULL;
  g_autofree char *text = NULL;
  gboolean overdue = FALSE, stopped = FALSE;

  if (change == NULL)
    return;
  g_variant_lookup (change, "overdue", "b", &overdue);
  g_variant_lookup (change, "stopped", "b", &stopped);
  age = ob_format_age (ob_dict_number (change, "since"));
  text = g_strdup_printf ("a change of %s was begun %s%s%s%s", name, age,
                          *label != '\0' ? ": " : "", label,
                          stopped ? "; the application is stopped for it" : "");
  if (!overdue)
    g_string_append_printf (notes, "%s.\n", text);
  else
    g_ptr_array_add (troubles,
                     g_strdup_printf ("%s, and is still open. Did it succeed? Then: obbackupctl "
                                      "change end %s --succeeded. If not, to go back to how it was "
                                      "before: obbackupctl change end %s --failed",
                                      text, id, id));
}

/* How the last drill of a backup of it ended. */
static void
note_proof (GVariant *details, const char *name, GPtrArray *troubles, GString *notes)
{
  guint64 proven = ob_dict_number (details, "proven");
  const char *backup = ob_dict_text (details, "proven-backup");
  g_autofree char *age = NULL;

  if (proven == 0)
    return;
  age = ob_format_age (proven);
  if (strcmp (ob_dict_text (details, "proven-result"), "proven") == 0)
    g_string_append_printf (notes, "%s: backup %.8s was proven %s by a drill.\n", name, backup,
                            age);
  else
    g_ptr_array_add (troubles,
                     g_strdup_printf ("the last drill of %s failed (%s, backup %.8s): make another "
                                      "backup and try it: obbackupctl verify --drill --instance %s",
                                      name, age, backup, name));
}

/* public methods */

void
ob_note_instance (GVariant *details, const char *name, GPtrArray *troubles, GString *notes)
{
  const char *stopped = ob_dict_text (details, "stopped");

  if (*stopped != '\0')
    g_ptr_array_add (troubles,
                     g_strdup_printf ("the application is stopped: that of %s was not started again "
                                      "(%s); start it, and then let it be seen: obbackupctl "
                                      "instance check %s",
                                      name, stopped, name));
  note_change (details, name, troubles, notes);
  note_proof (details, name, troubles, notes);
  note_previous (details, name, notes);
}
