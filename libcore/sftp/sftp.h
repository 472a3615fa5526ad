/* SPDX-License-Identifier: Apache-2.0
 *
 * One end: what both roles have. Every public call is between sftp_enter() and sftp_leave(); when the outermost leaves,
 * the end settles: it sends what was produced, takes what was kept, feeds its transfers, and finishes if it is over. So
 * nothing is sent or answered twice over on one stack, and memory goes when the last frame has left.
 *
 * Bytes in: whole messages are read where they arrived; what is not whole is kept. A get's data is handed on as it
 * comes. Bytes out: two buffers, one being sent while the other is added to.
 */
#ifndef SFTP_SFTP_H
#define SFTP_SFTP_H

#include <stddef.h>
#include <stdint.h>

#include <sessile/error.h>
#include <sessile/session.h>
#include <sessile/sftp.h>
#include <sessile/sftp_server.h>
#include <sessile/sftp_transfer.h>
#include <sessile/stream.h>

#include "codec/reader.h"
#include "codec/writer.h"
#include "sftp/ops.h"

/* Message numbers beside the operations'. */
#define MSG_INIT 1
#define MSG_VERSION 2
#define MSG_STATUS 101
#define MSG_HANDLE 102
#define MSG_DATA 103
#define MSG_NAME 104
#define MSG_ATTRS 105
#define MSG_EXTENDED_REPLY 201

#define SFTP_VERSION 3
/* Of a message, behind its length. */
#define MESSAGE_LIMIT 262144
/* What the rest of a message with data may take. */
#define MESSAGE_SLACK 1024
#define DATA_LIMIT (MESSAGE_LIMIT - MESSAGE_SLACK)
/* What every server takes and gives (section 3). */
#define DATA_SAFE 32768
/* How much may wait to be sent: by what fills the pipe, and by what is asked. */
#define OUT_MARK ((size_t)1 << 20)
#define OUT_LIMIT ((size_t)4 << 20)
/* How much is kept for a server that is full, over bytes. */
#define IN_LIMIT ((size_t)1 << 20)
#define EXTENSIONS_LIMIT 64
#define TEXT_SIZE 256
#define VFS_NUMBERS 11

struct queue {
    uint8_t *data;
    size_t start;
    size_t size;
    size_t capacity;
};

struct extension {
    uint8_t *name;
    size_t name_size;
    uint8_t *value;
    size_t value_size;
    int operation; /* SESSILE_SFTP_*, 0 where it is not known here */
};

struct piece;

/* A status of the server's, its words escaped. */
struct status {
    int status;
    char text[TEXT_SIZE];
};

/* What is under way. Its place and its serial number are its id. */
struct slot {
    const struct op *op; /* NULL: nothing is */
    sessile_sftp_request *request;
    struct piece *piece;
    uint32_t asked; /* READ: bytes; USERS_GROUPS: users */
    uint32_t more;  /* USERS_GROUPS: groups */
    uint32_t next;  /* a free one's */
    uint16_t serial;
};

struct client {
    struct slot *slots;
    uint32_t capacity;
    uint32_t free; /* the first; NO_SLOT: none */
    size_t busy;
    sessile_sftp_transfer *transfers; /* under way */
    struct piece *incoming;           /* whose data is arriving; NULL: it was forgotten meanwhile */
    uint32_t incoming_slot;
    size_t incoming_left;
};

/* An open file: its handle on the wire is its place and its serial number. */
struct file {
    uint64_t number;
    uint64_t serial; /* 0: not in use */
    sessile_sftp_job *closing;
    unsigned busy; /* jobs on it */
    unsigned directory : 1;
    unsigned closed : 1; /* by the client: no more jobs */
};

struct server {
    struct file *files;
    size_t capacity;
    size_t open;
    uint64_t serials;
    size_t file_limit;
    size_t job_limit;
    sessile_sftp_job *jobs; /* not answered */
    size_t job_count;
    unsigned read_only : 1;
};

struct sessile_sftp {
    unsigned refs;
    unsigned depth;
    int role;
    void *app;
    sessile_on_sftp ready;
    sessile_on_sftp_closed closed;
    sessile_on_sftp resume;
    sessile_on_sftp_job job;
    sessile_on_sftp_job withdrawn;
    sessile_on_sftp_release release;

    sessile_on_sftp_send send;
    sessile_stream *stream;
    size_t unread; /* delivered by the stream, and not given back to it as credit */

