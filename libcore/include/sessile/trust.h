/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is trusted: known_hosts, authorized_keys and principals files, and key revocation lists, as OpenSSH has them.
 * Nothing here opens a file: the caller reads it. What is read is immutable and reference counted: any number of
 * threads, configs and sessions may share it.
 *
 * A line that cannot be read is skipped, as OpenSSH does, and can be asked for: its number and what is wrong with it. A
 * revocation list that cannot be read is refused as a whole.
 *
 * error: room for a sentence and its size, or NULL and 0; "" on success. Functions that write text take data and size,
 * the room in bytes, and return the length of the whole result; where that is more than size, nothing was written.
 */
#ifndef SESSILE_TRUST_H
#define SESSILE_TRUST_H

#include <stddef.h>
#include <stdint.h>

#include "export.h"
#include "key.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The host keys that a client knows: one file's, and those of files read before it. */
typedef struct sessile_known_hosts sessile_known_hosts;
/* The keys that may log in as one user, and what each may do. */
typedef struct sessile_authorized_keys sessile_authorized_keys;
/* The names that a certificate must carry one of to log in as one user, and what each may do. */
typedef struct sessile_principals sessile_principals;
/* What a key that was let in may do. */
typedef struct sessile_grant sessile_grant;
/* A key revocation list. */
typedef struct sessile_krl sessile_krl;

/* ---- known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT) ---- */

/* Read a file's text, at most 16 MiB. before: the files that are looked at first, such as the user's before the
 * system's; held; NULL for none. *known_hosts: the caller's, NULL on failure. Returns 0; ERR_ARGUMENT with error filled
 * (too long, too many files: 64); ERR_MEMORY. */
SESSILE_API int sessile_known_hosts_read(const void *data, size_t size, sessile_known_hosts *before,
                                         sessile_known_hosts **known_hosts, char *error, size_t error_size);
/* Take a reference, give it back. Safe on any thread. free: NULL is ignored. */
SESSILE_API sessile_known_hosts *sessile_known_hosts_keep(sessile_known_hosts *known_hosts);
SESSILE_API void sessile_known_hosts_free(sessile_known_hosts *known_hosts);
/* How many lines of this file were read, and how many were skipped because they could not be. */
SESSILE_API size_t sessile_known_hosts_count(sessile_known_hosts *known_hosts);
SESSILE_API size_t sessile_known_hosts_bad_count(sessile_known_hosts *known_hosts);
/* A skipped line's number, from 1, and what is wrong with it; the first 100 are told. 0 and NULL beyond. */
SESSILE_API size_t sessile_known_hosts_bad_line(sessile_known_hosts *known_hosts, size_t index);
SESSILE_API const char *sessile_known_hosts_bad_reason(sessile_known_hosts *known_hosts, size_t index);

/* The key is the host's, or its certificate is good and by an authority that is trusted for the host. */
#define SESSILE_HOST_KNOWN 0
/* Nothing is known about the host. */
#define SESSILE_HOST_UNKNOWN 1
/* Only keys of other types are known. OpenSSH treats this as CHANGED. */
#define SESSILE_HOST_OTHER 2
/* Another key of the same type is known. */
#define SESSILE_HOST_CHANGED 3
/* The key, or the authority of its certificate, is marked as revoked. */
#define SESSILE_HOST_REVOKED 4
/* Look a host key up. host: name or address, at most 253 bytes, in any case of letters; port: 22 and 0 are the same.
 * Where nothing is known about a host at another port, a key that is known for the host without a port will do. key:
 * with its certificate, if it has one; where that is not good or not by a trusted authority, the key in it is looked
 * up. now: seconds since 1970; negative: no certificate is good. *file, *line: where it stands that decided: the file
 * in the order they are looked at, from 1, and the line, from 1; 0 where there is none; either may be NULL. error: why
 * the certificate was not good enough, or "". Returns one of SESSILE_HOST_*, ERR_ARGUMENT, ERR_MEMORY or ERR_CRYPTO. */
