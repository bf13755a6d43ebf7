/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-verify-result.h"

#include <string.h>

/* The result is kept in the job's record and sent in one message. */
#define MAX_TEXT (1024 * 1024)
#define MAX_NAMED 3

struct _ObVerifyResult
{
  guint64 snapshots, trees, blobs, packs, packs_read, bytes_read, unused_packs, unused_bytes;
  guint64 n_problems, n_losses, unreadable;
  gsize text; /* bytes of what is listed */
  GString *destinations; /* names of the damaged ones */
  GString *first;        /* the first problems */
  guint n_first;
  GVariantBuilder problems, losses, repairs;
};

ObVerifyResult *
ob_verify_result_new (void)
{
  ObVerifyResult *self = g_new0 (ObVerifyResult, 1);

  self->destinations = g_string_new (NULL);
  self->first = g_string_new (NULL);
  g_variant_builder_init (&self->problems, G_VARIANT_TYPE ("aa{sv}"));
  g_variant_builder_init (&self->losses, G_VARIANT_TYPE ("aa{sv}"));
  g_variant_builder_init (&self->repairs, G_VARIANT_TYPE ("aa{sv}"));
  return self;
}

void
ob_verify_result_free (ObVerifyResult *self)
{
  g_variant_builder_clear (&self->problems);
  g_variant_builder_clear (&self->losses);
  g_variant_builder_clear (&self->repairs);
  g_string_free (self->destinations, TRUE);
  g_string_free (self->first, TRUE);
  g_free (self);
}

/* internal methods */

/* Whether there is room for that much more. */
static gboolean
take_room (ObVerifyResult *self, gsize size)
{
  if (self->text + size > MAX_TEXT)
    return FALSE;
  self->text += size;
  return TRUE;
}

static void
add_problem (ObVerifyResult *self, const char *destination, const ObVerifyProblem *problem)
{
  g_autofree char *message = g_utf8_make_valid (problem->message, -1);
  GVariantDict dict = { 0 };

  if (self->n_first++ < MAX_NAMED)
    g_string_append_printf (self->first, " %s%s", message,
                            g_str_has_suffix (message, ".") ? "" : ".");
  if (!take_room (self, strlen (message) + strlen (problem->object)))
    return;
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "destination", "s", destination);
  g_variant_dict_insert (&dict, "kind", "s", ob_verify_kind_get_name (problem->kind));
  g_variant_dict_insert (&dict, "object", "s", problem->object);
  g_variant_dict_insert (&dict, "message", "s", message);
  g_variant_builder_add_value (&self->problems, g_variant_dict_end (&dict));
}

static void
insert_tag (GVariantDict *dict, const char *key, const ObSnapshot *snapshot, const char *tag)
{
  const char *value = ob_snapshot_get_tag (snapshot, tag);
  g_autofree char *text = value != NULL ? g_utf8_make_valid (value, -1) : NULL;

  if (text != NULL && ob_snapshot_has_tag (snapshot, "obbackup"))
    g_variant_dict_insert (dict, key, "s", text);
}

static void
add_loss (ObVerifyResult *self, const char *destination, const ObVerifyLoss *loss)
{
  GVariantBuilder files = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_STRING_ARRAY);
  GVariantDict dict = { 0 };
  char hex[OB_ID_HEX_SIZE];
  guint64 listed = 0;

  ob_id_to_hex (ob_snapshot_get_public_id (loss->snapshot), hex);
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "id", "s", hex);
  g_variant_dict_insert (&dict, "destination", "s", destination);
  g_variant_dict_insert (&dict, "time", "t", (guint64) MAX (loss->snapshot->time.tv_sec, 0));
  insert_tag (&dict, "instance", loss->snapshot, "instance");
  insert_tag (&dict, "label", loss->snapshot, "label");
  for (guint i = 0; i < loss->files->len; i++)
    {
      g_autofree char *path = g_filename_display_name (g_ptr_array_index (loss->files, i));

      if (!take_room (self, strlen (path) + 1))
        break;
      g_variant_builder_add (&files, "s", path);
      listed++;
    }
  g_variant_dict_insert_value (&dict, "files", g_variant_builder_end (&files));
  g_variant_dict_insert (&dict, "more-files", "t", loss->n_files - listed);
  if (take_room (self, 256))
    g_variant_builder_add_value (&self->losses, g_variant_dict_end (&dict));
  else
    g_variant_dict_clear (&dict);
}

/* public methods */