    struct queue in;
    struct queue later; /* what arrived while the rest was being taken */
    size_t need;        /* how much of in makes progress possible */
    struct queue out;
    struct queue going; /* before out */

    unsigned started : 1;
    unsigned hello : 1; /* both versions are known */
    unsigned taking : 1;
    unsigned writing : 1;
    unsigned writable : 1;
    unsigned blocked : 1; /* the last write was short */
    unsigned wants_room : 1;
    unsigned in_ended : 1; /* the peer sends no more */
    unsigned ending : 1;   /* over as soon as everything is out */
    unsigned gone : 1;     /* the stream is closed */
    unsigned over : 1;
    unsigned told : 1;  /* closed has been called, or is not to be */
    unsigned freed : 1; /* by the application */

    int error;
    char text[TEXT_SIZE];
    struct extension *extensions; /* what the peer offered; a server's own */
    size_t extension_count;
    uint64_t limits[4];
    struct client client;
    struct server server;
};

/* ---- end.c ---- */

void sftp_enter(sessile_sftp *sftp);
/* Returns result. */
int sftp_leave(sessile_sftp *sftp, int result);
void sftp_ref(sessile_sftp *sftp);
void sftp_unref(sessile_sftp *sftp);
/* The first fatal error. Returns code. */
int sftp_fail(sessile_sftp *sftp, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* What a callback returned: a negative number fails the end. */
int sftp_result(sessile_sftp *sftp, int result, const char *callback);
/* 0 where it runs and takes calls; ERR_GONE, ERR_CLOSED, ERR_FAILED, ERR_MISUSE. */
int sftp_live(const sessile_sftp *sftp);
/* No more is produced or taken. */
int sftp_over(const sessile_sftp *sftp);
/* It begins: a client says its version. */
int sftp_begin(sessile_sftp *sftp);
/* The peer sends no more. */
void sftp_in_ended(sessile_sftp *sftp);
/* The stream is gone. */
void sftp_wire_gone(sessile_sftp *sftp, int error);

/* ---- bytes.c ---- */

/* Room at the end, or NULL. */
uint8_t *queue_room(struct queue *queue, size_t size);
int queue_append(struct queue *queue, const void *data, size_t size);
void queue_drop(struct queue *queue, size_t size);
void queue_free(struct queue *queue);

/* What waits to be sent. */
size_t out_size(const sessile_sftp *sftp);
/* Append a message: what w has, with a length in front that counts data_size bytes more, which are appended too where
 * data is not NULL. Frees w. 0 or ERR_MEMORY. */
int out_message(sessile_sftp *sftp, struct writer *w, const void *data, size_t data_size);
/* Whether anything was sent. */
int out_flush(sessile_sftp *sftp);

/* Take what has arrived. Keeps what is not whole, or cannot be handled now. */
int in_receive(sessile_sftp *sftp, const uint8_t *data, size_t size);
/* Take what was kept. Whether any was taken. */
int in_go_on(sessile_sftp *sftp);

/* ---- over.c ---- */

void over_credit(sessile_sftp *sftp);
void over_finish(sessile_sftp *sftp, int error);
void over_free(sessile_sftp *sftp);

/* ---- hello.c ---- */

int hello_init(sessile_sftp *sftp);
int hello_receive(sessile_sftp *sftp, int type, struct reader *r);
void hello_free(sessile_sftp *sftp);

/* ---- client.c ---- */

#define NO_SLOT UINT32_MAX
#define SLOTS_LIMIT 4096

/* Submit for a request, a piece or, both NULL, nobody. *slot: where it is, may be NULL. 0 or an error. */
int client_submit(sessile_sftp *sftp, const struct op *op, const struct fields *f, sessile_sftp_request *request,
                  struct piece *piece, uint32_t *slot);
int client_message(sessile_sftp *sftp, int type, struct reader *r);
/* A message begins. Where it is data that a transfer waits for, how much of it is its head; 0 where it is another, or
 * more of it is needed (*need); negative: failed. */
int client_stream_head(sessile_sftp *sftp, const uint8_t *data, size_t size, size_t *need);
/* The next bytes of that data. */
int client_stream(sessile_sftp *sftp, const uint8_t *data, size_t size);
/* Ask for the limits. */
int client_ask_limits(sessile_sftp *sftp);
/* Nobody wants the answer any more. slot: NO_SLOT is ignored. */
void client_forget(sessile_sftp *sftp, uint32_t slot);
/* A place for something that is under way: 0, ERR_LIMIT or ERR_MEMORY. */
int client_take_slot(sessile_sftp *sftp, uint32_t *slot);
void client_drop_slot(sessile_sftp *sftp, uint32_t slot);
uint32_t client_id(const sessile_sftp *sftp, uint32_t slot);
/* Everything under way ends so. */
void requests_end(sessile_sftp *sftp, int error);
void client_free(sessile_sftp *sftp);
/* ---- request.c ---- */

struct request_answer {
    struct reader bytes; /* a handle, data, or what is behind the count of names */
    struct reader more;  /* the groups, behind the users */
    size_t count;        /* of names */
    uint64_t vfs[VFS_NUMBERS];
    struct attrs attrs;
};

struct sessile_sftp_request {
    sessile_sftp *sftp;
    sessile_on_sftp_reply reply;
    void *app;
    const struct op *op; /* of the last one */
    int result;
    struct status status;
    const struct request_answer *answer; /* while the reply runs */
    uint32_t slot;                       /* NO_SLOT: not under way */
    /* The name that was looked at last: the next look begins there. */
    struct reader cursor;
    size_t cursor_index;
    unsigned refs;
    unsigned freed : 1;
};

void request_tell(sessile_sftp_request *request, const struct request_answer *answer, int result,
                  const struct status *status);

/* ---- transfer.c, get.c ---- */

/* The answer to a piece, whose data came before. */
void piece_answered(struct piece *piece, const struct status *status, int result);
/* Bytes of a piece, in its order. */
int piece_data(struct piece *piece, const uint8_t *data, size_t size);
/* Whether anything was asked for. */
int transfers_pump(sessile_sftp *sftp);
void transfers_end(sessile_sftp *sftp, int error);

/* ---- server.c ---- */

struct sessile_sftp_job {
    sessile_sftp *sftp;
    sessile_sftp_job *prev; /* among those that are not answered */
    sessile_sftp_job *next;
    unsigned refs;
    const struct op *op;
    uint32_t id;
    struct reader message; /* behind the id, and the name of an extension */
    struct fields fields;
    struct reader name;  /* of an extension that is not known here */
    uint8_t *copy;       /* of name and message, once the job is kept */
    uint32_t files[2];   /* NO_FILE: none */
    uint64_t numbers[2]; /* of the files */
    struct writer names; /* added so far */
    size_t name_count;
    size_t users_size; /* of names, those of users */
    uint64_t vfs[VFS_NUMBERS];
    struct queue lent; /* out, while its end is being filled */
    size_t lent_size;
    unsigned is_lent : 1;
    unsigned open : 1;
    unsigned told : 1;
};

#define NO_FILE UINT32_MAX
#define FILE_HANDLE_SIZE 12

int server_message(sessile_sftp *sftp, int type, struct reader *r);
int server_full(const sessile_sftp *sftp);
/* Whether all is answered. */
int server_idle(const sessile_sftp *sftp);
void jobs_end(sessile_sftp *sftp);
/* A job, to whoever does it. */
void server_deliver(sessile_sftp_job *job);

/* ---- files.c ---- */

/* A file's place by its handle, or NO_FILE. */
uint32_t file_of(const sessile_sftp *sftp, struct reader handle);
/* A new open file: its place, or NO_FILE where too many are open or there is no memory. */
uint32_t file_open(sessile_sftp *sftp, uint64_t number, int directory);
void file_put_handle(const sessile_sftp *sftp, uint32_t file, struct writer *w);
/* A job begins and ends to use it. */
void file_use(sessile_sftp *sftp, uint32_t file);
void file_unuse(sessile_sftp *sftp, uint32_t file);
/* Forget it; its number is given back. */
void file_release(sessile_sftp *sftp, uint32_t file);
void files_end(sessile_sftp *sftp);
void server_free(sessile_sftp *sftp);

/* ---- answer.c ---- */

/* It is answered, or of no interest any more. */
void job_done(sessile_sftp_job *job);
void job_unref(sessile_sftp_job *job);
/* What was lent to be filled goes back unfilled. */
void job_take_room_back(sessile_sftp_job *job);
/* A status for an id that is no job. */
int server_status(sessile_sftp *sftp, uint32_t id, int status, const char *text);

#endif
