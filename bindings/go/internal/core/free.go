// SPDX-License-Identifier: Apache-2.0

package core

/*
#include <sessile/sessile.h>
*/
import "C"

// What gives a reference back, by the kind of object. The interface leaves these to the languages.

func Session_free(h uintptr)     { C.sessile_session_free((*C.sessile_session)(handle(h))) }
func Stream_free(h uintptr)      { C.sessile_stream_free((*C.sessile_stream)(handle(h))) }
func Question_free(h uintptr)    { C.sessile_question_free((*C.sessile_question)(handle(h))) }
func Callbacks_free(h uintptr)   { C.sessile_callbacks_free((*C.sessile_callbacks)(handle(h))) }
func Key_free(h uintptr)         { C.sessile_key_free((*C.sessile_key)(handle(h))) }
func Known_hosts_free(h uintptr) { C.sessile_known_hosts_free((*C.sessile_known_hosts)(handle(h))) }
func Authorized_keys_free(h uintptr) {
	C.sessile_authorized_keys_free((*C.sessile_authorized_keys)(handle(h)))
}
func Principals_free(h uintptr)  { C.sessile_principals_free((*C.sessile_principals)(handle(h))) }
func Grant_free(h uintptr)       { C.sessile_grant_free((*C.sessile_grant)(handle(h))) }
func Krl_free(h uintptr)         { C.sessile_krl_free((*C.sessile_krl)(handle(h))) }
func Tls_config_free(h uintptr)  { C.sessile_tls_config_free((*C.sessile_tls_config)(handle(h))) }
func Tls_tickets_free(h uintptr) { C.sessile_tls_tickets_free((*C.sessile_tls_tickets)(handle(h))) }
func Ssh_config_free(h uintptr)  { C.sessile_ssh_config_free((*C.sessile_ssh_config)(handle(h))) }

// Stream_keep takes one more reference.
func Stream_keep(h uintptr) { C.sessile_stream_keep((*C.sessile_stream)(handle(h))) }

// Question_keep has a question outlive its callback; false where it cannot.
func Question_keep(h uintptr) bool {
	return C.sessile_question_keep((*C.sessile_question)(handle(h))) != nil
}
