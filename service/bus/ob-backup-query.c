/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-backup-query.h"

#include <string.h>

#include "ob-backup-files.h"
#include "ob-error.h"
#include "ob-reply.h"

/* The system bus refuses messages above 32 MiB. */
#define MAX_REPLY (24 * 1024 * 1024)
#define MAX_PROBLEMS 1000

typedef struct
{
  ObContext *context;
  GPtrArray *destinations;
  char *id;
  char *instance;
  char *kind;
  ObBackupFilter filter; /* points into this struct */
  gboolean with_manifest;
  char *path;
  guint64 offset;
  GStrv problems; /* the answer's */
} Query;

static void
query_free (gpointer data)
{
  Query *self = data;

  g_clear_pointer (&self->destinations, g_ptr_array_unref);
  g_free (self->id);
  g_free (self->instance);
  g_free (self->kind);
  g_free (self->path);
  g_strfreev (self->problems);
  g_free (self);
}

static Query *
query_new (ObContext *context, const ObBackupQuestion *question)
{
  Query *self = g_new0 (Query, 1);

  self->context = context;
  self->id = g_strdup (question->id);
  self->instance = g_strdup (question->instance);
  self->kind = g_strdup (question->kind);
  self->with_manifest = question->with_manifest;
  self->path = g_strdup (question->path);
  self->offset = question->offset;
  self->filter.instance = self->instance;
  self->filter.kind = self->kind;
  self->filter.since = question->since;
  self->filter.until = question->until;
  self->filter.limit = question->limit;
  self->filter.parts = question->parts;
  return self;
}

/* As many of @records as fit into a message; the others are told of. */
static GVariant *
describe_all (GPtrArray *records, GStrvBuilder *problems)
{
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));
  gsize size = 0;

  for (guint i = 0; i < records->len; i++)
    {
      g_autoptr (GVariant) description
        = ob_backup_record_describe (g_ptr_array_index (records, i));

      size += g_variant_get_size (description);
      if (size > MAX_REPLY)
        {
          g_autofree char *text
            = g_strdup_printf ("The %u oldest backups do not fit into one answer; ask for them "
                               "with \"until\"",
                               records->len - i);

          g_strv_builder_add (problems, text);
          break;
        }
      g_variant_builder_add_value (&builder, description);
    }
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

static GVariant *
list (Query *self, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) problems = NULL;
  g_autoptr (GPtrArray) records = ob_catalogue_list (self->context, self->destinations,
                                                     &self->filter, &problems, cancellable, error);
  g_autoptr (GStrvBuilder) texts = g_strv_builder_new ();
  GVariant *answer = NULL;

  if (records == NULL)
    return NULL;
  for (guint i = 0; problems != NULL && i < problems->len && i < MAX_PROBLEMS; i++)
    {
      g_autofree char *text = ob_reply_make_text (g_ptr_array_index (problems, i));

      g_strv_builder_add (texts, text);
    }
  answer = describe_all (records, texts);
  self->problems = g_strv_builder_end (texts);
  return answer;
}

static gboolean
add_manifest (Query *self, const ObBackupRecord *record, GVariantDict *dict,
              GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) own_error = NULL;
  g_autofree char *manifest
    = ob_backup_record_load_manifest (record, self->context, cancellable, &own_error);

  if (own_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&own_error));
      return FALSE;
    }
  if (manifest == NULL)
    return TRUE;
  if (strlen (manifest) > MAX_REPLY)
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED,
                           "The manifest of the backup is too large for the bus; restore its "
                           "/manifest.json with restic instead");
      return FALSE;
    }
  g_variant_dict_insert_value (dict, "manifest",
                               g_variant_new_take_string (ob_reply_make_text (manifest)));
  return TRUE;
}

static GVariant *
find (Query *self, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObBackupRecord) record = ob_catalogue_find (
    self->context, self->destinations, self->id, &self->filter, cancellable, error);
  g_autoptr (GVariant) description = NULL;
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);

  if (record == NULL)
    return NULL;
  if (self->path != NULL)
    return ob_backup_record_list_files (record, self->context, self->path, self->offset,
                                        self->filter.limit, cancellable, error);
  description = ob_backup_record_describe (record);
  if (!self->with_manifest)
    return g_steal_pointer (&description);
  g_variant_dict_clear (&dict);
  g_variant_dict_init (&dict, description);
  if (!add_manifest (self, record, &dict, cancellable, error))
    return NULL;
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

static void
answer_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Query *self = data;
  GError *error = NULL;
  GVariant *answer
    = self->id != NULL ? find (self, cancellable, &error) : list (self, cancellable, &error);

  if (answer != NULL)
    g_task_return_pointer (task, answer, (GDestroyNotify) g_variant_unref);
  else
    g_task_return_error (task, error);
}

/* public methods */

void
ob_backup_query_begin (ObManager *manager, const ObBackupQuestion *question,
                       GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (manager, NULL, callback, user_data);
  Query *self = query_new (ob_manager_get_context (manager), question);
  GError *error = NULL;

  g_task_set_task_data (task, self, query_free);
  self->destinations = ob_manager_select_destinations (manager, question->destination, &error);
  if (self->destinations == NULL)
    g_task_return_error (task, error);
  else
    g_task_run_in_thread (task, answer_in_thread);
}

GVariant *
ob_backup_query_finish_list (GAsyncResult *result, GStrv *problems, GError **error)
{
  GVariant *answer = g_task_propagate_pointer (G_TASK (result), error);
  Query *self = g_task_get_task_data (G_TASK (result));

  if (answer != NULL)
    *problems = g_steal_pointer (&self->problems);
  return answer;
}

GVariant *
ob_backup_query_finish_files (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

GVariant *
ob_backup_query_finish_one (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
