/* SPDX-License-Identifier: Apache-2.0
 *
 * Arbitrary bytes to an SSH server: identification, KEXINIT, key exchange. Its random numbers are the same in every
 * run, so that a recorded client's bytes (the seeds) lead through authentication into a channel. Input: config, what to
 * answer, pieces; then the wire's bytes.
 */
#include "feed.h"
#include "ssh_setup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    sessile_ssh_config *config;
    sessile_callbacks *callbacks;
    struct feed feed;
    size_t blocks;
    uint8_t answers, pattern;

    ssh_fuzz_begin();
    config = ssh_setup(SESSILE_SERVER, input_u8(&input));
    answers = input_u8(&input);
    pattern = input_u8(&input);
    blocks = fuzz_memory_blocks();
    feed_open(&feed, answers, NULL);
    feed.accept = ssh_fuzz_accept;
    feed.ceiling = SSH_EARLY_MOST;
    expect((callbacks = feed_callbacks()));
    expect(sessile_ssh_accept(feed.session, config, callbacks, &feed) == 0);
    sessile_callbacks_free(callbacks);
    feed_bytes(&feed, input.data, input.size, pattern);
    feed_close(&feed);
    expect(fuzz_memory_blocks() == blocks);
    return 0;
}
