/* SPDX-License-Identifier: Apache-2.0
 *
 * What every public header needs: visibility, and the opaque handles.
 */
#ifndef SESSILE_EXPORT_H
#define SESSILE_EXPORT_H

#if defined(SWIG) || !defined(__GNUC__)
#define SESSILE_API
#else
#define SESSILE_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* One conversation over one wire. */
typedef struct sessile_session sessile_session;
/* An ordered flow of bytes inside a session. */
typedef struct sessile_stream sessile_stream;
/* A decision that the application has to make. */
typedef struct sessile_question sessile_question;
/* The application's functions, shared by any number of sessions. */
typedef struct sessile_callbacks sessile_callbacks;
/* An SSH key, public or private, with or without a certificate (key.h). */
typedef struct sessile_key sessile_key;

#ifdef __cplusplus
}
#endif

#endif
