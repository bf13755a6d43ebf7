/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writes repositories of nothing but snapshot files, as restic lays them out (doc/design.rst), with
 * the times that a test wants and their offsets: ten thousand of them in the time that restic
 * itself takes for a few. Each line of standard input is
 *
 *   { "directory": "/new/repository", "times": ["2026-11-23T04:05:06+01:00", …] }
 *
 * and is answered by { "ids": ["…", …] }. The passphrase is $RESTIC_PASSWORD. The key costs nothing
 * to open, as restic is started hundreds of times: these are no repositories for data. / */
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "ob-config.h"
#include "ob-crypto.h"
#include "ob-id.h"
#include "ob-key.h"

#define N 2 /* of scrypt; real keys have 32768 */
#define R 8
#define P 1

/* What all of the repositories share. */
typedef struct
{
  ObCrypto *crypto;
  GBytes *config;
  char *key_file;
} Template;

static GBytes *
seal (ObCrypto *crypto, const char *text)
{
  gsize size = strlen (text);
  guint8 *sealed = g_malloc (size + OB_CRYPTO_OVERHEAD);

  ob_crypto_seal (crypto, (const guint8 *) text, size, sealed);
  return g_bytes_new_take (sealed, size + OB_CRYPTO_OVERHEAD);
}

static char *
encode (GBytes *bytes)
{
  return g_base64_encode (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

/* The contexts that seal with the key that scrypt derives from the passphrase. */
static ObCrypto *
derive (const char *passphrase, const char *salt)
{
  guint8 output[64];
  ObCryptoKey key;

  if (EVP_PBE_scrypt (passphrase, strlen (passphrase), (const guint8 *) salt, strlen (salt), N, R,
                      P, 0, output, sizeof output)
      != 1)
    g_error ("scrypt failed");
  /* The same order and the same masks as a master key has, which is random. */
  ob_key_generate (&key);
  memcpy (key.encrypt, output, 32);
  memcpy (key.mac_k, output + 32, 16);
  for (int i = 0; i < 16; i++)
    key.mac_r[i] = output[48 + i] & (i % 4 == 3 ? 0x0f : i % 4 == 0 && i > 0 ? 0xfc : 0xff);
  return ob_crypto_new (&key);
}

static char *
make_key_file (const ObCryptoKey *master, const char *passphrase)
{
  /* Of 64 bytes, as restic wants it. */
  static const char salt[] = "everybody may know this salt, as the repository holds no secrets";
  g_autofree char *k = g_base64_encode (master->mac_k, sizeof master->mac_k);
  g_autofree char *r = g_base64_encode (master->mac_r, sizeof master->mac_r);
  g_autofree char *encrypt = g_base64_encode (master->encrypt, sizeof master->encrypt);
  g_autofree char *json
    = g_strdup_printf ("{\"mac\":{\"k\":\"%s\",\"r\":\"%s\"},\"encrypt\":\"%s\"}", k, r, encrypt);
  g_autoptr (ObCrypto) user = derive (passphrase, salt);
  g_autoptr (GBytes) sealed = seal (user, json);
  g_autofree char *data = encode (sealed);
  g_autofree char *salt64 = g_base64_encode ((const guint8 *) salt, strlen (salt));

  return g_strdup_printf ("{\"created\":\"2026-11-23T04:05:06Z\",\"username\":\"root\","
                          "\"hostname\":\"erp\",\"kdf\":\"scrypt\",\"N\":%d,\"r\":%d,\"p\":%d,"
                          "\"salt\":\"%s\",\"data\":\"%s\"}",
                          N, R, P, salt64, data);
}

static void
template_init (Template *template, const char *passphrase)
{
  ObCryptoKey master;
  ObConfig config;
  g_autofree char *text = NULL;

  ob_key_generate (&master);
  template->crypto = ob_crypto_new (&master);
  template->key_file = make_key_file (&master, passphrase);
  ob_config_generate (&config);
  text = ob_config_to_json (&config);
  template->config = seal (template->crypto, text);
}

static void
template_clear (Template *template)
{
  ob_crypto_free (template->crypto);
  g_bytes_unref (template->config);
  g_free (template->key_file);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Template, template_clear)

/* Without a sync, for which g_file_set_contents() would wait. */
static void
write_file (const char *directory, const char *name, const void *data, gsize size)
{
  g_autofree char *path = g_build_filename (directory, name, NULL);
  g_autoptr (GError) error = NULL;

  if (!g_file_set_contents_full (path, data, (gssize) size, G_FILE_SET_CONTENTS_NONE, 0600, &error))
    g_error ("%s", error->message);
}

/* Writes @bytes into the directory @kind under their name; @hex gets that. */
static void
write_named (const char *directory, const char *kind, const void *data, gsize size,
             char hex[OB_ID_HEX_SIZE])
{
  g_autofree char *path = g_build_filename (directory, kind, NULL);
  ObId id;

  ob_id_of (data, size, &id);
  ob_id_to_hex (&id, hex);
  write_file (path, hex, data, size);
}

/* The ids in the order of @times, transfer full. */
static JsonArray *
write_repository (const Template *template, const char *directory, JsonArray *times)
{
  static const char *const kinds[] = { "data", "index", "keys", "locks", "snapshots" };
  static const char tree[] = "0000000000000000000000000000000000000000000000000000000000000000";
  JsonArray *ids = json_array_new ();
  char hex[OB_ID_HEX_SIZE];

  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autofree char *path = g_build_filename (directory, kinds[i], NULL);

      if (g_mkdir_with_parents (path, 0700) != 0)
        g_error ("%s cannot be made", path);
    }
  write_file (directory, "config", g_bytes_get_data (template->config, NULL),
              g_bytes_get_size (template->config));
  write_named (directory, "keys", template->key_file, strlen (template->key_file), hex);

  for (guint i = 0; i < json_array_get_length (times); i++)
    {
      g_autofree char *text
        = g_strdup_printf ("{\"time\":\"%s\",\"tree\":\"%s\",\"paths\":[\"/\"]}",
                           json_array_get_string_element (times, i), tree);
      g_autoptr (GBytes) sealed = seal (template->crypto, text);

      write_named (directory, "snapshots", g_bytes_get_data (sealed, NULL),
                   g_bytes_get_size (sealed), hex);
      json_array_add_string_element (ids, hex);
    }
  return ids;
}

static void
answer (const Template *template, const char *line)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) node = json_from_string (line, &error);
  g_autoptr (JsonNode) told = json_node_alloc ();
  g_autoptr (JsonObject) result = json_object_new ();
  g_autofree char *text = NULL;
  JsonObject *object;

  if (node == NULL)
    g_error ("%s", error->message);
  object = json_node_get_object (node);
  json_object_set_array_member (
    result, "ids",
    write_repository (template, json_object_get_string_member (object, "directory"),
                      json_object_get_array_member (object, "times")));
  json_node_init_object (told, result);
  text = json_to_string (told, FALSE);
  printf ("%s\n", text);
  fflush (stdout);
}

int
main (void)
{
  g_auto (Template) template = { 0 };
  g_autofree char *line = NULL;
  size_t room = 0;

  template_init (&template, g_getenv ("RESTIC_PASSWORD"));
  while (getline (&line, &room, stdin) > 0)
    answer (&template, line);
  return 0;
}
