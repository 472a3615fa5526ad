/* SPDX-License-Identifier: Apache-2.0
 *
 * Arbitrary bytes to a TLS server: hosts, hello questions, client certificates, tickets, external keys.
 * Input: config, what to answer, pieces; then the wire's bytes.
 */
#include "feed.h"
#include "setup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    sessile_tls_config *config, *other;
    sessile_callbacks *callbacks;
    struct feed feed;
    size_t blocks;
    uint8_t answers, pattern;

    fuzz_begin();
    config = setup_server(input_u8(&input));
    answers = input_u8(&input);
    pattern = input_u8(&input);
    other = setup_server(answers & 0xf0);
    blocks = fuzz_memory_blocks();
    feed_open(&feed, answers, other);
    expect((callbacks = feed_callbacks()));
    expect(sessile_tls_accept(feed.session, config, callbacks, &feed) == 0);
    sessile_callbacks_free(callbacks);
    feed_bytes(&feed, input.data, input.size, pattern);
    expect(fuzz_memory_bytes() < 4 * 1024 * 1024);
    feed_close(&feed);
    expect(fuzz_memory_blocks() == blocks);
    return 0;
}
