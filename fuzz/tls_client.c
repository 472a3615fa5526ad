/* SPDX-License-Identifier: Apache-2.0
 *
 * Arbitrary bytes to a TLS client: verification and its questions, own certificate, OCSP, external keys, and no
 * verification at all, which is how far a recorded certificate of somebody else's gets.
 * Input: config, what to answer, pieces; then the wire's bytes.
 */
#include "feed.h"
#include "setup.h"

/* One that believes anybody, and takes the key exchanges in which the server signs nothing. */
static sessile_tls_config *gullible(void)
{
    static sessile_tls_config *config;

    if (config)
        return config;
    expect((config = sessile_tls_config_new(SESSILE_CLIENT)));
    expect(sessile_tls_config_insecure_no_verify(config) == 0);
    expect(sessile_tls_config_set_ciphers(config, "ALL:PSK:kRSA") == 0);
    expect(sessile_tls_config_add_psk(config, FUZZ_PSK_NAME, fuzz_psk, sizeof fuzz_psk) == 0);
    expect(sessile_tls_config_set_ocsp(config, SESSILE_TLS_OCSP_REQUEST) == 0);
    expect(sessile_tls_config_set_alpn(config, "h2,http/1.1") == 0);
    expect(sessile_tls_config_check(config) == 0);
    return config;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    sessile_tls_config *config;
    sessile_callbacks *callbacks;
    struct feed feed;
    size_t blocks;
    uint8_t number, answers, pattern;

    fuzz_begin();
    number = input_u8(&input);
    answers = input_u8(&input);
    pattern = input_u8(&input);
    config = answers & FEED_CONFIG ? gullible() : setup_client(number);
    blocks = fuzz_memory_blocks();
    feed_open(&feed, answers, NULL);
    expect((callbacks = feed_callbacks()));
    expect(sessile_tls_connect(feed.session, config, FUZZ_HOST, callbacks, &feed) == 0);
    sessile_callbacks_free(callbacks);
    feed_bytes(&feed, input.data, input.size, pattern);
    expect(fuzz_memory_bytes() < 4 * 1024 * 1024);
    feed_close(&feed);
    expect(fuzz_memory_blocks() == blocks);
    return 0;
}
