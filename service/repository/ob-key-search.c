/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-key-search.h"

#include "ob-error.h"
#include "ob-key.h"
#include "ob-secret.h"
#include "ob-unpacked-file.h"

typedef struct
{
  ObStore *store;
  GBytes *sealed; /* the config */
  const char *passphrase;
  GCancellable *cancellable;

  /* What came of it, for the error where none opened. */
  guint n_tried;
  guint n_wrong;
  GError *first_problem; /* of a key file that could not be tried, or whose config is damaged */
} KeySearch;

static void
key_search_clear (KeySearch *search)
{
  g_clear_error (&search->first_problem);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KeySearch, key_search_clear)

static gboolean
try_key (KeySearch *self, const char *name, ObCryptoKey *key, ObConfig *config, GError **error)
{
  g_autoptr (GBytes) text
    = ob_store_get (self->store, name, OB_KEY_FILE_MAX_SIZE, self->cancellable, error);

  if (text == NULL)
    return FALSE;
  if (!ob_unpacked_file_has_right_name (name, text))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT,
                   "The bytes of %s are not those that its name promises", name);
      return FALSE;
    }
  if (!ob_key_file_open (g_bytes_get_data (text, NULL), g_bytes_get_size (text), self->passphrase,
                         key, error))
    {
      g_prefix_error (error, "%s: ", name);
      return FALSE;
    }
  if (ob_config_unseal (self->sealed, key, config, error))
    return TRUE;
  ob_secret_wipe (key, sizeof *key);
  return FALSE;
}

/* Whether another key may still open what @failure says of one. */
static gboolean
may_go_on (const GError *failure)
{
  return g_error_matches (failure, OB_ERROR, OB_ERROR_WRONG_PASSPHRASE)
         || g_error_matches (failure, OB_ERROR, OB_ERROR_CORRUPT)
         || g_error_matches (failure, OB_ERROR, OB_ERROR_NOT_SUPPORTED)
         || g_error_matches (failure, OB_ERROR, OB_ERROR_NOT_FOUND);
}

static gboolean
fail_without_key (const KeySearch *self, GError **error)
{
  if (self->n_tried == 0)
    g_set_error_literal (error, OB_ERROR, OB_ERROR_CORRUPT,
                         "The repository has no key: its directory keys is empty");
  else if (self->first_problem != NULL && self->n_wrong == 0)
    g_propagate_error (error, g_error_copy (self->first_problem));
  else if (self->first_problem != NULL)
    g_set_error (error, OB_ERROR, OB_ERROR_WRONG_PASSPHRASE,
                 "None of the %u keys of the repository opens with this passphrase; one could not "
                 "be tried (%s)",
                 self->n_tried, self->first_problem->message);
  else
    g_set_error_literal (error, OB_ERROR, OB_ERROR_WRONG_PASSPHRASE,
                         self->n_tried == 1
                           ? "The key of the repository does not open with this passphrase"
                           : "None of the keys of the repository opens with this passphrase");
  return FALSE;
}

gboolean
ob_key_search (ObStore *store, GPtrArray *names, GBytes *sealed, const char *passphrase,
               ObCryptoKey *key, ObConfig *config, GCancellable *cancellable, GError **error)
{
  g_auto (KeySearch) self
    = { .store = store, .sealed = sealed, .passphrase = passphrase, .cancellable = cancellable };

  for (guint i = 0; i < names->len; i++)
    {
      g_autoptr (GError) failure = NULL;
      ObId id;

      /* Somebody may have put a key aside. */
      if (!ob_id_from_name (g_ptr_array_index (names, i), &id))
        continue;
      if (try_key (&self, g_ptr_array_index (names, i), key, config, &failure))
        return TRUE;
      if (g_cancellable_is_cancelled (cancellable))
        {
          g_set_error_literal (error, OB_ERROR, OB_ERROR_CANCELLED,
                               "It was cancelled while the repository was opened");
          return FALSE;
        }
      if (!may_go_on (failure))
        {
          g_propagate_error (error, g_steal_pointer (&failure));
          return FALSE;
        }

      self.n_tried++;
      if (g_error_matches (failure, OB_ERROR, OB_ERROR_WRONG_PASSPHRASE))
        self.n_wrong++;
      else if (self.first_problem == NULL)
        self.first_problem = g_steal_pointer (&failure);
    }
  return fail_without_key (&self, error);
}
