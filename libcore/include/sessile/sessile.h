/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything but proposal.h, whose names have no prefix.
 */
#ifndef SESSILE_SESSILE_H
#define SESSILE_SESSILE_H

#include "agent.h"
#include "comm.h"
#include "error.h"
#include "export.h"
#include "inbox.h"
#include "key.h"
#include "over_stream.h"
#include "pair.h"
#include "question.h"
#include "session.h"
#include "sftp.h"
#include "sftp_server.h"
#include "sftp_transfer.h"
#include "ssh.h"
#include "stream.h"
#include "tls.h"
#include "trust.h"

#endif
