/* SPDX-License-Identifier: Apache-2.0
 *
 * Files for a client, from a directory and no further: the subsystem sftp, served here and not by another program.
 */
#include <stdlib.h>
#include <string.h>

#include <sessile_files.h>

#include "common/ssh_guest.h"
#include "common/util.h"

struct service {
    sessile_files_guest *files;
    sessile_stream *stream;
};

int files_wanted(const struct shell *shell, sessile_question *question)
{
    return shell->server->files != NULL && shell->pid == 0 &&
           (shell->guest->grant == NULL || sessile_grant_command(shell->guest->grant) == NULL) &&
           strcmp(item_text(question, SESSILE_ITEM_TYPE), "subsystem") == 0 &&
           strcmp(item_text(question, SESSILE_ITEM_NAME), "sftp") == 0;
}

static void on_over(sessile_files_guest *files, int error, void *app)
{
    struct service *service = app;
    if (error != 0) {
        warn("sftp: %s: %s", sessile_error_name(error), sessile_sftp_error_text(sessile_files_sftp(files)));
    }
    sessile_ssh_send_exit_status(service->stream, error == 0 ? 0 : 1);
    sessile_stream_free(service->stream);
    sessile_files_guest_free(files);
    free(service);
}

void files_start(const struct shell *shell, sessile_stream *stream)
{
    struct service *service = need_alloc(sizeof *service);
    service->stream = sessile_stream_keep(stream);
    service->files = sessile_files_guest_new(shell->server->files, on_over, service);
    if (service->files == NULL) {
        die("no memory for a client");
    }
    int r = sessile_sftp_attach(sessile_files_sftp(service->files), stream);
    if (r < 0) {
        warn("sftp: %s", sessile_error_describe(r));
        sessile_stream_abort(stream);
        sessile_files_guest_free(service->files);
        sessile_stream_free(service->stream);
        free(service);
    }
}
