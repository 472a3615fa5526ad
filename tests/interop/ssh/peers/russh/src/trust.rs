// SPDX-License-Identifier: Apache-2.0

//! What is asked of a certificate beside who signed it.

use russh::keys::ssh_key::certificate::CertType;
use russh::keys::ssh_key::{Certificate, HashAlg};

/// In its time, of its kind, for this name, with no critical options, and with a signature that holds.
pub fn good_certificate(certificate: &Certificate, host: bool, name: &str) -> bool {
    let kind = if host { CertType::Host } else { CertType::User };
    certificate.cert_type() == kind
        && certificate.valid_principals().iter().any(|principal| principal == name)
        && certificate.critical_options().is_empty()
        && certificate.validate([&certificate.signature_key().fingerprint(HashAlg::Sha256)]).is_ok()
}
