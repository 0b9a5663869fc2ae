/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables for people. */
#include <glib.h>

#include "ctl/output-table.h"

static void test_alignment(void)
{
    g_autoptr(OutputTable) table = output_table_new(">ID", "NAME", "STATE", NULL);
    output_table_add(table, TABLE_PLAIN, "1");
    output_table_add(table, TABLE_PLAIN, "\xe6\x97\xa5\xe6\x9c\xac"); /* four columns */
    output_table_add(table, TABLE_PLAIN, "held");
    output_table_addf(table, TABLE_PLAIN, "%d", 1000);
    output_table_add(table, TABLE_PLAIN, "h\xc3\xa4user");
    output_table_add(table, TABLE_PLAIN, "");
    g_autofree char *text = output_table_print(table, 2, FALSE);
    g_assert_cmpstr(text, ==,
                    "    ID  NAME    STATE\n"
                    "     1  \xe6\x97\xa5\xe6\x9c\xac    held\n"
                    "  1000  h\xc3\xa4user  -\n");
    g_assert_cmpuint(output_table_n_rows(table), ==, 2);
}

/* Colours take no place, and what comes from outside cannot make any. */
static void test_color(void)
{
    g_autoptr(OutputTable) table = output_table_new("A", "B", NULL);
    output_table_add(table, TABLE_GREEN, "x");
    output_table_add(table, TABLE_PLAIN, "evil\033[31m");
    g_autofree char *plain = output_table_print(table, 0, FALSE);
    g_autofree char *colored = output_table_print(table, 0, TRUE);
    g_assert_cmpstr(plain, ==, "A  B\nx  evil\\u{1b}[31m\n");
    g_assert_cmpstr(colored, ==,
                    "\033[1mA\033[0m  \033[1mB\033[0m\n\033[32mx\033[0m  evil\\u{1b}[31m\n");
}

static void test_empty(void)
{
    g_autoptr(OutputTable) table = output_table_new("A", ">B", NULL);
    g_autofree char *text = output_table_print(table, 0, FALSE);
    g_assert_cmpstr(text, ==, "A  B\n");
    g_assert_cmpuint(output_table_n_rows(table), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/output-table/alignment", test_alignment);
    g_test_add_func("/output-table/color", test_color);
    g_test_add_func("/output-table/empty", test_empty);
    return g_test_run();
}
