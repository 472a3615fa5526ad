/* SPDX-License-Identifier: Apache-2.0
 *
 * SSH keys: public and private, with their certificates, as files and lines have them. A key is reference counted and
 * immutable once it is made: any number of threads, configs and sessions may share it. Nothing here opens a file: the
 * caller reads it.
 *
 * Functions that write text or bytes take data and size, the room in bytes, and return the length of the whole result;
 * where that is more than size, nothing was written (size 0 asks for the length; of a signature, for the most it can
 * have, and nothing is signed). Text is not followed by a NUL byte.
 *
 * error: room for a sentence about what is wrong with the input, and its size, or NULL and 0; "" on success.
 */
#ifndef SESSILE_KEY_H
#define SESSILE_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Life ---- */

/* Take a reference, give it back. Safe on any thread. free: NULL is ignored; private parts are wiped with the last. */
SESSILE_API sessile_key *sessile_key_keep(sessile_key *key);
SESSILE_API void sessile_key_free(sessile_key *key);

/* A new private key. type: "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521" or
 * "ssh-rsa". bits: RSA, 2048 to 16384, 0 for 3072; else 0. comment: may be NULL. *key: the caller's, NULL on failure.
 * Returns 0, ERR_ARGUMENT, ERR_MEMORY, ERR_CRYPTO. */
SESSILE_API int sessile_key_generate(const char *type, int bits, const char *comment, sessile_key **key);

/* Read a private key: openssh-key-v1, PEM (PKCS#1, SEC 1, PKCS#8), encrypted or not, from the text of a file of at most
 * 256 KiB. passphrase, passphrase_size: at most 1024 bytes; NULL and 0, or 0 bytes, for none. What would take too long
 * to decrypt is refused: 1024 rounds of bcrypt_pbkdf, 5 million iterations of PBKDF2. Control characters in the comment
 * become "?". Returns 0; ERR_PASSPHRASE where it is encrypted and the
 * passphrase is missing or wrong; ERR_ARGUMENT with error filled; ERR_UNSUPPORTED; ERR_MEMORY. */
SESSILE_API int sessile_key_read(const void *data, size_t size, const void *passphrase, size_t passphrase_size,
                                 sessile_key **key, char *error, size_t error_size);
/* Read a public key or a certificate: a line as in an id_*.pub file (type, base64, comment), RFC 4716, or PEM; the
 * first in the text. */
SESSILE_API int sessile_key_read_public(const void *data, size_t size, sessile_key **key, char *error,
                                        size_t error_size);
/* A public key or certificate from its SSH wire form (RFC 4253, section 6.6), at most 64 KiB. */
SESSILE_API int sessile_key_from_blob(const void *data, size_t size, sessile_key **key, char *error, size_t error_size);
/* A key with the certificate of another: both must be of the same public key. *out: new. ERR_ARGUMENT else. */
SESSILE_API int sessile_key_with_certificate(sessile_key *key, sessile_key *certificate, sessile_key **out);

/* Formats of private key files. */
#define SESSILE_KEY_OPENSSH 1
#define SESSILE_KEY_PKCS8 2
/* PKCS#1 for RSA, SEC 1 for ECDSA; not encrypted. Ed25519 has none: ERR_UNSUPPORTED. */
#define SESSILE_KEY_PEM 3
/* Write the private key as the text of a file.
 * passphrase: NULL for none. cipher: OPENSSH format with a passphrase: "aes256-ctr" (NULL means this one),
 * "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com". rounds: of bcrypt_pbkdf, 0 for 24, at most 1024. Returns
 * the length; ERR_ARGUMENT (no private key, unknown cipher), ERR_UNSUPPORTED, ERR_MEMORY, ERR_CRYPTO. */
SESSILE_API int sessile_key_write(sessile_key *key, int format, const void *passphrase, size_t passphrase_size,
                                  const char *cipher, int rounds, void *data, size_t size);
/* Formats of public keys. */
/* "ssh-ed25519 AAAA... comment" and a newline; of the certificate where the key has one, as RFC 4716 is */
#define SESSILE_KEY_LINE 1
#define SESSILE_KEY_RFC4716 2
/* SubjectPublicKeyInfo. Not for certificates and sk- keys. */
#define SESSILE_KEY_PUBLIC_PEM 3
SESSILE_API int sessile_key_write_public(sessile_key *key, int format, void *data, size_t size);
/* The wire form of the public key, or of the certificate where it has one and certificate is not 0. */
SESSILE_API int sessile_key_blob(sessile_key *key, int certificate, void *data, size_t size);

/* ---- What it is ---- */

/* The key type's name, such as "ssh-ed25519", without the certificate's suffix. Static. */
SESSILE_API const char *sessile_key_type(sessile_key *key);
SESSILE_API int sessile_key_bits(sessile_key *key);
/* "" where there is none. Valid as long as the key. */
SESSILE_API const char *sessile_key_comment(sessile_key *key);
SESSILE_API int sessile_key_is_private(sessile_key *key);
SESSILE_API int sessile_key_has_certificate(sessile_key *key);
/* 1 where both are of the same public key (certificates apart), else 0. */
SESSILE_API int sessile_key_equal(sessile_key *a, sessile_key *b);

