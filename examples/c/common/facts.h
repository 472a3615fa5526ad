/* SPDX-License-Identifier: Apache-2.0
 *
 * What is worth telling about a session: what was negotiated, how it ended, what went through it.
 */
#ifndef COMMON_FACTS_H
#define COMMON_FACTS_H

#include <stdio.h>

#include <sessile/session.h>

/* One line of name=value, for logs. */
void facts_line(FILE *file, sessile_session *session, int error);
/* The same in several lines, for a person. */
void facts_list(FILE *file, sessile_session *session, int error);
/* One line of JSON. bytes, seconds: what the application received, and how long it took; status: the exit status. */
void facts_json(FILE *file, sessile_session *session, int error, int status, unsigned long long bytes, double seconds);

#endif
