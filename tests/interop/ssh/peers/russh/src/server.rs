// SPDX-License-Identifier: Apache-2.0

//! The server.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::ssh_key::{Certificate, PublicKey};
use russh::keys::Algorithm;
use russh::server::{self, Auth, ChannelOpenHandle, Handle, Msg, PublicKeyOffer, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelOpenFailure, Error, MethodKind, MethodSet, Pty};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use crate::options::{fail, key_algorithms, load, read, Options};
use crate::relay::{from_channel, join};
use crate::trust::good_certificate;

const AUTHORITY: &str = "cert-authority ";

const MESSAGES: usize = 65536;

/// What all connections share.
struct Rules {
    keys: Vec<PublicKey>,
    authorities: Vec<PublicKey>,
    passwords: Vec<String>,
    algorithms: Vec<Algorithm>,
    forward: bool,
}

/// A connection.
struct Guest {
    rules: Arc<Rules>,
    waiting: HashMap<ChannelId, (Channel<Msg>, Option<(u32, u32)>)>,
}

fn lines(path: &Path) -> Vec<String> {
    read(path).lines().map(str::to_string).collect()
}

fn has(keys: &[PublicKey], key: &PublicKey) -> bool {
    keys.iter().any(|known| known.key_data() == key.key_data())
}

fn answer(good: bool) -> Result<Auth, Error> {
    Ok(if good { Auth::Accept } else { Auth::reject() })
}

impl Rules {
    fn new(o: &Options) -> Rules {
        let (mut keys, mut authorities) = (Vec::new(), Vec::new());
        for line in o.authorized.iter().flat_map(|path| lines(path)) {
            let (list, text) = match line.strip_prefix(AUTHORITY) {
                Some(text) => (&mut authorities, text),
                None => (&mut keys, line.as_str()),
            };
            list.push(PublicKey::from_openssh(text).unwrap_or_else(|error| fail("authorized keys", error)));
        }
        let passwords = o.passwords.iter().flat_map(|path| lines(path));
        let (mut algorithms, plain) = key_algorithms(&o.user_algorithms);
        algorithms.extend(plain);
        Rules { keys, authorities, passwords: passwords.collect(), algorithms, forward: o.forward }
    }

    fn takes(&self, algorithm: &Algorithm) -> bool {
        self.algorithms.is_empty() || self.algorithms.contains(algorithm)
    }

    fn trusts(&self, certificate: &Certificate, user: &str) -> bool {
        let authority = PublicKey::from(certificate.signature_key().clone());
        has(&self.authorities, &authority) && good_certificate(certificate, false, user)
    }
}

impl server::Handler for Guest {
    type Error = Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Error> {
        answer(self.rules.passwords.contains(&format!("{user}:{password}")))
    }

