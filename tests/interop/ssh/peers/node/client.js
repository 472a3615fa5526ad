// SPDX-License-Identifier: Apache-2.0

'use strict';

const net = require('node:net');
const { Client } = require('ssh2');
const { FAILURE, algorithms, fail, lines, place, read } = require('./options.js');

/** A host's keys in the file, as base64. */
function knownKeys(path, name, port) {
  return lines(path).map((line) => line.split(' ')).filter(([where]) => where === `[${name}]:${port}`)
    .map(([, , key]) => key);
}

function settings(given) {
  const [host] = given.rest;
  const port = Number(given['-p']);
  const chosen = { host, port, username: given['-l'], algorithms: algorithms(given) };
  if (given['-i']) {
    chosen.privateKey = read(given['-i']);
  }
  if (given['--password-file']) {
    chosen.password = lines(given['--password-file'])[0];
  }
  if (given['--host-key-check'] !== 'no') {
    const known = knownKeys(given['--known-hosts'], host, port);
    chosen.hostVerifier = (key) => known.includes(key.toString('base64'));
  }
  return chosen;
}

function explain(error) {
  if (/Host denied/.test(error.message)) {
    fail('host key', error);
  }
  fail(error.level === 'client-authentication' ? 'denied' : 'connection', error);
}

/** The process ends when all that was given to its outputs is out. */
function end(status) {
  process.stdout.write('', () => process.stderr.write('', () => process.exit(status)));
}

function run(client, given) {
  const options = given['-t'] ? { pty: { term: 'vt100', rows: 24, cols: 80, modes: { ECHO: 0 } } } : {};
  client.exec(given.rest.slice(1).join(' '), options, (error, channel) => {
    if (error) {
      fail('session', error);
    }
    let status = FAILURE;
    channel.on('exit', (code) => {
      status = code ?? FAILURE;
    });
    channel.on('close', () => end(status));
    channel.on('error', () => {});
    channel.pipe(process.stdout);
    channel.stderr.pipe(process.stderr);
    process.stdin.pipe(channel);
  });
}

function relay(client, target) {
  client.forwardOut('127.0.0.1', 0, ...place(target), (error, channel) => {
    if (error) {
      fail('forward', error);
    }
    channel.on('close', () => end(0));
    channel.on('error', () => {});
    channel.pipe(process.stdout);
    process.stdin.pipe(channel);
  });
}

/** PORT:HOST:PORT */
function listen(client, spec) {
  const [port, ...target] = spec.split(':');
  client.on('tcp connection', (_about, accept, reject) => {
    const wire = net.connect({ host: target[0], port: Number(target[1]), allowHalfOpen: true });
    wire.once('error', () => reject());
    wire.once('connect', () => {
      const channel = accept();
      channel.on('error', () => {});
      wire.on('error', () => {});
      channel.pipe(wire).pipe(channel);
    });
  });
  client.forwardIn('127.0.0.1', Number(port), (error) => {
    if (error) {
      fail('forward', error);
    }
  });
}

function connect(given) {
  const client = new Client();
  client.on('error', explain);
  client.on('close', () => process.exit(FAILURE));
  client.on('ready', () => {
    if (given['-W']) {
      relay(client, given['-W']);
    } else if (given['-R']) {
      listen(client, given['-R']);
    } else {
      run(client, given);
    }
  });
  try {
    client.connect(settings(given));
  } catch (error) {
    fail('settings', error);
  }
}

module.exports = { connect };