SESSILE_API int sessile_known_hosts_check(sessile_known_hosts *known_hosts, const char *host, int port,
                                          sessile_key *key, int64_t now, size_t *file, size_t *line, char *error,
                                          size_t error_size);
/* The host key algorithms by which the host can be known, separated by commas: those of the types of its keys, and
 * those of certificates where an authority is trusted for it. A client that offers them first is not asked about a
 * host that it knows. Returns the length, 0 where nothing is known; ERR_ARGUMENT. */
SESSILE_API int sessile_known_hosts_algorithms(sessile_known_hosts *known_hosts, const char *host, int port, void *data,
                                               size_t size);
/* A key that is known for the host at that very port (authorities and revoked keys apart), by number from 0. *key: the
 * caller's. Returns 0; ERR_ARGUMENT where there is no such number; ERR_MEMORY. */
SESSILE_API int sessile_known_hosts_key(sessile_known_hosts *known_hosts, const char *host, int port, size_t index,
                                        sessile_key **key);
/* A line for the file, with its newline: the host, its name hashed where hashed is not 0, and the key without its
 * certificate. Returns the length, ERR_ARGUMENT, ERR_MEMORY or ERR_CRYPTO. */
SESSILE_API int sessile_known_hosts_line(const char *host, int port, sessile_key *key, int hashed, void *data,
                                         size_t size);

/* ---- authorized_keys (sshd(8), AUTHORIZED_KEYS FILE FORMAT) ---- */

/* Read a file's text, at most 16 MiB. A line with an option that is not known is skipped. zone: seconds east of UTC,
 * for times in expiry-time= that do not end in Z; 0 takes them as UTC. *keys: the caller's, NULL on failure. Returns 0;
 * ERR_ARGUMENT with error filled; ERR_MEMORY. */
SESSILE_API int sessile_authorized_keys_read(const void *data, size_t size, int zone, sessile_authorized_keys **keys,
                                             char *error, size_t error_size);
SESSILE_API sessile_authorized_keys *sessile_authorized_keys_keep(sessile_authorized_keys *keys);
SESSILE_API void sessile_authorized_keys_free(sessile_authorized_keys *keys);
SESSILE_API size_t sessile_authorized_keys_count(sessile_authorized_keys *keys);
SESSILE_API size_t sessile_authorized_keys_bad_count(sessile_authorized_keys *keys);
SESSILE_API size_t sessile_authorized_keys_bad_line(sessile_authorized_keys *keys, size_t index);
SESSILE_API const char *sessile_authorized_keys_bad_reason(sessile_authorized_keys *keys, size_t index);

/* Whether a key may log in, and what it may do then. The signature is not looked at here.
 * key: with its certificate, if it has one: only lines with cert-authority then count. user: who it wants to be, which
 * the certificate must name unless the line has principals=. address: the peer's, as text; NULL: from= and
 * source-address then refuse. host: the peer's name, where the caller looked it up and checked it; NULL takes the
 * address for it. now: seconds since 1970; negative: what ends at some time, and every certificate, is refused.
 * *grant: the caller's, NULL on failure. Returns 0; ERR_VERIFY with error filled where no line lets it in (the text is
 * for this side's log, not for the peer); ERR_ARGUMENT; ERR_MEMORY. */
SESSILE_API int sessile_authorized_keys_match(sessile_authorized_keys *keys, sessile_key *key, const char *user,
                                              const char *address, const char *host, int64_t now, sessile_grant **grant,
                                              char *error, size_t error_size);

/* Read a principals file (sshd_config(5), AuthorizedPrincipalsFile): a name on each line, options before it. */
SESSILE_API int sessile_principals_read(const void *data, size_t size, int zone, sessile_principals **principals,
                                        char *error, size_t error_size);
SESSILE_API sessile_principals *sessile_principals_keep(sessile_principals *principals);
SESSILE_API void sessile_principals_free(sessile_principals *principals);
SESSILE_API size_t sessile_principals_count(sessile_principals *principals);
SESSILE_API size_t sessile_principals_bad_count(sessile_principals *principals);
SESSILE_API size_t sessile_principals_bad_line(sessile_principals *principals, size_t index);
SESSILE_API const char *sessile_principals_bad_reason(sessile_principals *principals, size_t index);

