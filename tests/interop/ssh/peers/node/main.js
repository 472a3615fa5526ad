// SPDX-License-Identifier: Apache-2.0
//
// An SSH peer on Node's ssh2, with the command line of examples/c/ssh_client and ssh_server.

'use strict';

const { fail, parse } = require('./options.js');

const [role, ...words] = process.argv.slice(2);
if (role === 'client') {
  require('./client.js').connect(parse(words));
} else if (role === 'server') {
  require('./server.js').serve(parse(words));
} else {
  fail('usage', 'client or server?');
}
