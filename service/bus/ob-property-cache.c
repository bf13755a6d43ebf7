/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-property-cache.h"

/* Both with the object: what is kept, and whether changes are listened for. */
static G_DEFINE_QUARK (ob-property-cache-kept, kept);
static G_DEFINE_QUARK (ob-property-cache-listening, listening);

/* internal methods */

static void
on_notify (GObject *object, GParamSpec *property, gpointer user_data)
{
  g_object_set_qdata (object, kept_quark (), NULL);
}

static void
listen_once (GObject *object)
{
  if (g_object_get_qdata (object, listening_quark ()) != NULL)
    return;
  g_signal_connect (object, "notify", G_CALLBACK (on_notify), NULL);
  g_object_set_qdata (object, listening_quark (), GINT_TO_POINTER (TRUE));
}

/* public methods */

GVariant *
ob_property_cache_get_properties (GDBusInterfaceSkeleton *skeleton)
{
  GObject *object = G_OBJECT (skeleton);
  GDBusInterfaceSkeletonClass *generated
    = g_type_class_peek_parent (G_DBUS_INTERFACE_SKELETON_GET_CLASS (skeleton));
  GVariant *kept = g_object_get_qdata (object, kept_quark ());

  if (kept != NULL)
    return g_variant_ref (kept);
  listen_once (object);
  kept = g_variant_take_ref (generated->get_properties (skeleton));
  g_object_set_qdata_full (object, kept_quark (), g_variant_ref (kept),
                           (GDestroyNotify) g_variant_unref);
  return kept;
}
