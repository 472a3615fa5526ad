// SPDX-License-Identifier: Apache-2.0

package sessile

import (
	"runtime"

	"sessile.dev/go/internal/core"
)

// Key is an SSH key, public or private, with its certificate if it has one. It never changes: any number of
// goroutines,
// configs and sessions may share it.
type Key struct{ object }

func newKey(call func(out []uintptr, room []byte) int) (*Key, error) {
	o, err := made(core.Key_free, call)
	if err != nil {
		return nil, err
	}
	return &Key{o}, nil
}

func keyOf(handle uintptr) *Key {
	if handle == 0 {
		return nil
	}
	return &Key{object{newLeaf(handle, core.Key_free, nil)}}
}

// GenerateKey makes a private key. kind: "ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa" and their like. bits: for
// RSA,
// 0 for 3072; else 0.
func GenerateKey(kind string, bits int, comment string) (*Key, error) {
	return newKey(func(out []uintptr, _ []byte) int {
		return core.Key_generate(core.Text(kind), bits, core.Text(comment), out)
	})
}

// ParseKey reads a private key from a file's text: OpenSSH's format or PEM. passphrase: nil for none; ErrPassphrase
// where it is missing or wrong.
func ParseKey(data, passphrase []byte) (*Key, error) {
	return newKey(func(out []uintptr, room []byte) int { return core.Key_read(data, passphrase, out, room) })
}

// ParsePublicKey reads a public key or a certificate: a line as in an id_*.pub file, RFC 4716, or PEM.
func ParsePublicKey(data []byte) (*Key, error) {
	return newKey(func(out []uintptr, room []byte) int { return core.Key_read_public(data, out, room) })
}

// ParseKeyBlob reads a public key or a certificate in SSH's wire form (RFC 4253, section 6.6).
func ParseKeyBlob(blob []byte) (*Key, error) {
	return newKey(func(out []uintptr, room []byte) int { return core.Key_from_blob(blob, out, room) })
}

// WithCertificate is the key with the certificate of another, of the same public key.
func (k *Key) WithCertificate(certificate *Key) (*Key, error) {
	defer runtime.KeepAlive(k)
	defer runtime.KeepAlive(certificate)
	return newKey(func(out []uintptr, _ []byte) int {
		return core.Key_with_certificate(k.leaf.handle, certificate.leaf.handle, out)
	})
}

func (k *Key) filled(call func(handle uintptr, room []byte) int) ([]byte, error) {
	defer runtime.KeepAlive(k)
	return filled(func(room []byte) int { return call(k.leaf.handle, room) })
}

// Marshal is the private key as the text of a file. passphrase: nil for none. cipher: "" for the default. rounds: of
// bcrypt_pbkdf, 0 for 24.
func (k *Key) Marshal(format KeyFormat, passphrase []byte, cipher string, rounds int) ([]byte, error) {
	return k.filled(func(h uintptr, room []byte) int {
		return core.Key_write(h, int(format), passphrase, core.TextOrNone(cipher), rounds, room)
	})
}

// MarshalPublic is the public key, or the certificate, as text.
func (k *Key) MarshalPublic(format PublicFormat) ([]byte, error) {
	return k.filled(func(h uintptr, room []byte) int { return core.Key_write_public(h, int(format), room) })
}

// Blob is the wire form of the public key, or of the certificate where there is one and certificate is true.
func (k *Key) Blob(certificate bool) ([]byte, error) {
	return k.filled(func(h uintptr, room []byte) int { return core.Key_blob(h, flag(certificate), room) })
}

// Type is its type's name, such as "ssh-ed25519".
func (k *Key) Type() string { return k.text(core.Key_type) }

// Bits is its size.
func (k *Key) Bits() int { return k.use(core.Key_bits) }

// Comment is what is said of it.
func (k *Key) Comment() string { return k.text(core.Key_comment) }

// IsPrivate is whether it can sign.
func (k *Key) IsPrivate() bool { return k.yes(core.Key_is_private) }

// HasCertificate is whether it has one.
func (k *Key) HasCertificate() bool { return k.yes(core.Key_has_certificate) }

// Equal is whether both are of the same public key, certificates apart.
func (k *Key) Equal(other *Key) bool {
	defer runtime.KeepAlive(other)
	return other != nil && k.yes(func(h uintptr) int { return core.Key_equal(h, other.leaf.handle) })
}

// Fingerprint is "SHA256:..." or "MD5:...".
func (k *Key) Fingerprint(hash Hash) string {
	text, _ := k.filled(func(h uintptr, room []byte) int { return core.Key_fingerprint(h, int(hash), room) })
	return string(text)
}