void
ob_verify_result_add (ObVerifyResult *self, ObDestination *destination,
                      const ObVerifyReport *report)
{
  const char *name = ob_destination_get_name (destination);

  self->snapshots += report->snapshots;
  self->trees += report->trees;
  self->blobs += report->blobs;
  self->packs += report->packs;
  self->packs_read += report->packs_read;
  self->bytes_read += report->bytes_read;
  self->unused_packs += report->unused_packs;
  self->unused_bytes += report->unused_bytes;
  self->n_problems += report->n_problems;
  self->n_losses += report->n_losses;
  self->unreadable += report->unreadable;
  if (report->n_problems > 0)
    g_string_append_printf (self->destinations, "%s%s", self->destinations->len > 0 ? ", " : "",
                            name);
  for (guint i = 0; i < report->problems->len; i++)
    add_problem (self, name, g_ptr_array_index (report->problems, i));
  for (guint i = 0; i < report->losses->len; i++)
    add_loss (self, name, g_ptr_array_index (report->losses, i));
}

void
ob_verify_result_add_repairs (ObVerifyResult *self, ObDestination *destination,
                              const ObVerifyRepairs *repairs)
{
  GVariantDict dict = { 0 };

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "destination", "s", ob_destination_get_name (destination));
  g_variant_dict_insert (&dict, "packs-added", "t", repairs->packs_added);
  g_variant_dict_insert (&dict, "packs-replaced", "t", repairs->packs_replaced);
  g_variant_dict_insert (&dict, "packs-dropped", "t", repairs->packs_dropped);
  g_variant_dict_insert (&dict, "blobs-rescued", "t", repairs->blobs_rescued);
  g_variant_dict_insert (&dict, "blobs-lost", "t", repairs->blobs_lost);
  g_variant_dict_insert (&dict, "index-files", "t", repairs->index_files);
  g_variant_dict_insert (&dict, "backups-marked", "t", repairs->snapshots_marked);
  g_variant_dict_insert (&dict, "backups-dropped", "t", repairs->snapshots_dropped);
  g_variant_builder_add_value (&self->repairs, g_variant_dict_end (&dict));
}

gboolean
ob_verify_result_is_sound (ObVerifyResult *self)
{
  return self->n_problems == 0 && self->n_losses == 0;
}

static char *
describe_losses (ObVerifyResult *self)
{
  g_autoptr (GString) text = g_string_new (NULL);

  if (self->n_losses == 0 && self->unreadable == 0)
    return g_strdup ("no backup lost anything");
  if (self->unreadable > 0)
    g_string_printf (text, "%" G_GUINT64_FORMAT " backup%s cannot be read at all", self->unreadable,
                     self->unreadable == 1 ? "" : "s");
  if (self->n_losses > 0)
    g_string_append_printf (text, "%s%" G_GUINT64_FORMAT " backup%s lost files",
                            text->len > 0 ? ", and " : "", self->n_losses,
                            self->n_losses == 1 ? "" : "s");
  return g_string_free (g_steal_pointer (&text), FALSE);
}

char *
ob_verify_result_summarize (ObVerifyResult *self)
{
  g_autofree char *losses = describe_losses (self);
  guint64 more = self->n_problems > MAX_NAMED ? self->n_problems - MAX_NAMED : 0;
  g_autofree char *further
    = more > 0 ? g_strdup_printf (" And %" G_GUINT64_FORMAT " more.", more) : g_strdup ("");

  return g_strdup_printf ("Destination %s is damaged; %s.%s%s", self->destinations->str, losses,
                          self->first->str, further);
}

void
ob_verify_result_tell (ObVerifyResult *self, ObJob *job)
{
  ob_job_set_result (job, "backups", g_variant_new_uint64 (self->snapshots));
  ob_job_set_result (job, "trees", g_variant_new_uint64 (self->trees));
  ob_job_set_result (job, "blobs", g_variant_new_uint64 (self->blobs));
  ob_job_set_result (job, "packs", g_variant_new_uint64 (self->packs));
  ob_job_set_result (job, "packs-read", g_variant_new_uint64 (self->packs_read));
  ob_job_set_result (job, "bytes-read", g_variant_new_uint64 (self->bytes_read));
  ob_job_set_result (job, "unused-packs", g_variant_new_uint64 (self->unused_packs));
  ob_job_set_result (job, "unused-bytes", g_variant_new_uint64 (self->unused_bytes));
  ob_job_set_result (job, "n-problems", g_variant_new_uint64 (self->n_problems));
  ob_job_set_result (job, "n-affected", g_variant_new_uint64 (self->n_losses));
  ob_job_set_result (job, "n-unreadable", g_variant_new_uint64 (self->unreadable));
  ob_job_set_result (job, "problems", g_variant_builder_end (&self->problems));
  ob_job_set_result (job, "affected", g_variant_builder_end (&self->losses));
  ob_job_set_result (job, "repairs", g_variant_builder_end (&self->repairs));
  g_variant_builder_init (&self->problems, G_VARIANT_TYPE ("aa{sv}"));
  g_variant_builder_init (&self->losses, G_VARIANT_TYPE ("aa{sv}"));
  g_variant_builder_init (&self->repairs, G_VARIANT_TYPE ("aa{sv}"));
}
