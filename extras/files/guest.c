/* SPDX-License-Identifier: Apache-2.0
 *
 * One conversation that is served from a root. */
#include <stdlib.h>

#include "files.h"

static int on_job(sessile_sftp_job *job, void *app)
{
    sessile_files_guest *guest = app;

    files_job(guest->files, job);
    return 0;
}

static void on_release(sessile_sftp *sftp, uint64_t file, void *app)
{
    (void)sftp, (void)app;
    files_opened_free((struct opened *)(uintptr_t)file);
}

static void on_closed(sessile_sftp *sftp, int error, void *app)
{
    sessile_files_guest *guest = app;

    (void)sftp;
    if (guest->closed)
        guest->closed(guest, error, guest->app);
}

sessile_files_guest *sessile_files_guest_new(sessile_files *files, sessile_files_closed closed, void *app)
{
    sessile_files_guest *guest = calloc(1, sizeof *guest);

    if (!guest || !(guest->sftp = sessile_sftp_new(SESSILE_SERVER, guest))) {
        free(guest);
        return NULL;
    }
    guest->files = files;
    guest->closed = closed;
    guest->app = app;
    sessile_sftp_set_job(guest->sftp, on_job);
    sessile_sftp_set_release(guest->sftp, on_release);
    sessile_sftp_set_closed(guest->sftp, on_closed);
    sessile_sftp_set_read_only(guest->sftp, files->read_only);
    for (int i = SESSILE_SFTP_POSIX_RENAME; i <= SESSILE_SFTP_USERS_GROUPS; i++)
        sessile_sftp_serve(guest->sftp, i);
    return guest;
}

sessile_sftp *sessile_files_sftp(sessile_files_guest *guest)
{
    return guest->sftp;
}

void *sessile_files_app(sessile_files_guest *guest)
{
    return guest->app;
}

void sessile_files_guest_free(sessile_files_guest *guest)
{
    if (!guest)
        return;
    sessile_sftp_free(guest->sftp);
    free(guest);
}
