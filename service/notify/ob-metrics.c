/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-metrics.h"

#include <math.h>
#include <string.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"
#include "ob-path.h"

#define FILE_MODE 0644
#define SUFFIX ".prom"

struct _ObMetrics
{
  GTree *families; /* name -> ObMetricFamily */
};

struct _ObMetricFamily
{
  char *name;
  char *help; /* escaped */
  ObMetricType type;
  GTree *samples; /* "{label="value"}", or "" -> text of the number */
};

static int
compare_texts (gconstpointer a, gconstpointer b, gpointer user_data)
{
  return strcmp (a, b);
}

static void
family_free (gpointer data)
{
  ObMetricFamily *self = data;

  g_tree_unref (self->samples);
  g_free (self->help);
  g_free (self->name);
  g_free (self);
}

/* names and texts */

/* Whether @name is a letter or one of @others, and then these and digits. */
static gboolean
is_name (const char *name, const char *others)
{
  if (*name == '\0' || g_ascii_isdigit (*name))
    return FALSE;
  for (const char *c = name; *c != '\0'; c++)
    if (!g_ascii_isalnum (*c) && strchr (others, *c) == NULL)
      return FALSE;
  return TRUE;
}

static gboolean
are_labels (const char *const *labels)
{
  for (; labels != NULL && *labels != NULL; labels += 2)
    if (!is_name (labels[0], "_") || g_str_has_prefix (labels[0], "__") || labels[1] == NULL)
      return FALSE;
  return TRUE;
}

/* Adds @text with what is special in it escaped: "\\", line feeds, and @quote where it is not
 * NUL. */
static void
append_escaped (GString *to, const char *text, char quote)
{
  g_autofree char *valid = g_utf8_make_valid (text, (gssize) strnlen (text, OB_METRICS_MAX_TEXT));

  for (const char *c = valid; *c != '\0'; c++)
    if (*c == '\n')
      g_string_append (to, "\\n");
    else if (*c == '\\' || (quote != '\0' && *c == quote))
      g_string_append_printf (to, "\\%c", *c);
    else
      g_string_append_c (to, *c);
}

static char *
print_labels (const char *const *labels)
{
  GString *text = g_string_new (NULL);

  for (gsize i = 0; labels != NULL && labels[i] != NULL; i += 2)
    {
      g_string_append_printf (text, "%c%s=\"", i == 0 ? '{' : ',', labels[i]);
      append_escaped (text, labels[i + 1], '"');
      g_string_append_c (text, '"');
    }
  if (text->len > 0)
    g_string_append_c (text, '}');
  return g_string_free (text, FALSE);
}

static char *
print_double (double number)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  if (isnan (number))
    return g_strdup ("NaN");
  if (isinf (number))
    return g_strdup (number > 0 ? "+Inf" : "-Inf");
  return g_strdup (g_ascii_dtostr (buffer, sizeof buffer, number));
}

/* @number is transfer full. */
static void
add_sample (ObMetricFamily *self, const char *const *labels, char *number)
{
  g_autofree char *owned = number;
  g_autofree char *key = NULL;

  g_return_if_fail (are_labels (labels));
  key = print_labels (labels);
  if (g_tree_nnodes (self->samples) >= OB_METRICS_MAX_SAMPLES
      && g_tree_lookup (self->samples, key) == NULL)
    return;
  g_tree_replace (self->samples, g_steal_pointer (&key), g_steal_pointer (&owned));
}

static gboolean
append_family (gpointer key, gpointer value, gpointer user_data)
{
  const ObMetricFamily *family = value;
  const char *type = family->type == OB_METRIC_COUNTER ? "counter" : "gauge";
  GString *text = user_data;

  if (g_tree_nnodes (family->samples) == 0)
    return FALSE;
  g_string_append_printf (text, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help,
                          family->name, type);
  for (GTreeNode *node = g_tree_node_first (family->samples); node != NULL;
       node = g_tree_node_next (node))
    g_string_append_printf (text, "%s%s %s\n", family->name, (const char *) g_tree_node_key (node),
                            (const char *) g_tree_node_value (node));
  return FALSE;
}

/* public methods */

ObMetrics *
ob_metrics_new (void)
{
  ObMetrics *self = g_new0 (ObMetrics, 1);

  self->families = g_tree_new_full (compare_texts, NULL, NULL, family_free);
  return self;
}

ObMetricFamily *
ob_metrics_add_family (ObMetrics *metrics, const char *name, const char *help, ObMetricType type)
{
  ObMetricFamily *family = g_tree_lookup (metrics->families, name);
  GString *escaped;

  if (family != NULL)
    return family;
  g_return_val_if_fail (is_name (name, "_:"), NULL);
  g_return_val_if_fail (g_tree_nnodes (metrics->families) < OB_METRICS_MAX_FAMILIES, NULL);

  escaped = g_string_new (NULL);
  append_escaped (escaped, help, '\0');
  family = g_new0 (ObMetricFamily, 1);
  family->name = g_strdup (name);
  family->help = g_string_free (escaped, FALSE);
  family->type = type;
  family->samples = g_tree_new_full (compare_texts, NULL, g_free, g_free);
  g_tree_insert (metrics->families, family->name, family);
  return family;
}

void
ob_metric_family_add_double (ObMetricFamily *family, const char *const *labels, double number)
{
  g_return_if_fail (family != NULL);
  add_sample (family, labels, print_double (number));
}

void
ob_metric_family_add_uint64 (ObMetricFamily *family, const char *const *labels, guint64 number)
{
  g_return_if_fail (family != NULL);
  add_sample (family, labels, g_strdup_printf ("%" G_GUINT64_FORMAT, number));
}

char *
ob_metrics_to_text (const ObMetrics *metrics)
{
  GString *text = g_string_new (NULL);

  g_tree_foreach (metrics->families, append_family, text);
  return g_string_free (text, FALSE);
}

gboolean
ob_metrics_write (const ObMetrics *metrics, const char *path, GError **error)
{
  g_autofree char *text = ob_metrics_to_text (metrics);
  g_autofree char *name = NULL;
  ob_autofd int fd = -1;

  if (!g_path_is_absolute (path) || !g_str_has_suffix (path, SUFFIX))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "Metrics cannot be written to \"%s\": name a whole path that ends in " SUFFIX
                   ", or else the collector does not read it",
                   path);
      return FALSE;
    }
  fd = ob_path_open_parent (path, &name, error);
  if (fd >= 0 && ob_replace_file_at (fd, name, text, strlen (text), FILE_MODE, error))
    return TRUE;
  g_prefix_error (error, "Metrics cannot be written to %s: ", path);
  return FALSE;
}

void
ob_metrics_free (ObMetrics *metrics)
{
  if (metrics == NULL)
    return;
  g_tree_unref (metrics->families);
  g_free (metrics);
}
