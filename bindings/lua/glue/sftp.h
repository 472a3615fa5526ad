/* SPDX-License-Identifier: Apache-2.0
 *
 * SFTP's callbacks. */
#ifndef SESSILE_LUA_SFTP_H
#define SESSILE_LUA_SFTP_H

#include <sessile/sessile.h>

int on_sftp_ready(sessile_sftp *sftp, void *app);
int on_sftp_resume(sessile_sftp *sftp, void *app);
void on_sftp_closed(sessile_sftp *sftp, int error, void *app);
int on_sftp_send(sessile_sftp *sftp, const void *data, size_t size, void *app);
int on_sftp_reply(sessile_sftp_request *request, void *app);
int on_sftp_done(sessile_sftp_transfer *transfer, void *app);
int on_sftp_progress(sessile_sftp_transfer *transfer, void *app);
int on_sftp_sink(sessile_sftp_transfer *transfer, uint64_t offset, const void *data, size_t size, void *app);
int on_sftp_source(sessile_sftp_transfer *transfer, uint64_t offset, void *data, size_t size, void *app);
int on_sftp_job(sessile_sftp_job *job, void *app);
int on_sftp_withdrawn(sessile_sftp_job *job, void *app);
void on_sftp_release(sessile_sftp *sftp, uint64_t file, void *app);

#endif
