/* SPDX-License-Identifier: Apache-2.0
 *
 * pair: two sessions back to back in memory. What one sends, the other receives before send returns.
 */
#ifndef SESSILE_PAIR_H
#define SESSILE_PAIR_H

#include "export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Make two sessions whose wires are each other. The caller frees each, in any order; freeing one closes the other's
 * wire. Returns 0, ERR_ARGUMENT or ERR_MEMORY (both are NULL then). */
SESSILE_API int sessile_pair(sessile_session **first, sessile_session **second);

#ifdef __cplusplus
}
#endif

#endif
