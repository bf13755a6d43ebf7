/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-protect.h"

#include <string.h>

#include "far-store.h"
#include "ob-error.h"
#include "ob-pack-check.h"

#define UNTIL 4102444800

typedef struct
{
  FarStore *far;
  ObRepository *repository;
  GArray *packs; /* of ObId: the first one is there */
} Protect;

static void
set_up (Protect *protect, gconstpointer data)
{
  const struct iovec part = { (void *) "pack", 4 };
  g_autoptr (GError) error = NULL;
  g_autofree char *name = NULL;
  ObId id;

  protect->far = FAR_STORE (far_store_new ());
  protect->repository = ob_repository_create (OB_STORE (protect->far), "", NULL, &error);
  g_assert_no_error (error);
  protect->packs = g_array_new (FALSE, FALSE, sizeof (ObId));
  ob_id_of ("pack", 4, &id);
  g_array_append_val (protect->packs, id);
  name = ob_pack_get_name (&id);
  g_assert_true (ob_store_put (OB_STORE (protect->far), name, &part, 1, OB_STORE_PUT_NONE, NULL,
                               NULL));
}

static void
tear_down (Protect *protect, gconstpointer data)
{
  g_array_unref (protect->packs);
  ob_repository_unref (protect->repository);
  g_object_unref (protect->far);
}

/* The pack, the key file and the config. */
static void
test_all (Protect *protect, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  guint n = 0;

  far_store_set_locked_until (protect->far, 1);
  ob_protect (protect->repository, protect->packs, UNTIL, &n, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n, ==, 3);
}

/* A pack that is gone is damage, which a verification looks into. */
static void
test_missing (Protect *protect, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = NULL;
  ObId id;
  guint n = 0;

  ob_id_of ("gone", 4, &id);
  name = ob_pack_get_name (&id);
  g_array_append_val (protect->packs, id);
  far_store_set_locked_until (protect->far, 1);
  g_assert_false (ob_protect (protect->repository, protect->packs, UNTIL, &n, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
  g_assert_nonnull (strstr (error->message, name));
  g_assert_nonnull (strstr (error->message, "obbackupctl verify"));
}

#define ADD(name, function)                                                                        \
  g_test_add ("/protect/" name, Protect, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("all", test_all);
  ADD ("missing", test_missing);
  return g_test_run ();
}
