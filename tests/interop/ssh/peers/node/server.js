// SPDX-License-Identifier: Apache-2.0

'use strict';

const { spawn } = require('node:child_process');
const net = require('node:net');
const { Server, utils } = require('ssh2');
const { algorithms, lines, read } = require('./options.js');

/** Says whether an authentication is good. */
function judge(given) {
  const passwords = given['--password-file'] ? lines(given['--password-file']) : [];
  const keys = given['--authorized-keys'] ? lines(given['--authorized-keys']).map((line) => utils.parseKey(line)) : [];
  const wanted = given['--user-key-algorithms']?.split(',');
  return {
    methods: [...(keys.length ? ['publickey'] : []), ...(passwords.length ? ['password'] : [])],
    password: (context) => passwords.includes(`${context.username}:${context.password}`),
    // No algorithm is in the context but the key's type; the hash is in what is to be signed.
    publickey: (context) => keys.some((key) => key.getPublicSSH().equals(context.key.data) &&
      (!wanted || wanted.includes(algorithmOf(context))) &&
      (!context.signature || key.verify(context.blob, context.signature, context.hashAlgo) === true)),
  };
}

function algorithmOf(context) {
  const { algo } = context.key;
  return algo === 'ssh-rsa' && context.hashAlgo ? `rsa-sha2-${context.hashAlgo.slice('sha'.length)}` : algo;
}

function shell(command, terminal) {
  if (!terminal) {
    return ['sh', ['-c', command]];
  }
  return ['script', ['-qec', `stty rows ${terminal.rows} cols ${terminal.cols}; ${command}`, '/dev/null']];
}

function execute(channel, command, terminal) {
  const child = spawn(...shell(command, terminal));
  channel.on('error', () => {});
  child.stdin.on('error', () => channel.resume());
  channel.pipe(child.stdin);
  child.stdout.pipe(channel, { end: false });
  child.stderr.pipe(channel.stderr, { end: false });
  child.on('close', (code) => {
    channel.exit(code ?? 255);
    channel.end();
  });
}

function session(accept) {
  const asked = accept();
  let terminal;
  asked.on('pty', (ok, _refuse, about) => {
    terminal = about;
    ok?.();
  });
  asked.on('exec', (ok, _refuse, about) => execute(ok(), about.command, terminal));
}

/** A server's channel would close with its own end: it is left open until the other side has ended as well. */
function join(wire, channel) {
  wire.on('error', () => channel.close());
  channel.on('error', () => wire.destroy());
  channel.pipe(wire).pipe(channel, { end: false });
  wire.on('end', () => {
    channel.eof();
    if (channel.readableEnded) {
      channel.end();
    }
  });
  channel.on('end', () => {
    if (wire.readableEnded) {
      channel.end();
    }
  });
}

function direct(accept, reject, about) {
  const wire = net.connect({ host: about.destIP, port: about.destPort, allowHalfOpen: true });
  wire.once('error', () => reject());
  wire.once('connect', () => {
    wire.removeAllListeners('error');
    join(wire, accept());
  });
}

function forward(client, accept, reject, about) {
  const service = net.createServer({ allowHalfOpen: true }, (wire) => {
    client.forwardOut(about.bindAddr, service.address().port, wire.remoteAddress, wire.remotePort, (error, channel) => {
      if (error) {
        wire.destroy();
      } else {
        join(wire, channel);
      }
    });
  });
  service.on('error', () => reject());
  service.listen(about.bindPort, '127.0.0.1', () => accept(service.address().port));
  client.on('close', () => service.close());
}

function serve(given) {
  const rules = judge(given);
  const allowed = Boolean(given['--allow-forward']);
  const hostKeys = given['--host-key'].map(read);
  const offered = algorithms(given);
  // It offers this of itself, and then has no group to give.
  offered.kex ??= { remove: ['diffie-hellman-group-exchange-sha256'] };
  const server = new Server({ hostKeys, algorithms: offered }, (client) => {
    client.on('error', (error) => process.stderr.write(`connection: ${error.message}\n`));
    client.on('authentication', (context) => {
      if (rules[context.method]?.(context)) {
        context.accept();
      } else {
        context.reject(rules.methods);
      }
    });
    client.on('session', session);
    client.on('tcpip', (accept, reject, about) => (allowed ? direct(accept, reject, about) : reject()));
    client.on('request', (accept, reject, name, about) => {
      if (allowed && name === 'tcpip-forward') {
        forward(client, accept, reject, about);
      } else {
        reject?.();
      }
    });
  });
  server.listen(Number(given['--port'] ?? 0), '127.0.0.1', () => {
    process.stdout.write(`listening on 127.0.0.1:${server.address().port}\n`);
  });
}

module.exports = { serve };