#define SESSILE_FINGERPRINT_SHA256 1
#define SESSILE_FINGERPRINT_MD5 2
/* "SHA256:..." in unpadded base64 or "MD5:aa:bb:...", of the public key (certificates apart). */
SESSILE_API int sessile_key_fingerprint(sessile_key *key, int hash, void *data, size_t size);
/* The picture that ssh-keygen -lv shows: 11 lines, each with its newline. */
SESSILE_API int sessile_key_randomart(sessile_key *key, int hash, void *data, size_t size);

/* ---- Signatures ---- */

/* Sign as RFC 4253, section 6.6 has it. algorithm: such as "rsa-sha2-512"; NULL for the type's best. The result is the
 * whole signature blob. Returns its length; ERR_ARGUMENT (no private key; an algorithm that is not the key's),
 * ERR_MEMORY, ERR_CRYPTO. */
SESSILE_API int sessile_key_sign(sessile_key *key, const char *algorithm, const void *message, size_t message_size,
                                 void *data, size_t size);
/* Returns 0; ERR_VERIFY where the signature is not good; ERR_ARGUMENT. algorithm: what the signature must be made with;
 * NULL takes any of the key's but ssh-rsa (SHA-1). */
SESSILE_API int sessile_key_verify(sessile_key *key, const char *algorithm, const void *message, size_t message_size,
                                   const void *signature, size_t signature_size);

/* sshsig (OpenSSH's PROTOCOL.sshsig), as ssh-keygen -Y sign and -Y verify make and check it. hash: "sha512" (NULL means
 * this) or "sha256". The result is the armored text. */
SESSILE_API int sessile_key_sshsig(sessile_key *key, const char *name_space, const char *hash, const void *message,
                                   size_t message_size, void *data, size_t size);
/* *signer: the key (or certificate) that made it, the caller's, to be looked up among those that may. Returns 0,
 * ERR_VERIFY, ERR_ARGUMENT, ERR_UNSUPPORTED, ERR_MEMORY, ERR_CRYPTO. */
SESSILE_API int sessile_sshsig_verify(const void *text, size_t text_size, const char *name_space, const void *message,
                                      size_t message_size, sessile_key **signer, char *error, size_t error_size);

/* ---- Certificates (OpenSSH's PROTOCOL.certkeys) ---- */

#define SESSILE_CERTIFICATE_USER 1
#define SESSILE_CERTIFICATE_HOST 2
/* SESSILE_CERTIFICATE_*, or 0 where the key has none. */
SESSILE_API int sessile_certificate_kind(sessile_key *key);
SESSILE_API uint64_t sessile_certificate_serial(sessile_key *key);
/* "" where there is none. */
SESSILE_API const char *sessile_certificate_key_id(sessile_key *key);
/* Seconds since 1970; UINT64_MAX: forever. */
SESSILE_API uint64_t sessile_certificate_valid_after(sessile_key *key);
SESSILE_API uint64_t sessile_certificate_valid_before(sessile_key *key);
SESSILE_API size_t sessile_certificate_principal_count(sessile_key *key);
/* Valid as long as the key; NULL where there is no such index. */
SESSILE_API const char *sessile_certificate_principal(sessile_key *key, size_t index);
/* A critical option's or extension's value, such as "force-command", "source-address", "permit-pty": its length, which
 * may be 0, or ERR_ARGUMENT where the certificate has none. Where the data is one string, it is that string's content.
 * critical: 1 or 0. */
SESSILE_API int sessile_certificate_option(sessile_key *key, int critical, const char *name, void *data, size_t size);
/* The authority's public key, borrowed; NULL where there is no certificate. */
SESSILE_API sessile_key *sessile_certificate_authority(sessile_key *key);
/* All checks but trust in the authority: signature, kind, time (seconds since 1970), principal (NULL: one is not
 * asked for), critical options that are not known (known: force-command, source-address, verify-required for users,
 * none for hosts). address: the peer's, for source-address; NULL refuses a certificate that has it. Returns 0,
 * ERR_VERIFY with error filled, ERR_ARGUMENT. */
SESSILE_API int sessile_certificate_check(sessile_key *key, int kind, const char *principal, const char *address,
                                          int64_t now, char *error, size_t error_size);
/* Make a certificate for the public key of key, signed by authority (algorithm: NULL for its best; not SHA-1).
 * valid_after: before valid_before. principals: of principal_count names. options: SSH wire form (name and value
 * strings in order), may be NULL and 0. *out: new. */
SESSILE_API int sessile_certificate_sign(sessile_key *key, sessile_key *authority, const char *algorithm, int kind,
                                         uint64_t serial, const char *key_id, const char *const *principals,
                                         size_t principal_count, uint64_t valid_after, uint64_t valid_before,
                                         const void *critical, size_t critical_size, const void *extensions,
                                         size_t extensions_size, sessile_key **out);

#ifdef __cplusplus
}
#endif

#endif