// RandomArt is the picture that ssh-keygen -lv shows.
func (k *Key) RandomArt(hash Hash) string {
	text, _ := k.filled(func(h uintptr, room []byte) int { return core.Key_randomart(h, int(hash), room) })
	return string(text)
}

// Sign makes a whole signature blob (RFC 4253, section 6.6). algorithm: "" for the type's best.
func (k *Key) Sign(message []byte, algorithm string) ([]byte, error) {
	return k.filled(func(h uintptr, room []byte) int {
		return core.Key_sign(h, core.TextOrNone(algorithm), message, room)
	})
}

// Verify fails with ErrVerify where the signature is not good. algorithm: "" takes any of the key's but SHA-1.
func (k *Key) Verify(message, signature []byte, algorithm string) error {
	return fail(k.use(func(h uintptr) int {
		return core.Key_verify(h, core.TextOrNone(algorithm), message, signature)
	}), nil)
}

// SignText signs as ssh-keygen -Y sign does: armored text. hash: "" for sha512.
func (k *Key) SignText(message []byte, namespace, hash string) ([]byte, error) {
	return k.filled(func(h uintptr, room []byte) int {
		return core.Key_sshsig(h, core.Text(namespace), core.TextOrNone(hash), message, room)
	})
}

// VerifyText checks such a text, and returns the key that made it, to be looked up among those that may.
func VerifyText(text, message []byte, namespace string) (*Key, error) {
	return newKey(func(out []uintptr, room []byte) int {
		return core.Sshsig_verify(text, core.Text(namespace), message, out, room)
	})
}

// ---- Certificates ----

// Certificate is what a key's certificate says.
type Certificate struct {
	Kind                    CertificateKind
	Serial                  uint64
	KeyID                   string
	ValidAfter, ValidBefore uint64 // seconds since 1970; the largest number: forever
	Principals              []string
	Authority               *Key
}

// Certificate is what its certificate says; nil where it has none.
func (k *Key) Certificate() *Certificate {
	defer runtime.KeepAlive(k)
	h := k.leaf.handle
	if core.Key_has_certificate(h) <= 0 {
		return nil
	}
	c := &Certificate{
		Kind: CertificateKind(core.Certificate_kind(h)), Serial: core.Certificate_serial(h),
		KeyID: string(core.Certificate_key_id(h)), ValidAfter: core.Certificate_valid_after(h),
		ValidBefore: core.Certificate_valid_before(h), Authority: keyOf(core.Certificate_authority(h)),
	}
	for i, count := 0, core.Certificate_principal_count(h); i < count; i++ {
		c.Principals = append(c.Principals, string(core.Certificate_principal(h, i)))
	}
	return c
}

// CertificateOption is a critical option's, or an extension's, value; ErrArgument where the certificate has none.
func (k *Key) CertificateOption(name string, critical bool) ([]byte, error) {
	return k.filled(func(h uintptr, room []byte) int {
		return core.Certificate_option(h, flag(critical), core.Text(name), room)
	})
}

// CheckCertificate checks all but trust in the authority. principal: nil where none is asked for. address: the
// peer's,
// for source-address; nil refuses a certificate that has it. now: seconds since 1970.
func (k *Key) CheckCertificate(kind CertificateKind, principal, address *string, now int64) error {
	room := make([]byte, errorRoom)
	return fail(k.use(func(h uintptr) int {
		return core.Certificate_check(h, int(kind), textOr(principal), textOr(address), now, room)
	}), sentence(room))
}

func textOr(s *string) []byte {
	if s == nil {
		return nil
	}
	return core.Text(*s)
}

// SignCertificate makes a certificate for k's public key, signed by authority. algorithm: "" for its best. critical
// and
// extensions: options in SSH's wire form, nil for none. Kind, Serial, KeyID, the times and Principals are read.
func (k *Key) SignCertificate(authority *Key, algorithm string, c Certificate,
	critical, extensions []byte) (*Key, error) {
	principals, ok := core.Texts(c.Principals)
	if !ok {
		return nil, fail(int(ErrArgument), nil)
	}
	defer runtime.KeepAlive(k)
	defer runtime.KeepAlive(authority)
	return newKey(func(out []uintptr, _ []byte) int {
		return core.Certificate_sign(k.leaf.handle, authority.leaf.handle, core.TextOrNone(algorithm), int(c.Kind), c.Serial,
			core.Text(c.KeyID), principals, c.ValidAfter, c.ValidBefore, critical, extensions, out)
	})
}
