/* SPDX-License-Identifier: Apache-2.0
 *
 * The one interface file of all languages: the public headers, as they are. A folder of bindings/ holds a language's
 * lang.i, which says by parameter names and types how buffers, handles, callbacks and errors travel there: a function
 * that is new in a header appears in each language by itself.
 *
 * What is left out here is what no language needs, since its handles do it: keeping, freeing, and going from a stream
 * or a question back to its session, which is an object of the language's own. */
%module sessile

%{
#include <sessile/sessile.h>
%}

%include <stdint.i>

/* Names lose their prefix: the module is it. */
%rename("%(strip:[sessile_])s", %$isfunction) "";
%rename("%(strip:[SESSILE_])s", %$isconstant) "";

/* A handle of the language's own holds one reference, and gives it back when it is collected or freed by hand. */
%rename("$ignore", regextarget=1, %$isfunction) "^sessile_[a-z_]+_(keep|free)$";
%ignore sessile_session_free;
%ignore sessile_stream_session;
%ignore sessile_question_session;

/* Owners are found by number (the handle and app parameters), so nothing needs to be told when they are done with. */
%ignore sessile_session_set_release;
%ignore sessile_stream_set_release;

/* Before anything else and for the whole process: a program in C can, a module that is imported late cannot. */
%ignore sessile_set_allocator;

/* What was not taken is kept by the language's own buffers. */
%ignore sessile_inbox_create;
%ignore sessile_inbox_set_room;
%ignore sessile_inbox_set_release;
%ignore sessile_inbox_set_limit;
%ignore sessile_inbox_receive;
%ignore sessile_inbox_room;
%ignore sessile_inbox_kept;
%ignore sessile_inbox_receive_end;
%ignore sessile_inbox_close;

/* Room lent for an answer is for C; a job's end is its owner. */
%ignore sessile_sftp_answer_room;
%ignore sessile_sftp_answer_filled;
%ignore sessile_sftp_job_sftp;

%include "lang.i"

%include "sessile/export.h"
%include "sessile/error.h"
%include "sessile/comm.h"
%include "sessile/session.h"
%include "sessile/stream.h"
%include "sessile/question.h"
%include "sessile/key.h"
%include "sessile/trust.h"
%include "sessile/tls.h"
%include "sessile/ssh.h"
%include "sessile/agent.h"
%include "sessile/over_stream.h"
%include "sessile/pair.h"
#ifdef SESSILE_SFTP_FACE
%include "sessile/sftp.h"
%include "sessile/sftp_transfer.h"
%include "sessile/sftp_server.h"
#endif
