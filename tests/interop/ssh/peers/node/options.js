// SPDX-License-Identifier: Apache-2.0
//
// The command line: that of examples/c/ssh_client and ssh_server.

'use strict';

const fs = require('node:fs');

const FAILURE = 255;

const FLAGS = new Set(['-t', '-N', '--allow-forward']);

function fail(what, error) {
  fs.writeSync(2, `${what}: ${error.message ?? error}\n`);
  process.exit(FAILURE);
}

/** Option to value; host keys are many. The rest is the host and the command. */
function parse(words) {
  const given = { '--host-key': [], rest: [] };
  for (let at = 0; at < words.length; at++) {
    const word = words[at];
    if (!word.startsWith('-')) {
      given.rest = words.slice(at);
      break;
    }
    if (FLAGS.has(word)) {
      given[word] = true;
    } else if (word === '--host-key') {
      given[word].push(words[++at]);
    } else {
      given[word] = words[++at];
    }
  }
  return given;
}

function read(path) {
  try {
    return fs.readFileSync(path, 'utf8');
  } catch (error) {
    return fail('file', error);
  }
}

function lines(path) {
  return read(path).split('\n').filter((line) => line !== '');
}

/** What is offered: a list is the library's own where none is given. */
function algorithms(given) {
  const list = (name) => given[name]?.split(',');
  return {
    kex: list('--kex'),
    cipher: list('--ciphers'),
    hmac: list('--macs'),
    serverHostKey: list('--host-key-algorithms'),
    compress: list('--compression'),
  };
}

/** HOST:PORT */
function place(text) {
  const at = text.lastIndexOf(':');
  return [text.slice(0, at), Number(text.slice(at + 1))];
}

module.exports = { FAILURE, algorithms, fail, lines, parse, place, read };
