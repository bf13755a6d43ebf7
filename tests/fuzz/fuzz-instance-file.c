/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration file of an instance. */
#include "ob-instance.h"

#include <string.h>

#include "driver.h"
#include "fuzz-directory.h"
#include "ob-io.h"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("[instance]\nversion=1\nproperties=/opt/OpenbravoERP/config/Openbravo.properties"
                "\ncontext-name=openbravo\ndeploy-mode=class\n\n[paths]\nsources=/opt/OpenbravoER"
                "P\nwebapp=/var/lib/tomcat9/webapps/openbravo\nattachments=/opt/attachments\n\n[d"
                "atabase]\nhost=localhost\nport=5432\nname=openbravo\nuser=tad\npassword=t\\sa\\"
                "\\d\nsystem-user=postgres\nsystem-password=x\n\n[application]\nunit=tomcat9.serv"
                "ice\n"),
  OB_FUZZ_SEED ("[instance]\nversion=1\nproperties=/opt/OpenbravoERP/config/Openbravo.properties"
                "\ncontext-name=openbravo\ndeploy-mode=class\n\n[paths]\nsources=/opt/OpenbravoER"
                "P\nwebapp=/var/lib/tomcat9/webapps/openbravo\nattachments=/opt/OpenbravoERP/atta"
                "chments\nreprintables=/opt/r\n\n[database]\nhost=localhost\nport=5432\nname=open"
                "bravo\nuser=tad\npassword=t\\sa\\\\d\nsystem-user=postgres\nsystem-password=x\n"
                "\n[application]\nstop-command=/bin/true;stop;a\\;b;\nstart-command=/bin/true;\nu"
                "ser=nobody\n"),
  OB_FUZZ_SEED ("# a comment\n[instance]\nversion=2\n"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)


#define MAX_FILE (1024 * 1024)

static ObInstance *
load (GError **error)
{
  return ob_instance_load (fuzz_directory_get_fd (), "erp", error);
}

static GBytes *
save (ObInstance *instance)
{
  g_autoptr (GError) error = NULL;
  GBytes *bytes = NULL;

  g_assert_true (ob_instance_save (instance, fuzz_directory_get_fd (), &error));
  bytes = ob_read_file_at (fuzz_directory_get_fd (), "erp.conf", MAX_FILE, &error);
  g_assert_no_error (error);
  return bytes;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObInstance) instance = NULL;
  g_autoptr (ObInstance) again = NULL;
  g_autoptr (JsonObject) described = NULL;
  g_autoptr (GPtrArray) trees = NULL;
  g_autoptr (GBytes) text = NULL;
  g_autoptr (GBytes) text_again = NULL;

  fuzz_directory_write ("erp.conf", data, size);
  instance = load (&error);
  g_assert_true ((instance == NULL) == (error != NULL));
  if (instance == NULL)
    return 0;
  described = ob_instance_describe (instance);
  trees = ob_instance_get_trees (instance, OB_PART_ALL);
  for (guint i = 0; i < trees->len; i++)
    {
      const ObInstanceTree *tree = g_ptr_array_index (trees, i);

      g_assert_true (g_path_is_absolute (tree->path) && strcmp (tree->path, "/") != 0);
      g_assert_null (strstr (tree->path, "/../"));
    }

  text = save (instance);
  again = load (&error);
  g_assert_no_error (error);
  text_again = save (again);
  g_assert_true (g_bytes_equal (text, text_again));
  return 0;
}