    async fn auth_publickey_offered(&mut self, _user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, Error> {
        answer(self.rules.takes(offer.algorithm))
    }

    async fn auth_publickey(&mut self, _user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Error> {
        answer(self.rules.takes(key.algorithm) && has(&self.rules.keys, key.public_key))
    }

    async fn auth_openssh_certificate(&mut self, user: &str, certificate: &Certificate) -> Result<Auth, Error> {
        answer(self.rules.trusts(certificate, user))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Error> {
        self.waiting.insert(channel.id(), (channel, None));
        reply.accept().await;
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        _origin: &str,
        _origin_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Error> {
        if !self.rules.forward {
            reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
            return Ok(());
        }
        let target = format!("{host}:{port}");
        tokio::spawn(async move {
            let Ok(wire) = TcpStream::connect(target).await else {
                return reply.reject(ChannelOpenFailure::ConnectFailed).await;
            };
            reply.accept().await;
            let (read, write) = channel.split();
            join(read, write, wire).await;
        });
        Ok(())
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        _term: &str,
        columns: u32,
        rows: u32,
        _width: u32,
        _height: u32,
        _modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Error> {
        if let Some((_, terminal)) = self.waiting.get_mut(&id) {
            *terminal = Some((rows, columns));
            return session.channel_success(id);
        }
        session.channel_failure(id)
    }

    async fn exec_request(&mut self, id: ChannelId, command: &[u8], session: &mut Session) -> Result<(), Error> {
        let Some((channel, terminal)) = self.waiting.remove(&id) else { return session.channel_failure(id) };
        session.channel_success(id)?;
        tokio::spawn(execute(channel, String::from_utf8_lossy(command).into_owned(), terminal));
        Ok(())
    }

    // What is not answered here is not answered at all.
    async fn env_request(
        &mut self,
        id: ChannelId,
        _name: &str,
        _value: &str,
        session: &mut Session,
    ) -> Result<(), Error> {
        session.channel_failure(id)
    }

    async fn shell_request(&mut self, id: ChannelId, session: &mut Session) -> Result<(), Error> {
        session.channel_failure(id)
    }

    async fn subsystem_request(&mut self, id: ChannelId, _name: &str, session: &mut Session) -> Result<(), Error> {
        session.channel_failure(id)
    }

    async fn tcpip_forward(&mut self, address: &str, port: &mut u32, session: &mut Session) -> Result<bool, Error> {
        if !self.rules.forward {
            return Ok(false);
        }
        let Ok(listener) = TcpListener::bind(("127.0.0.1", *port as u16)).await else { return Ok(false) };
        *port = listener.local_addr()?.port().into();
        tokio::spawn(forward(session.handle(), listener, address.to_string(), *port));
        Ok(true)
    }
}

async fn forward(session: Handle, listener: TcpListener, address: String, port: u32) {
    while let Ok((wire, from)) = listener.accept().await {
        let (session, address) = (session.clone(), address.clone());
        tokio::spawn(async move {
            let origin = (from.ip().to_string(), from.port().into());
            if let Ok(channel) = session.channel_open_forwarded_tcpip(address, port, origin.0, origin.1).await {
                let (read, write) = channel.split();
                join(read, write, wire).await;
            }
        });
    }
}

fn shell(command: String, terminal: Option<(u32, u32)>) -> Command {
    let (program, words) = match terminal {
        None => ("sh", vec!["-c".to_string(), command]),
        Some((rows, columns)) => {
            let sized = format!("stty rows {rows} cols {columns}; {command}");
            ("script", vec!["-qec".to_string(), sized, "/dev/null".to_string()])
        }
    };
    let mut child = Command::new(program);
    child.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    child
}

async fn execute(channel: Channel<Msg>, command: String, terminal: Option<(u32, u32)>) {
    let (mut read, write) = channel.split();
    let Ok(mut child) = shell(command, terminal).spawn() else {
        let _ = write.close().await;
        return;
    };
    let (Some(input), Some(output), Some(errors)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return;
    };
    let given = tokio::spawn(async move { from_channel(&mut read, input, tokio::io::sink(), false).await });
    let _ = tokio::join!(write.data(output), write.extended_data(1, errors));
    let status = child.wait().await.ok().and_then(|status| status.code()).unwrap_or(255);
    let _ = write.exit_status(status as u32).await;
    let _ = write.eof().await;
    let _ = write.close().await;
    given.abort();
}

fn config(o: &Options, rules: &Rules) -> server::Config {
    let (mut keys, mut certificates) = (Vec::new(), Vec::new());
    for (key, certificate) in o.host_keys.iter().map(|path| load(path)) {
        keys.push(key);
        certificates.extend(certificate);
    }
    let mut preferred = o.preferred();
    // One list is for both here: host keys, and what is said to be taken of users. A certificate goes by what is in it.
    let certified = preferred.host_key_certificates.iter().cloned();
    let mut both: Vec<Algorithm> = preferred.key.iter().cloned().chain(certified).collect();
    both.extend(rules.algorithms.iter().cloned());
    let mut known = Vec::new();
    both.retain(|algorithm| !known.contains(algorithm) && { known.push(algorithm.clone()); true });
    preferred.key = both.into();
    let mut methods = MethodSet::empty();
    if o.authorized.is_some() {
        methods.push(MethodKind::PublicKey);
    }
    if o.passwords.is_some() {
        methods.push(MethodKind::Password);
    }
    server::Config {
        keys,
        certificates,
        methods,
        preferred,
        limits: o.limits(),
        auth_rejection_time: Duration::ZERO,
        nodelay: true,
        // It sends no data during a key exchange: a command that waits for its output to be read, and reads no more
        // itself, must not keep it from reading what ends the key exchange.
        channel_buffer_size: MESSAGES,
        ..Default::default()
    }
}

async fn accept(config: Arc<server::Config>, rules: Arc<Rules>, wire: TcpStream) -> Result<(), Error> {
    let guest = Guest { rules, waiting: HashMap::new() };
    server::run_stream(config, wire, guest).await?.await
}

pub async fn serve(o: Options) {
    let rules = Arc::new(Rules::new(&o));
    let config = Arc::new(config(&o, &rules));
    let place = SocketAddr::from(([127, 0, 0, 1], o.port));
    let listener = TcpListener::bind(place).await.unwrap_or_else(|error| fail("listen", error));
    let place = listener.local_addr().unwrap_or_else(|error| fail("listen", error));
    let mut out = tokio::io::stdout();
    let _ = out.write_all(format!("listening on {place}\n").as_bytes()).await;
    let _ = out.flush().await;
    while let Ok((wire, _)) = listener.accept().await {
        let (config, rules) = (config.clone(), rules.clone());
        tokio::spawn(async move {
            if let Err(error) = accept(config, rules, wire).await {
                eprintln!("connection: {error}");
            }
        });
    }
}
