/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses and blocks of them as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ssh/key/address.h"

/* In exactly its own memory, so that a sanitizer sees a read beyond. */
static int in_list(const char *address, const char *list)
{
    struct address read;
    size_t size = strlen(list);
    char *copy = malloc(size ? size : 1);
    int in;

    assert_non_null(copy);
    memcpy(copy, list, size);
    in = address_read(&read, address, strlen(address)) < 0 ? -2 : address_in_list(&read, copy, size);
    free(copy);
    return in;
}

static void addresses_are_read(void **state)
{
    static const struct {
        const char *text;
        unsigned bits; /* 0: no address */
        uint8_t bytes[16];
    } cases[] = {
        {"1.2.3.4", 32, {1, 2, 3, 4}},
        {"0.0.0.0", 32, {0}},
        {"255.255.255.255", 32, {255, 255, 255, 255}},
        {"::", 128, {0}},
        {"::1", 128, {[15] = 1}},
        {"1::", 128, {0, 1}},
        {"2001:db8::A:b", 128, {0x20, 1, 0x0d, 0xb8, [13] = 10, [15] = 11}},
        {"1:2:3:4:5:6:7:8", 128, {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8}},
        {"1:2:3:4:5:6:7::", 128, {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 0}},
        {"::2:3:4:5:6:7:8", 128, {0, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8}},
        {"64:ff9b::1.2.3.4", 128, {0, 0x64, 0xff, 0x9b, [12] = 1, 2, 3, 4}},
        {"1:2:3:4:5:6:1.2.3.4", 128, {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 1, 2, 3, 4}},
        {"::ffff:1.2.3.4", 32, {1, 2, 3, 4}},
        {"::ffff:102:304", 32, {1, 2, 3, 4}},
        {"fe80::1%eth0", 128, {0xfe, 0x80, [15] = 1}},
        {"", 0, {0}},
        {"1.2.3", 0, {0}},
        {"1.2.3.4.5", 0, {0}},
        {"1.2.3.256", 0, {0}},
        {"1.2.3.04", 0, {0}},
        {"1.2.3.00", 0, {0}},
        {"1.2.3.", 0, {0}},
        {"1..2.3", 0, {0}},
        {" 1.2.3.4", 0, {0}},
        {"1.2.3.4 ", 0, {0}},
        {"1.2.3.4%eth0", 0, {0}},
        {"0x1.2.3.4", 0, {0}},
        {"16909060", 0, {0}},
        {"1.2.3.1111111111111", 0, {0}},
        {"example.org", 0, {0}},
        {":", 0, {0}},
        {":::", 0, {0}},
        {":1", 0, {0}},
        {"1:", 0, {0}},
        {":1::", 0, {0}},
        {"1::2::3", 0, {0}},
        {"1:2:3:4:5:6:7", 0, {0}},
        {"1:2:3:4:5:6:7:8:9", 0, {0}},
        {"1:2:3:4:5:6:7:8::", 0, {0}},
        {"::1:2:3:4:5:6:7:8", 0, {0}},
        {"1:2:3:4:5:6:7:1.2.3.4", 0, {0}},
        {"::1.2.3.4:5", 0, {0}},
        {"::1.2.3", 0, {0}},
        {"::12345", 0, {0}},
        {"::g", 0, {0}},
        {"fe80::1%", 0, {0}},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct address address;
        int r = address_read(&address, cases[i].text, strlen(cases[i].text));

        print_message("%s\n", cases[i].text);
        assert_int_equal(r, cases[i].bits ? 0 : -1);
        if (r == 0) {
            assert_int_equal(address.bits, cases[i].bits);
            assert_memory_equal(address.bytes, cases[i].bytes, 16);
        }
    }
}

static void blocks_hold_what_they_cover(void **state)
{
    static const struct {
        const char *address;
        const char *list;
        int in;
    } cases[] = {
        {"10.1.2.3", "10.0.0.0/8", 1},
        {"11.1.2.3", "10.0.0.0/8", 0},
        {"10.1.2.3", "10.1.2.3", 1},
        {"10.1.2.4", "10.1.2.3", 0},
        {"10.1.2.3", "10.1.2.3/32", 1},
        {"10.1.2.2", "10.1.2.2/31", 1},
        {"10.1.2.4", "10.1.2.2/31", 0},
        {"192.168.127.255", "192.168.0.0/17", 1},
        {"192.168.128.0", "192.168.0.0/17", 0},
        {"8.8.8.8", "0.0.0.0/0", 1},
        {"::1", "0.0.0.0/0", 0},
        {"1.1.1.1", "::/0", 0},
        {"2001:db8:0:1::5", "2001:db8::/32", 1},
        {"2001:db9::", "2001:db8::/32", 0},
        {"2001:db8::5", "2001:db8::4/127", 1},
        {"2001:db8::6", "2001:db8::4/127", 0},
        {"::ffff:10.9.9.9", "10.0.0.0/8", 1},
        {"10.1.2.3", "2001:db8::/32,10.0.0.0/8", 1},
        {"10.1.2.3", "2001:db8::/32,11.0.0.0/8", 0},
        /* Not blocks: bits beyond the length, lengths out of range, rubbish anywhere in the list. */
        {"10.1.2.3", "10.1.0.0/8", -1},
        {"10.1.2.3", "10.0.0.0/33", -1},
        {"::1", "::/129", -1},
        {"10.1.2.3", "10.0.0.0/", -1},
        {"10.1.2.3", "10.0.0.0/08", -1},
        {"10.1.2.3", "10.0.0.0/8/8", -1},
        {"10.1.2.3", "10.0.0.0/-1", -1},
        {"10.1.2.3", "/8", -1},
        {"10.1.2.3", "", -1},
        {"10.1.2.3", ",", -1},
        {"10.1.2.3", "10.0.0.0/8,", -1},
        {"10.1.2.3", "10.0.0.0/8,rubbish", -1},
        {"10.1.2.3", "rubbish,10.0.0.0/8", -1},
        {"10.1.2.3", "10.0.0.0/8, 11.0.0.0/8", -1},
        {"10.1.2.3", "*", -1},
        {"fe80::1", "fe80::%eth0/10", -1},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("%s in %s\n", cases[i].address, cases[i].list);
        assert_int_equal(in_list(cases[i].address, cases[i].list), cases[i].in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read),
        cmocka_unit_test(blocks_hold_what_they_cover),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
