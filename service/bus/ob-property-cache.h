/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The properties of an object, put together once for all who ask for all objects: a panel that
 * polls would otherwise have every property of fifty jobs that ended long ago read anew each time,
 * which takes 3 ms. What is kept goes when a property changes. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The get_properties() of a skeleton class of this service that derives, without a class in
 * between, from a generated one. a{sv}, transfer full. Main context. */
GVariant *ob_property_cache_get_properties (GDBusInterfaceSkeleton *skeleton);

G_END_DECLS