/* Whether a certificate by an authority that is trusted for all users may log in (sshd_config(5), TrustedUserCAKeys).
 * authorities: lines without options. principals: the user's; NULL: the certificate must name the user. The rest is as
 * for sessile_authorized_keys_match(). */
SESSILE_API int sessile_authorities_match(sessile_authorized_keys *authorities, sessile_principals *principals,
                                          sessile_key *key, const char *user, const char *address, const char *host,
                                          int64_t now, sessile_grant **grant, char *error, size_t error_size);

/* ---- What a key may do: its line's options and its certificate's, where both must agree ---- */

SESSILE_API sessile_grant *sessile_grant_keep(sessile_grant *grant);
SESSILE_API void sessile_grant_free(sessile_grant *grant);
/* The number of the line that let it in, from 1; 0 where no file's line did. */
SESSILE_API size_t sessile_grant_line(sessile_grant *grant);
/* The command to run in place of whatever is asked for, or NULL. Valid as long as the grant. */
SESSILE_API const char *sessile_grant_command(sessile_grant *grant);
#define SESSILE_GRANT_PTY 1
#define SESSILE_GRANT_PORT_FORWARDING 2
#define SESSILE_GRANT_AGENT_FORWARDING 3
#define SESSILE_GRANT_X11_FORWARDING 4
/* The user's ~/.ssh/rc. */
#define SESSILE_GRANT_USER_RC 5
/* 1 where the key may have it, else 0. */
SESSILE_API int sessile_grant_allows(sessile_grant *grant, int what);
/* 1 where a security key must have been touched, or must have verified its user; else 0. */
SESSILE_API int sessile_grant_needs_touch(sessile_grant *grant);
SESSILE_API int sessile_grant_needs_verification(sessile_grant *grant);
/* Whether it may have the server connect to a host and port (permitopen=), or listen (permitlisten=; a peer that names
 * no host says "localhost"): 1 or 0. Without such options, whether it may forward ports. */
SESSILE_API int sessile_grant_allows_open(sessile_grant *grant, const char *host, int port);
SESSILE_API int sessile_grant_allows_listen(sessile_grant *grant, const char *host, int port);
/* "NAME=value", by number. Valid as long as the grant; NULL where there is no such number. Whoever may write the file
 * may set any variable: sshd ignores them unless it is told otherwise. */
SESSILE_API size_t sessile_grant_environment_count(sessile_grant *grant);
SESSILE_API const char *sessile_grant_environment(sessile_grant *grant, size_t index);

/* ---- Key revocation lists (OpenSSH's PROTOCOL.krl) ---- */

/* Read a list as ssh-keygen -k makes it, or a text of public key lines, at most 16 MiB; data may not be NULL. *krl: the
 * caller's, NULL on failure. Returns 0; ERR_ARGUMENT with error filled; ERR_UNSUPPORTED where it has something critical
 * that is not known; ERR_MEMORY. */
SESSILE_API int sessile_krl_read(const void *data, size_t size, sessile_krl **krl, char *error, size_t error_size);
SESSILE_API sessile_krl *sessile_krl_keep(sessile_krl *krl);
SESSILE_API void sessile_krl_free(sessile_krl *krl);
/* The list's version, the second it was made in since 1970, and its comment, escaped; 0 and "" where it is a text. */
SESSILE_API uint64_t sessile_krl_version(sessile_krl *krl);
SESSILE_API uint64_t sessile_krl_generated(sessile_krl *krl);
SESSILE_API const char *sessile_krl_comment(sessile_krl *krl);
/* 1 where the key, its certificate, or the certificate's authority is revoked; 0 where not; ERR_ARGUMENT, ERR_CRYPTO
 * where it cannot be told: then it must not be trusted. */
SESSILE_API int sessile_krl_revokes(sessile_krl *krl, sessile_key *key);

#ifdef __cplusplus
}
#endif

#endif
