/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ring of renewals.
 */
#include "engine/renewal-history.h"

void renewal_history_add(RenewalHistory *self, guint64 started_us, guint64 read_us,
                         guint64 write_us, char *detail)
{
    RenewalEntry *entry;

    if (self->entries == NULL)
        self->entries = g_new0(RenewalEntry, RENEWAL_HISTORY_SIZE);
    entry = &self->entries[self->next];
    g_free(entry->detail);
    *entry = (RenewalEntry){ started_us, read_us, write_us, detail };
    self->next = (self->next + 1) % RENEWAL_HISTORY_SIZE;
    self->count = MIN(self->count + 1, RENEWAL_HISTORY_SIZE);
}

GVariant *renewal_history_to_variant(const RenewalHistory *self, guint max)
{
    GVariantBuilder builder;
    guint n = max == 0 ? self->count : MIN(max, self->count);

    g_variant_builder_init(&builder, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < n; i++) {
        const RenewalEntry *entry =
            &self->entries[(self->next + RENEWAL_HISTORY_SIZE - n + i) % RENEWAL_HISTORY_SIZE];
        GVariantDict dict;

        g_variant_dict_init(&dict, NULL);
        g_variant_dict_insert(&dict, "started-usec", "t", entry->started_us);
        g_variant_dict_insert(&dict, "read-usec", "t", entry->read_us);
        g_variant_dict_insert(&dict, "write-usec", "t", entry->write_us);
        g_variant_dict_insert(&dict, "worked", "b", entry->detail == NULL);
        g_variant_dict_insert(&dict, "detail", "s", entry->detail != NULL ? entry->detail : "");
        g_variant_builder_add_value(&builder, g_variant_dict_end(&dict));
    }
    return g_variant_builder_end(&builder);
}

void renewal_history_clear(RenewalHistory *self)
{
    for (guint i = 0; self->entries != NULL && i < RENEWAL_HISTORY_SIZE; i++)
        g_free(self->entries[i].detail);
    g_clear_pointer(&self->entries, g_free);
}
