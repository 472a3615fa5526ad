// SPDX-License-Identifier: Apache-2.0

//! The command line: that of examples/c/ssh_client and ssh_server.

use std::borrow::Cow;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use russh::keys::ssh_key::{Certificate, PrivateKey};
use russh::keys::Algorithm;
use russh::{cipher, compression, kex, mac, Limits, Preferred};

pub const FAILURE: i32 = 255;
const CERTIFIED: &str = "-cert-v01@openssh.com";
const HOUR: std::time::Duration = std::time::Duration::from_secs(3600);

#[derive(Default)]
pub struct Options {
    pub port: u16,
    pub rekey: usize,
    pub user: String,
    pub key: Option<PathBuf>,
    pub known_hosts: Option<PathBuf>,
    pub passwords: Option<PathBuf>,
    pub authorized: Option<PathBuf>,
    pub host_keys: Vec<PathBuf>,
    kex: Vec<String>,
    ciphers: Vec<String>,
    macs: Vec<String>,
    compression: Vec<String>,
    host_algorithms: Vec<String>,
    pub user_algorithms: Vec<String>,
    pub direct: Option<String>,
    pub remote: Option<String>,
    pub forward: bool,
    pub pty: bool,
    pub rest: Vec<String>,
}

pub fn fail(what: &str, error: impl Display) -> ! {
    eprintln!("{what}: {error}");
    std::process::exit(FAILURE)
}

pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| fail("file", error))
}

/// HOST:PORT
pub fn place(text: &str) -> (String, u16) {
    let Some((host, port)) = text.rsplit_once(':') else { fail("usage", text) };
    (host.to_string(), number(port))
}

pub fn number<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| fail("not a number", text))
}

fn list(text: String) -> Vec<String> {
    text.split(',').map(str::to_string).collect()
}

impl Options {
    pub fn parse(mut words: impl Iterator<Item = String>) -> Options {
        let mut o = Options::default();
        let mut check = true;
        while let Some(word) = words.next() {
            if !word.starts_with('-') {
                o.rest = std::iter::once(word).chain(words).collect();
                break;
            }
            match word.as_str() {
                "-t" => o.pty = true,
                "-N" => (),
                "--allow-forward" => o.forward = true,
                _ => {
                    let Some(value) = words.next() else { fail("usage", word) };
                    match word.as_str() {
                        "-p" | "--port" => o.port = number(&value),
                        "-l" => o.user = value,
                        "-i" => o.key = Some(value.into()),
                        "-W" => o.direct = Some(value),
                        "-R" => o.remote = Some(value),
                        "--known-hosts" => o.known_hosts = Some(value.into()),
                        "--host-key-check" => check = value != "no",
                        "--password-file" => o.passwords = Some(value.into()),
                        "--authorized-keys" => o.authorized = Some(value.into()),
                        "--host-key" => o.host_keys.push(value.into()),
                        "--rekey-bytes" => o.rekey = number(&value),
                        "--kex" => o.kex = list(value),
                        "--ciphers" => o.ciphers = list(value),
                        "--macs" => o.macs = list(value),
                        "--compression" => o.compression = list(value),
                        "--host-key-algorithms" => o.host_algorithms = list(value),
                        "--user-key-algorithms" => o.user_algorithms = list(value),
                        _ => fail("usage", word),
                    }
                }
            }
        }
        if !check {
            o.known_hosts = None;
        }
        o
    }

    /// What is offered: a list is the library's own where none is given.
    pub fn preferred(&self) -> Preferred {
        let mut preferred = Preferred::default();
        if !self.kex.is_empty() {
            let extensions = preferred.kex.iter().filter(|name| is_extension(name)).copied();
            preferred.kex = Cow::Owned(names::<kex::Name>(&self.kex).chain(extensions).collect());
        }
        if !self.ciphers.is_empty() {
            preferred.cipher = Cow::Owned(names::<cipher::Name>(&self.ciphers).collect());
        }
        if !self.macs.is_empty() {
            preferred.mac = Cow::Owned(names::<mac::Name>(&self.macs).collect());
        }
        if !self.compression.is_empty() {
            preferred.compression = Cow::Owned(names::<compression::Name>(&self.compression).collect());
        }
        if !self.host_algorithms.is_empty() {
            let (certified, plain) = key_algorithms(&self.host_algorithms);
            preferred.host_key_certificates = Cow::Owned(certified);
            preferred.key = Cow::Owned(plain);
        }
        preferred
    }

    pub fn limits(&self) -> Limits {
        match self.rekey {
            0 => Limits::default(),
            bytes => Limits::new(bytes, bytes, HOUR),
        }
    }
}

fn is_extension(name: &kex::Name) -> bool {
    let name: &str = name.as_ref();
    name.starts_with("ext-info-") || name.starts_with("kex-strict-")
}

fn names<'a, N: TryFrom<&'a str>>(given: &'a [String]) -> impl Iterator<Item = N> + 'a {
    given.iter().map(|name| N::try_from(name).unwrap_or_else(|_| fail("unknown", name)))
}

/// Those of certificates, by what is in them, and the others.
pub fn key_algorithms(given: &[String]) -> (Vec<Algorithm>, Vec<Algorithm>) {
    let (certified, plain): (Vec<_>, Vec<_>) = given.iter().partition(|name| name.ends_with(CERTIFIED));
    let parse = |name: &String| {
        let name = name.strip_suffix(CERTIFIED).unwrap_or(name);
        name.parse().unwrap_or_else(|_| fail("unknown", name))
    };
    (certified.into_iter().map(parse).collect(), plain.into_iter().map(parse).collect())
}

/// A key, and the certificate that lies beside it.
pub fn load(path: &Path) -> (PrivateKey, Option<Certificate>) {
    let key = PrivateKey::from_openssh(read(path)).unwrap_or_else(|error| fail("key", error));
    let mut beside = path.as_os_str().to_owned();
    beside.push("-cert.pub");
    let certificate = Path::new(&beside).exists().then(|| {
        Certificate::from_openssh(read(Path::new(&beside)).trim()).unwrap_or_else(|error| fail("certificate", error))
    });
    (key, certificate)
}
