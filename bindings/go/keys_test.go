// SPDX-License-Identifier: Apache-2.0

package sessile_test

import (
	"errors"
	"testing"

	"sessile.dev/go"
)

func TestAKeyIsWrittenReadAndSignsTheSame(t *testing.T) {
	key := generate(t)
	text, err := key.Marshal(sessile.FormatOpenSSH, []byte("secret"), "", 1)
	must(t, err)
	if _, err := sessile.ParseKey(text, nil); !errors.Is(err, sessile.ErrPassphrase) {
		t.Fatal(err)
	}
	again, err := sessile.ParseKey(text, []byte("secret"))
	must(t, err)
	if !again.Equal(key) || again.Comment() != "test" || again.Type() != "ssh-ed25519" || !again.IsPrivate() {
		t.Fatal(again.Comment())
	}
	signature, err := again.Sign([]byte("message"), "")
	must(t, err)
	must(t, key.Verify([]byte("message"), signature, ""))
	if err := key.Verify([]byte("another"), signature, ""); !errors.Is(err, sessile.ErrVerify) {
		t.Fatal(err)
	}
}

func TestACertificateSaysWhatItWasMadeWith(t *testing.T) {
	authority, key := generate(t), generate(t)
	made, err := key.SignCertificate(authority, "", sessile.Certificate{
		Kind: sessile.CertificateUser, Serial: 7, KeyID: "id", Principals: []string{"alice", "bob"}, ValidBefore: 1 << 40,
	}, nil, nil)
	must(t, err)
	c := made.Certificate()
	if c.Serial != 7 || c.KeyID != "id" || len(c.Principals) != 2 || c.Principals[1] != "bob" ||
		!c.Authority.Equal(authority) {
		t.Fatalf("%+v", c)
	}
	alice, empty := "alice", ""
	must(t, made.CheckCertificate(sessile.CertificateUser, &alice, nil, 1000))
	if err := made.CheckCertificate(sessile.CertificateUser, &empty, nil, 1000); !errors.Is(err, sessile.ErrVerify) {
		t.Fatal(err)
	}
	if key.Certificate() != nil {
		t.Fatal("a key without one")
	}
}

func TestTrustFilesSayWhoMayEnter(t *testing.T) {
	key, other := generate(t), generate(t)
	line, err := key.MarshalPublic(sessile.FormatLine)
	must(t, err)
	keys, err := sessile.ParseAuthorizedKeys(append([]byte("what is this\ncommand=\"ls\",no-pty "), line...), 0)
	must(t, err)
	grant, err := keys.Match(key, sessile.Login{User: "alice"})
	must(t, err)
	if grant.Command() != "ls" || grant.Allows(sessile.AllowPTY) || !grant.Allows(sessile.AllowPortForwarding) {
		t.Fatal(grant.Command())
	}
	if bad := keys.BadLines(); len(bad) != 1 || bad[0].Line != 1 || bad[0].Reason == "" || keys.Len() != 1 {
		t.Fatal(bad)
	}
	if _, err := keys.Match(other, sessile.Login{User: "alice"}); !errors.Is(err, sessile.ErrVerify) {
		t.Fatal(err)
	}
	hosts, err := sessile.KnownHostsLine("host", 22, key, false)
	must(t, err)
	known, err := sessile.ParseKnownHosts(hosts, nil)
	must(t, err)
	found, err := known.Check("host", 22, key, 0)
	must(t, err)
	changed, err := known.Check("host", 22, other, 0)
	must(t, err)
	if found.Status != sessile.HostKnown || found.Line != 1 || changed.Status != sessile.HostChanged {
		t.Fatal(found, changed)
	}
	if _, err := known.Check("ho\x00st", 22, key, 0); !errors.Is(err, sessile.ErrArgument) {
		t.Fatal(err)
	}
}
