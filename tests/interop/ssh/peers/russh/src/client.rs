// SPDX-License-Identifier: Apache-2.0

//! The client.

use std::path::Path;
use std::sync::Arc;

use russh::client::{self, AuthResult, ChannelOpenHandle, Handle, Msg, Session};
use russh::keys::agent::AgentIdentity;
use russh::keys::ssh_key::known_hosts::{Entry, HostPatterns, KnownHosts, Marker};
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::ssh_key::{Certificate, PublicKey};
use russh::keys::ssh_encoding::Encode;
use russh::keys::{signature, Algorithm, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{Channel, ChannelOpenFailure, Error, Pty};
use tokio::net::TcpStream;

use crate::options::{fail, key_algorithms, load, number, place, read, Options, FAILURE};
use crate::relay::{from_channel, join, to_channel};
use crate::trust::good_certificate;

struct Host {
    place: String,
    name: String,
    known: Option<Vec<Entry>>,
    target: Option<String>,
}

impl Host {
    fn knows(&self, key: &PublicKey, marker: Option<Marker>) -> bool {
        self.known.iter().flatten().any(|entry| {
            let HostPatterns::Patterns(patterns) = entry.host_patterns() else { return false };
            patterns.contains(&self.place)
                && entry.marker() == marker.as_ref()
                && entry.public_key().key_data() == key.key_data()
        })
    }

    fn trusts(&self, certificate: &Certificate) -> bool {
        let authority = PublicKey::from(certificate.signature_key().clone());
        self.knows(&authority, Some(Marker::CertAuthority)) && good_certificate(certificate, true, &self.name)
    }
}

impl client::Handler for Host {
    type Error = Error;

    async fn check_server_key(&mut self, given: &PublicKeyOrCertificate) -> Result<bool, Error> {
        Ok(self.known.is_none()
            || match given {
                PublicKeyOrCertificate::PublicKey { key, .. } => self.knows(key, None),
                PublicKeyOrCertificate::Certificate(certificate) => self.trusts(certificate),
            })
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        channel: Channel<Msg>,
        _address: &str,
        _port: u32,
        _origin: &str,
        _origin_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Error> {
        let target = self.target.clone();
        tokio::spawn(async move {
            let Some(target) = target else { return };
            let Ok(wire) = TcpStream::connect(target).await else {
                return reply.reject(ChannelOpenFailure::ConnectFailed).await;
            };
            reply.accept().await;
            let (read, write) = channel.split();
            join(read, write, wire).await;
        });
        Ok(())
    }
}

fn known_hosts(path: &Path) -> Vec<Entry> {
    KnownHosts::read_file(path).unwrap_or_else(|error| fail("known hosts", error))
}

/// A certificate's signature, with the hash that was chosen: the library itself takes its own choice.
struct Holder(PrivateKey);

/// Why it came to no answer.
struct NotSigned(String);

impl<E: std::error::Error> From<E> for NotSigned {
    fn from(error: E) -> Self {
        NotSigned(error.to_string())
    }
}

impl russh::Signer for Holder {
    type Error = NotSigned;

    async fn auth_sign(
        &mut self,
        _key: &AgentIdentity,
        hash: Option<HashAlg>,
        mut data: Vec<u8>,
    ) -> Result<Vec<u8>, NotSigned> {
        let signed: russh::keys::ssh_key::Signature = match self.0.key_data() {
            KeypairData::Rsa(pair) => signature::Signer::try_sign(&(pair, hash), &data)?,
            pair => signature::Signer::try_sign(pair, &data)?,
        };
        signed.encode_prefixed(&mut data)?;
        Ok(data)
    }
}

async fn authenticate(session: &mut Handle<Host>, o: &Options) -> Result<AuthResult, NotSigned> {
    if let Some(path) = &o.passwords {
        return Ok(session.authenticate_password(&o.user, read(path).trim_end_matches('\n')).await?);
    }
    let Some(path) = &o.key else { fail("usage", "neither a key nor a password") };
    let (key, certificate) = load(path);
    let (certified, plain) = key_algorithms(&o.user_algorithms);
    let hash = match certified.iter().chain(&plain).next() {
        Some(Algorithm::Rsa { hash }) => *hash,
        _ => session.best_supported_rsa_hash().await?.flatten(),
    };
    match certificate {
        Some(certificate) => session.authenticate_certificate_with(&o.user, certificate, hash, &mut Holder(key)).await,
        None => {
            let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
            Ok(session.authenticate_publickey(&o.user, key).await?)
        }
    }
}

pub async fn connect(o: Options) -> i32 {
    let Some(name) = o.rest.first().cloned() else { fail("usage", "no host") };
    let config = client::Config { preferred: o.preferred(), limits: o.limits(), nodelay: true, ..Default::default() };
    let (port, target) = match o.remote.as_deref().and_then(|spec| spec.split_once(':')) {
        Some((port, target)) => (Some(number(port)), Some(target.to_string())),
        None => (None, None),
    };
    let host = Host {
        place: format!("[{name}]:{}", o.port),
        name: name.clone(),
        known: o.known_hosts.as_deref().map(known_hosts),
        target,
    };
    let mut session = match client::connect(Arc::new(config), (name, o.port), host).await {
        Ok(session) => session,
        Err(Error::UnknownKey) => fail("host key", "not known"),
        Err(error) => fail("connect", error),
    };
    match authenticate(&mut session, &o).await {
        Ok(AuthResult::Success) => (),
        Ok(_) => fail("denied", "nothing that the server takes"),
        Err(NotSigned(error)) => fail("connect", error),
    }
    let done = match (&o.direct, port) {
        (Some(target), _) => relay(&session, target).await,
        (_, Some(port)) => listen(&mut session, port).await,
        _ => run(&session, &o).await,
    };
    done.unwrap_or_else(|error| fail("session", error))
}

async fn relay(session: &Handle<Host>, target: &str) -> Result<i32, Error> {
    let (host, port) = place(target);
    let (mut read, write) = session.channel_open_direct_tcpip(host, port.into(), "127.0.0.1", 0).await?.split();
    tokio::join!(
        from_channel(&mut read, tokio::io::stdout(), tokio::io::sink(), false),
        to_channel(tokio::io::stdin(), &write),
    );
    Ok(0)
}

/// Forward until the connection ends.
async fn listen(session: &mut Handle<Host>, port: u32) -> Result<i32, Error> {
    session.tcpip_forward("127.0.0.1", port).await?;
    session.await?;
    Ok(0)
}

async fn run(session: &Handle<Host>, o: &Options) -> Result<i32, Error> {
    let channel = session.channel_open_session().await?;
    if o.pty {
        channel.request_pty(true, "vt100", 80, 24, 0, 0, &[(Pty::ECHO, 0)]).await?;
    }
    channel.exec(true, o.rest[1..].join(" ")).await?;
    let (mut read, write) = channel.split();
    let given = tokio::spawn(async move { to_channel(tokio::io::stdin(), &write).await });
    let status = from_channel(&mut read, tokio::io::stdout(), tokio::io::stderr(), true).await;
    given.abort();
    Ok(status.map_or(FAILURE, |status| status as i32))
}
